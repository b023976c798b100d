"""Telling complainants of answers: by the means that suits, by a real mail server, and what they say back."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from pypdf import PdfReader
from starlette.testclient import TestClient

from center1111.app import create_app
from center1111.codes import Means, Placeholder
from center1111.journey import DELIVERY_MOVES, DeliveryMove, DeliveryState
from center1111.letterhead import NOBODY, full_name
from center1111.means import means_for
from center1111.postman import make_postman
from center1111.records import Answer, Complaint
from center1111.tellings import owe_telling
from center1111.templates.rules import filled, unknown_placeholders
from schemas import Channel
from servicekit.clock import utc_now
from servicekit.mail_queue import Postman, Round
from servicekit.testing import eventually
from servicekit.testing_mail import Mailbox
from thaikit.text import normalise

from .conftest import HOTLINE, WEBSITE, Centre, Issuer, Json, made, mailing, ok, pointers, refused, settings_for
from .test_referrals import answered

ANSWER = "สำนักงานจะโอนเงินซึ่งได้รับอนุมัติแล้วภายใน 30 วันทำการ"
NOWHERE = "019a5f0e-7c00-7000-8000-000000000001"
WITH_EMAIL = WEBSITE | {"complainant": {"first_name": "วิชัย", "last_name": "สุขใจ", "email": "wichai@example.org"}}


def told_of(centre: Centre, **changes: object) -> Json:
    """The telling that is owed when a complaint is answered."""
    complaint = centre.verified(**changes)
    made(centre.as_("officer").post(f"/v1/complaints/{complaint['id']}/answers", json={"text": ANSWER}))
    return only(deliveries(centre, complaint["id"]))


def deliveries(centre: Centre, complaint_id: str) -> list[Json]:
    items: list[Json] = ok(centre.as_("officer").get(f"/v1/complaints/{complaint_id}/deliveries"))["items"]
    return items


def only(items: list[Json]) -> Json:
    (item,) = items
    return item


def text_of(pdf: bytes) -> str:
    return "".join("".join(normalise(page.extract_text()).split()) for page in PdfReader(io.BytesIO(pdf)).pages)


def squeezed(text: str) -> str:
    return "".join(normalise(text).split())


def postman(centre: Centre, mailbox: Mailbox) -> Postman:
    made = make_postman(centre.app.state.sessions, mailing(centre, mailbox))
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("channel", "reached_by", "expected"),
    [
        (Channel.LETTER, {Means.LETTER, Means.EMAIL}, Means.LETTER),
        (Channel.LETTER, {Means.TELEPHONE}, Means.TELEPHONE),
        (Channel.HOTLINE, {Means.LETTER, Means.TELEPHONE}, Means.TELEPHONE),
        (Channel.HOTLINE, {Means.EMAIL}, Means.EMAIL),
        (Channel.WALK_IN, {Means.COUNTER, Means.EMAIL}, Means.EMAIL),
        (Channel.WALK_IN, {Means.COUNTER}, Means.COUNTER),
        (Channel.WEBSITE, {Means.EMAIL, Means.LETTER}, Means.EMAIL),
        (Channel.WEBSITE, {Means.LETTER, Means.TELEPHONE}, Means.ONLINE),
        *((channel, set(), Means.ONLINE) for channel in Channel),
    ],
)
def test_the_means_is_the_channel_s_own_if_it_reaches_the_complainant(
    channel: Channel, reached_by: set[Means], expected: Means
) -> None:
    """Who wrote is written to, who called is called; who left nothing sees it online."""
    assert expected == means_for(channel, reached_by)


def test_who_called_is_called_whatever_else_they_left(busy_centre: Centre) -> None:
    """By the number that the call came from, unless it was withheld."""
    delivery = told_of(busy_centre, **HOTLINE)
    assert ("telephone", "to_send") == (delivery["means"], delivery["state"])
    assert "+66812345678" == delivery["reached_at"]
    hidden = HOTLINE | {"evidence": HOTLINE["evidence"] | {"caller_number": "withheld"}}
    assert ("online", "told") == tuple(told_of(busy_centre, **hidden)[name] for name in ("means", "state"))


def test_a_template_names_the_last_day_and_not_the_moment_after(busy_centre: Centre) -> None:
    """What is due is due until the end of a day."""
    body = {"name": "กำหนด", "text": "ภายใน {{due_on}}"}
    template = made(busy_centre.as_("km_editor").post("/v1/answer-templates", json=body))
    complaint = busy_centre.verified()
    with busy_centre.session() as session, session.begin():
        session.get_one(Complaint, UUID(complaint["id"])).due_at = datetime(2026, 12, 16, 17, tzinfo=UTC)
    path = f"/v1/answer-templates/{template['id']}/preview"
    preview = ok(busy_centre.as_("officer").post(path, json={"complaint_id": complaint["id"]}))
    assert "ภายใน 16 ธันวาคม พ.ศ. 2569" == preview["text"]


def test_names_in_letters() -> None:
    """A title stands before the name without a space; nobody in particular is addressed as that."""
    assert "นางสมศรี ใจดี" == full_name("นาง", "สมศรี", "ใจดี")
    assert "คุณวิชัย" == full_name(None, "วิชัย", None)
    assert NOBODY == full_name("นาง", None, None)


def test_a_letter_is_printed_posted_and_written_down(busy_centre: Centre) -> None:
    """The PDF says the answer, to whom, of what; once posted, the complaint shows when its complainant was told."""
    delivery = told_of(busy_centre)
    assert ("letter", "to_send", False) == (delivery["means"], delivery["state"], delivery["superseded"])
    assert "12 หมู่ 3 ต.บ้านกลาง อ.เมือง จ.ลำพูน" == delivery["reached_at"]
    officer = busy_centre.as_("officer", subject="officer-1")
    letter = officer.get(f"/v1/deliveries/{delivery['id']}/letter")
    assert ("application/pdf", "private, no-store") == (
        letter.headers["content-type"],
        letter.headers["cache-control"],
    )
    text = text_of(letter.content)
    for said in ("นางสมศรี ใจดี", ANSWER, delivery["tracking_number"], "5 ตุลาคม พ.ศ. 2569", "จึงเรียนมาเพื่อโปรดทราบ"):
        assert squeezed(said) in text

    path = f"/v1/deliveries/{delivery['id']}/telling"
    told = officer.post(path, json={"note": "EF582568151TH"}, headers={"If-Match": '"1"'})
    assert ("told", "officer-1", "EF582568151TH") == tuple(ok(told)[name] for name in ("state", "told_by", "note"))
    assert f'"{ok(told)["version"]}"' == told.headers["etag"]
    complaint = busy_centre.complaint(delivery["complaint_id"])
    assert (told.json()["told_at"], False) == (complaint["answer"]["told_at"], complaint["told_otherwise"])
    history = ok(officer.get(f"/v1/complaints/{complaint['id']}/history"))["items"]
    assert ("tell", "letter: EF582568151TH") == (history[-1]["move"], history[-1]["note"])
    assert "told" in refused(officer.post(path, json={}), 409)["detail"]
    refused(officer.post(path, json={}, headers={"If-Match": '"1"'}), 412)


def test_a_mail_tells_by_itself(centre: Centre, mailbox: Mailbox) -> None:
    """The answer in plain text and as the letter; its subject tells strangers nothing. Taken, it counts as told."""
    delivery = told_of(centre, **WITH_EMAIL)
    assert ("email", "wichai@example.org") == (delivery["means"], delivery["reached_at"])
    assert [Round.SETTLED, Round.IDLE] == [postman(centre, mailbox).round(utc_now()) for _ in range(2)]
    (mail,) = mailbox.mails
    body, letter = mail.get_body(), next(mail.iter_attachments())
    assert body is not None
    assert ANSWER in body.get_content()
    assert "คุณวิชัย สุขใจ" in body.get_content()
    assert squeezed(ANSWER) in text_of(letter.get_content())
    assert delivery["tracking_number"] in mail["Subject"]
    assert WEBSITE["subject"] not in mail["Subject"]
    shown = only(deliveries(centre, delivery["complaint_id"]))
    assert ("told", "mail") == (shown["state"], shown["told_by"])


def test_a_refused_mail_is_retried_or_another_means_is_chosen(centre: Centre, mailbox: Mailbox) -> None:
    """The list of what failed says why; a retry keeps the Message-ID; a letter needs an address."""
    delivery = told_of(centre, **WITH_EMAIL)
    officer = centre.as_("officer")
    path = f"/v1/deliveries/{delivery['id']}"
    assert "to_send" in refused(officer.post(f"{path}/retry"), 409)["detail"]
    mailbox.rcpt = "550 5.1.1 wichai@example.org: no such user"
    postman(centre, mailbox).round(utc_now())
    failed = only(ok(officer.get("/v1/deliveries?state=failed"))["items"])
    assert "SMTP 550 5.1.1" == failed["last_problem"]

    another = f"/v1/complaints/{delivery['complaint_id']}/deliveries"
    assert "address" in refused(officer.post(another, json={"means": "letter"}), 409)["detail"]
    assert "/problems/being-told" == refused(officer.post(another, json={"means": "email"}), 409)["type"]
    assert "counter" == made(officer.post(another, json={"means": "counter"}))["means"]

    mailbox.rcpt = "250 OK"
    assert "to_send" == ok(officer.post(f"{path}/retry"))["state"]
    postman(centre, mailbox).round(utc_now())
    assert "told" == ok(officer.get(path))["state"]
    assert 1 == len(mailbox.mails)


def test_without_any_address_the_answer_is_shown_online(busy_centre: Centre) -> None:
    """That counts as told at once, and has no letter."""
    delivery = told_of(busy_centre, **WEBSITE)
    assert ("online", "told", "website") == tuple(delivery[name] for name in ("means", "state", "told_by"))
    refused(busy_centre.as_("officer").get(f"/v1/deliveries/{delivery['id']}/letter"), 404)


def test_a_later_version_flags_what_was_told_and_is_told_as_a_correction(busy_centre: Centre) -> None:
    """What was told stays on record as told; officers can list it; the new letter says that it corrects the old one."""
    referral = busy_centre.referred()
    busy_centre.told(referral["id"], answered(referral))
    id_ = referral["complaint_id"]
    officer = busy_centre.as_("officer")
    first = only(deliveries(busy_centre, id_))
    ok(officer.post(f"/v1/deliveries/{first['id']}/telling", json={}))
    busy_centre.told(referral["id"], answered(referral, 2, "โอนภายใน 45 วัน"))

    first, second = deliveries(busy_centre, id_)
    assert ("told", True, False) == (first["state"], first["superseded"], first["corrects"])
    assert ("to_send", False, True) == (second["state"], second["superseded"], second["corrects"])
    assert busy_centre.complaint(id_)["told_otherwise"]
    listed = ok(officer.get(f"/v1/deliveries?state=told&superseded=true&complaint={id_}&count=true"))
    assert ([first["id"]], 1) == ([one["id"] for one in listed["items"]], listed["total"])
    letter = officer.get(f"/v1/deliveries/{second['id']}/letter").content
    assert squeezed("ขอแก้ไขคำตอบที่ได้แจ้งท่านไว้ก่อนหน้านี้") in text_of(letter)


def test_what_was_not_told_yet_of_an_earlier_version_is_called_off(centre: Centre, mailbox: Mailbox) -> None:
    """Only the version in force is sent, and none of a complaint that was reopened or withdrawn."""
    referral = centre.referred(centre.verified(**WITH_EMAIL))
    id_ = referral["complaint_id"]
    for version in (1, 2):
        centre.told(referral["id"], answered(referral, version, f"โอนภายใน {version} วัน"))
    assert ["called_off", "to_send"] == [one["state"] for one in deliveries(centre, id_)]
    assert [Round.SETTLED] * 2 == [postman(centre, mailbox).round(utc_now()) for _ in range(2)]
    assert ["โอนภายใน 2 วัน" in str(mail.get_body().get_content()) for mail in mailbox.mails] == [True]  # type: ignore[union-attr]  # it has one

    other = told_of(centre)
    officer = centre.as_("officer")
    ok(officer.post(f"/v1/complaints/{other['complaint_id']}/reopening", json={"reason": "ตอบผิดเรื่อง"}))
    shown = only(deliveries(centre, other["complaint_id"]))
    assert "called_off" == shown["state"]
    refused(officer.post(f"/v1/deliveries/{other['id']}/telling", json={}), 409)
    refused(officer.post(f"/v1/complaints/{other['complaint_id']}/deliveries", json={"means": "counter"}), 409)


def test_deliveries_are_listed_page_by_page(centre: Centre) -> None:
    """The one owed longest first; unknown codes and parameters are refused."""
    ids = [told_of(centre)["id"] for _ in range(3)]
    officer = centre.as_("auditor")
    first = ok(officer.get("/v1/deliveries?state=to_send&means=letter&limit=2"))
    rest = ok(officer.get("/v1/deliveries", params={"state": "to_send", "means": "letter", "cursor": first["next"]}))
    assert ids == [one["id"] for one in first["items"] + rest["items"]]
    assert {"/state/0": "unknown_code"} == pointers(refused(officer.get("/v1/deliveries?state=lost"), 400))
    refused(officer.get("/v1/deliveries?colour=red"), 400)


def test_who_may_tell(quiet_centre: Centre) -> None:
    """Officers who answer; others read; a telling that is not there is 404 and an agency's system sees none."""
    for role in ("intake", "km_editor", "auditor", "verifier"):
        refused(quiet_centre.as_(role).post(f"/v1/deliveries/{NOWHERE}/telling", json={}), 403)
        refused(quiet_centre.as_(role).get(f"/v1/deliveries/{NOWHERE}/letter"), 403)
    refused(quiet_centre.as_("agency_client", client_id="x").get("/v1/deliveries"), 403)
    officer = quiet_centre.as_("officer")
    for answer in (
        officer.get(f"/v1/deliveries/{NOWHERE}"),
        officer.get(f"/v1/deliveries/{NOWHERE}/letter"),
        officer.post(f"/v1/deliveries/{NOWHERE}/telling", json={}),
        officer.post(f"/v1/deliveries/{NOWHERE}/retry"),
        officer.post(f"/v1/complaints/{NOWHERE}/deliveries", json={"means": "letter"}),
    ):
        refused(answer, 404)


def test_every_move_of_a_telling_is_known_and_every_state_reached() -> None:
    """As data."""
    assert set(DeliveryMove) == {move for _, move in DELIVERY_MOVES}
    assert set(DeliveryState) == {DeliveryState.TO_SEND, *DELIVERY_MOVES.values()}


def test_templates_are_written_filled_changed_and_retired(centre: Centre) -> None:
    """By editors and supervisors; a preview fills what the complaint has, and names what it has not."""
    editor = centre.as_("km_editor")
    text = "เรียน {{complainant}} เรื่อง {{ subject }} เลขที่ {{tracking_number}} รับเมื่อ {{received_on}} ที่ {{place}}"
    template = made(editor.post("/v1/answer-templates", json={"name": "แจ้งกำหนดโอนเงิน", "text": text}))
    path = f"/v1/answer-templates/{template['id']}"
    complaint = centre.registered()
    officer = centre.as_("officer")
    preview = ok(officer.post(f"{path}/preview", json={"complaint_id": complaint["id"]}))
    number = complaint["tracking_number"]
    assert [] == preview["missing"]
    assert f"เลขที่ {number} รับเมื่อ 5 ตุลาคม พ.ศ. 2569 ที่ บ้านกลาง เมืองลำพูน ลำพูน" in preview["text"]
    bare = centre.registered(**WEBSITE)
    assert ["place"] == ok(officer.post(f"{path}/preview", json={"complaint_id": bare["id"]}))["missing"]
    refused(officer.post(f"{path}/preview", json={"complaint_id": NOWHERE}), 404)
    refused(officer.post(f"/v1/answer-templates/{NOWHERE}/preview", json={"complaint_id": bare["id"]}), 404)

    supervisor = centre.as_("supervisor")
    refused(supervisor.patch(path, json={"retired": True}), 428)
    ok(supervisor.patch(path, json={"retired": True}, headers={"If-Match": '"1"'}))
    refused(supervisor.patch(path, json={"name": "อื่น"}, headers={"If-Match": '"1"'}), 412)
    assert [] == ok(officer.get("/v1/answer-templates"))["items"]
    assert [template["id"]] == [one["id"] for one in ok(officer.get("/v1/answer-templates?retired=true"))["items"]]
    again = refused(editor.post("/v1/answer-templates", json={"name": "แจ้งกำหนดโอนเงิน", "text": text}), 400)
    assert {"/name": "name_taken"} == pointers(again)


def test_of_two_templates_with_one_name_at_one_moment_one_is_made(centre: Centre) -> None:
    """The other is told that the name is taken, as is who gives a template that name later; so with saved views."""
    body = {"name": "แจ้งผล", "text": "เรียน {{complainant}}"}
    view: Json = {"name": "ใกล้ครบกำหนด", "filters": {}}
    together = threading.Barrier(4)

    def post(client: TestClient, path: str, new: Json) -> int:
        together.wait()
        return client.post(path, json=new).status_code

    editors = [centre.as_("km_editor") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        templates = list(pool.map(post, editors, ["/v1/answer-templates"] * 4, [body] * 4))
        views = list(pool.map(post, editors, ["/v1/saved-views"] * 4, [view] * 4))
    assert ([201, 400, 400, 400], [201, 409, 409, 409]) == (sorted(templates), sorted(views))

    editor = centre.as_("km_editor")
    other = made(editor.post("/v1/answer-templates", json=body | {"name": "อื่น"}))
    path = f"/v1/answer-templates/{other['id']}"
    renamed = refused(editor.patch(path, json={"name": "แจ้งผล"}, headers={"If-Match": '"1"'}), 400)
    assert {"/name": "name_taken"} == pointers(renamed)
    second = made(editor.post("/v1/saved-views", json=view | {"name": "อื่น"}))
    assert "/problems/view-name-taken" == refused(editor.put(f"/v1/saved-views/{second['id']}", json=view), 409)["type"]


def test_letters_are_numbered_anew_each_calendar_year(centre: Centre) -> None:
    """As the register of outgoing letters is; the year turns at midnight in Bangkok."""
    numbers = []
    last_minute, new_year = datetime(2037, 12, 31, 16, 59, tzinfo=UTC), datetime(2037, 12, 31, 17, tzinfo=UTC)
    for at in (last_minute, last_minute, new_year):
        complaint = centre.answered()
        with centre.session() as session, session.begin():
            answer = session.scalars(sa.select(Answer).where(Answer.complaint_id == complaint["id"])).one()
            found = session.get_one(Complaint, answer.complaint_id)
            given = owe_telling(session, found, answer, now=at)
            numbers.append((given.letter_year, given.letter_serial))
    assert [(2580, 1), (2580, 2), (2581, 1)] == numbers


def test_an_unknown_placeholder_is_refused(quiet_centre: Centre) -> None:
    """It is named, with those that there are; officers do not write templates."""
    body = {"name": "ก", "text": "เรียน {{complainant}} {{national_id}} {{}}"}
    problem = refused(quiet_centre.as_("km_editor").post("/v1/answer-templates", json=body), 400)
    assert {"/text": "unknown_placeholder"} == pointers(problem)
    assert "{{national_id}}, {{}}." in problem["errors"][0]["detail"]
    refused(quiet_centre.as_("officer").post("/v1/answer-templates", json=body), 403)


def test_places_are_filled_once_and_only_where_they_stand() -> None:
    """What fills a place is not filled again, and single braces are text."""
    values = {Placeholder.SUBJECT: "{{today}} {x}", Placeholder.TODAY: "วันนี้"}
    assert ("{{today}} {x} วันนี้ {today}", []) == filled("{{subject}} {{ today }} {today}", values)
    assert ("{{place}}", [Placeholder.PLACE]) == filled("{{place}}", values)
    assert ["a b", ""] == unknown_placeholders("{{a b}} {{subject}} {{}} {{a b}}")


class Complainant:
    """Somebody with number and secret."""

    def __init__(self, centre: Centre, **changes: object) -> None:
        """Register a complaint by `changes`."""
        self.centre = centre
        new = centre.registered(**changes)
        self.id = str(new["id"])
        self.number, self.secret = str(new["tracking_number"]), str(new["tracking_secret"])

    def sees(self) -> Json:
        """Their complaint, as they see it."""
        path = f"/v1/public/complaints/{self.number}"
        return ok(self.centre.anyone.get(path, headers={"Tracking-Secret": self.secret}))

    def says(self, what: str, body: Json, **changed: str) -> Any:  # noqa: ANN401  # a response
        """The answer to what they send."""
        number, secret = changed.get("number", self.number), changed.get("secret", self.secret)
        path = f"/v1/public/complaints/{number}/{what}"
        return self.centre.anyone.post(path, json=body, headers={"Tracking-Secret": secret})

    def answered(self) -> None:
        """Let the Centre answer."""
        ok(self.centre.as_("verifier").put(f"/v1/complaints/{self.id}/verification", json={"outcome": "accepted"}))
        made(self.centre.as_("officer").post(f"/v1/complaints/{self.id}/answers", json={"text": ANSWER}))


SAYINGS: dict[str, Json] = {
    "messages": {"text": "ส่งสำเนาสมุดบัญชีแล้ว"},
    "feedback": {"satisfied": False, "comment": "ยังไม่ระบุวัน"},
    "reopening-requests": {"reason": "พ้นกำหนดแล้วยังไม่ได้รับเงิน"},
    "withdrawal": {"reason": "ได้รับเงินแล้ว"},
}


@pytest.mark.parametrize("what", SAYINGS)
def test_a_wrong_number_and_a_wrong_secret_get_the_same_answer(busy_centre: Centre, what: str) -> None:
    """Nobody learns which numbers there are, and nothing is changed."""
    one, other = Complainant(busy_centre), Complainant(busy_centre)
    problems = [
        refused(one.says(what, SAYINGS[what], **wrong), 404)
        for wrong in ({"secret": other.secret}, {"number": other.number}, {"number": "1111-2569-1"}, {"secret": "x"})
    ]
    assert 1 == len({(problem["type"], problem["detail"]) for problem in problems})
    refused(busy_centre.anyone.post(f"/v1/public/complaints/{one.number}/{what}", json=SAYINGS[what]), 400)
    assert 1 == busy_centre.complaint(one.id)["version"]


def test_what_a_complainant_adds_is_seen_by_officers(busy_centre: Centre) -> None:
    """On the complaint and in its history, while it is open; the complainant sees it too."""
    somebody = Complainant(busy_centre)
    made(somebody.says("messages", {"text": "ส่งสำเนาสมุดบัญชีแล้ว"}))
    officer = busy_centre.as_("officer")
    assert "ส่งสำเนาสมุดบัญชีแล้ว" == only(ok(officer.get(f"/v1/complaints/{somebody.id}/messages"))["items"])["text"]
    last = ok(officer.get(f"/v1/complaints/{somebody.id}/history"))["items"][-1]
    assert ("inform", "complainant", "ส่งสำเนาสมุดบัญชีแล้ว") == (last["move"], last["by"], last["note"])
    assert "ส่งสำเนาสมุดบัญชีแล้ว" == only(somebody.sees()["messages"])["text"]
    assert {"/text": "too_short"} == pointers(refused(somebody.says("messages", {"text": " "}), 400))

    ok(officer.post(f"/v1/complaints/{somebody.id}/withdrawal", json={"reason": "ผู้ร้องขอถอน"}))
    refused(somebody.says("messages", {"text": "อีกครั้ง"}), 409)
    assert 1 == len(somebody.sees()["messages"])


def test_a_complaint_takes_only_so_many_messages(busy_centre: Centre) -> None:
    """Whoever has more to say calls the hotline."""
    somebody = Complainant(busy_centre)
    with busy_centre.session() as session, session.begin():
        session.execute(
            sa.text(
                "INSERT INTO complainant_messages (id, complaint_id, at, text)"
                " SELECT gen_random_uuid(), :id, now(), 'x' FROM generate_series(1, 50)"
            ),
            {"id": somebody.id},
        )
    assert "1111" in refused(somebody.says("messages", {"text": "อีก"}), 409)["detail"]


def test_each_answer_is_rated_once(busy_centre: Centre) -> None:
    """By who has the secret, after it was given; officers see it on the complaint."""
    somebody = Complainant(busy_centre)
    refused(somebody.says("feedback", SAYINGS["feedback"]), 409)
    somebody.answered()
    assert not somebody.sees()["rated"]
    assert 1 == made(somebody.says("feedback", SAYINGS["feedback"]))["answer_version"]
    assert "/problems/rated-already" == refused(somebody.says("feedback", {"satisfied": True}), 409)["type"]
    assert somebody.sees()["rated"]
    given = only(ok(busy_centre.as_("officer").get(f"/v1/complaints/{somebody.id}/feedback"))["items"])
    assert (False, "ยังไม่ระบุวัน", 1) == (given["satisfied"], given["comment"], given["answer_version"])
    assert {"/satisfied": "required"} == pointers(refused(somebody.says("feedback", {}), 400))
    for word in ("off", "true", 0):
        assert {"/satisfied": "wrong_type"} == pointers(refused(somebody.says("feedback", {"satisfied": word}), 400))


def test_a_complainant_asks_to_reopen_and_an_officer_decides(busy_centre: Centre) -> None:
    """One request at a time; declined with a reason that they see, or granted by reopening."""
    somebody = Complainant(busy_centre)
    refused(somebody.says("reopening-requests", SAYINGS["reopening-requests"]), 409)
    somebody.answered()
    assert somebody.sees()["reopening_until"]
    officer = busy_centre.as_("officer")
    declining = f"/v1/complaints/{somebody.id}/reopening-refusal"
    assert "/problems/no-reopening-request" == refused(officer.post(declining, json={"reason": "ไม่มี"}), 409)["type"]
    made(somebody.says("reopening-requests", SAYINGS["reopening-requests"]))
    assert "/problems/asked-already" == refused(somebody.says("reopening-requests", {"reason": "อีก"}), 409)["type"]
    listed = ok(officer.get(f"/v1/reopening-requests?state=open&complaint={somebody.id}&count=true"))
    assert (1, somebody.number) == (listed["total"], only(listed["items"])["tracking_number"])

    ok(officer.post(declining, json={"reason": "ตอบครบถ้วนแล้ว"}))
    assert ("declined", "ตอบครบถ้วนแล้ว") == tuple(somebody.sees()["reopening"][name] for name in ("state", "decision"))
    made(somebody.says("reopening-requests", {"reason": "ยังไม่ได้รับเงินจริง ๆ"}))
    ok(officer.post(f"/v1/complaints/{somebody.id}/reopening", json={"reason": "พิจารณาใหม่"}))
    assert ("in_progress", "granted") == (somebody.sees()["state"], somebody.sees()["reopening"]["state"])


def test_reopening_is_asked_for_in_time(busy_centre: Centre) -> None:
    """Thirty days after the answer it is too late."""
    somebody = Complainant(busy_centre)
    somebody.answered()
    with busy_centre.session() as session, session.begin():
        session.execute(
            sa.text("UPDATE answers SET recorded_at = :then WHERE complaint_id = :id"),
            {"then": datetime.now(UTC) - timedelta(days=31), "id": somebody.id},
        )
    assert "30" in refused(somebody.says("reopening-requests", SAYINGS["reopening-requests"]), 409)["detail"]


def test_the_service_delivers_by_itself_where_a_mail_server_is_named(
    database_url: str, secrets_folder: Path, issuer: Issuer, mailbox: Mailbox
) -> None:
    """Without one, answers by e-mail stay to be sent, and the command to deliver says what is missing."""
    without = settings_for(database_url, secrets_folder)
    given = {"smtp_host": "127.0.0.1", "smtp_port": mailbox.port, "smtp_security": "none"}
    settings = without.model_copy(update=given | {"mail_from": "ศูนย์ 1111 <no-reply@1111.example>"})
    app = create_app(settings)
    with TestClient(app) as client:
        assert "ok" == ok(client.get("/readyz"))["checks"]["postman"]
        delivery = told_of(Centre(app, issuer, settings), **WITH_EMAIL)
        assert delivery["tracking_number"] in eventually(lambda: mailbox.mails)[0]["Subject"]
    app.state.exchange.close()
    with pytest.raises(ValidationError):
        settings.smtp_host = None  # type: ignore[misc]  # it is frozen
    assert make_postman(app.state.sessions, without) is None
