"""What a work group does with its cases, and what the Centre or the complainant is told of it."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID

import pypdfium2 as pdfium
import pytest

from schemas.bodies import ReferralAmended

from .conftest import Centre, Json, Office, numbers

CaseOf = Callable[[UUID], Json]


@pytest.mark.parametrize("channel", ["po_box", "fax", "telephone", "website", "email"])
def test_a_case_of_each_channel_is_answered_by_its_channel(office: Office, channel: str) -> None:
    """What is approved is shown online for the website, and waits to be sent for every other channel."""
    case = office.record(channel)
    answered = office.answered(case, "โอนภายใน 30 วัน")
    assert ("answered", 1, "โอนภายใน 30 วัน") == (
        answered["state"],
        answered["answer"]["version"],
        answered["answer"]["text"],
    )
    (delivery,) = office.done("GET", "/deliveries")["items"]
    assert ("shown" if channel == "website" else "to_send", channel, case["case_number"]) == (
        delivery["state"],
        delivery["channel"],
        delivery["case_number"],
    )


def test_a_referred_case_is_accepted_and_answered_to_the_centre(
    office: Office, centre: Centre, case_of: CaseOf
) -> None:
    """The Centre is owed the second acknowledgement, then the answer, in that order."""
    referral = centre.refer()
    case = case_of(referral)
    office.answered(case, "โอนภายใน 30 วัน")
    accepted, answered = centre.owed()
    assert ("referral.accepted.v1", 1, str(referral)) == (accepted["type"], accepted["sequence"], accepted["subject"])
    assert {
        "case_number": case["case_number"],
        "work_group": "participation",
        "topic": "transfers_and_changes",
        "due_at": "2026-10-27T17:00:00Z",
    }.items() <= accepted["data"].items()
    assert ("referral.answered.v1", 2) == (answered["type"], answered["sequence"])
    assert {"version": 1, "text": "โอนภายใน 30 วัน", "work_group": "participation"}.items() <= answered["data"].items()
    assert [] == office.done("GET", "/deliveries")["items"]


def test_a_correction_is_a_new_version_that_supersedes(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """A further approved answer is version 2, for the Centre too; version 1 stays readable."""
    case = case_of(centre.refer())
    office.answered(case, "โอนภายใน 30 วัน")
    office.draft(case, "โอนภายใน 15 วัน")
    corrected = office.approve(case)
    assert ("answered", 2, "โอนภายใน 15 วัน") == (
        corrected["state"],
        corrected["answer"]["version"],
        corrected["answer"]["text"],
    )
    assert [1, 2] == [answer["version"] for answer in office.done("GET", f"/cases/{case['id']}/answers")["items"]]
    assert [(1, "โอนภายใน 30 วัน"), (2, "โอนภายใน 15 วัน")] == [
        (message["data"]["version"], message["data"]["text"])
        for message in centre.owed()
        if message["type"] == "referral.answered.v1"
    ]


def test_a_correction_takes_the_place_of_what_was_not_sent_yet(office: Office) -> None:
    """Nobody posts a letter whose answer was corrected meanwhile."""
    case = office.record("po_box")
    office.answered(case, "โอนภายใน 30 วัน")
    office.draft(case, "โอนภายใน 15 วัน")
    office.approve(case)
    assert [("superseded", 1), ("to_send", 2)] == [
        (delivery["state"], delivery["answer_version"]) for delivery in office.done("GET", "/deliveries")["items"]
    ]


def test_nobody_approves_their_own_draft(office: Office) -> None:
    """The head who wrote the draft cannot approve it; another person can."""
    case = office.record()
    office.accept(case)
    office.draft(case, "โอนภายใน 30 วัน", role="group_head.participation", subject="the head")
    head = {"role": "group_head.participation"}
    path = f"/cases/{case['id']}/answers"
    assert (409, "own-draft") == office.refused("POST", path, {}, **head, subject="the head")
    assert "accepted" == office.case(case["id"])["state"]
    answer = office.done("POST", path, {}, **head, subject="another head")["answer"]
    assert ("the head", "another head") == (answer["drafted_by"], answer["approved_by"])


def test_an_answer_needs_words(office: Office) -> None:
    """Without a draft and without a text there is nothing to approve."""
    case = office.record()
    office.accept(case)
    path = f"/cases/{case['id']}/answers"
    assert (409, "draft-required") == office.refused("POST", path, {}, role="group_head.participation")


def test_a_draft_may_be_required(office: Office) -> None:
    """By a setting a head answers neither without a draft nor in other words than the draft's."""
    office.app.state.draft_required = True
    case = office.record()
    office.accept(case)
    path, head = f"/cases/{case['id']}/answers", "group_head.participation"
    assert (409, "draft-required") == office.refused("POST", path, {"text": "ครับ"}, role=head)
    office.draft(case, "โอนภายใน 30 วัน")
    assert (409, "draft-not-as-written") == office.refused("POST", path, {"text": "โอนแล้ว"}, role=head)
    assert "accepted" == office.case(case["id"])["state"]
    answer = office.done("POST", path, {"text": "โอนภายใน 30 วัน"}, role=head)["answer"]
    assert ("group_officer.participation", head) == (answer["drafted_by"], answer["approved_by"])


def test_a_head_answers_alone_but_approves_no_draft_of_their_own(office: Office) -> None:
    """Without a draft or in other words than somebody else's, under their own name in both places."""
    case = office.record()
    office.accept(case)
    path, head = f"/cases/{case['id']}/answers", "group_head.participation"
    answer = office.done("POST", path, {"text": "โอนแล้ว"}, role=head)["answer"]
    assert (head, head) == (answer["drafted_by"], answer["approved_by"])
    office.draft(case, "โอนภายใน 30 วัน")
    rewritten = office.done("POST", path, {"text": "โอนวันที่ 9"}, role=head)["answer"]
    assert ("โอนวันที่ 9", head, head) == (rewritten["text"], rewritten["drafted_by"], rewritten["approved_by"])
    office.draft(case, "โอนวันที่ 10", role=head)
    assert (409, "own-draft") == office.refused("POST", path, {}, role=head)


def test_a_draft_needs_the_version_it_was_made_from(office: Office) -> None:
    """Two people who write at once do not overwrite each other."""
    case = office.record()
    office.accept(case)
    path, body = f"/cases/{case['id']}/draft", {"text": "โอนภายใน 30 วัน"}
    officer = "group_officer.participation"
    assert (428, "version-required") == office.refused("PUT", path, body, role=officer)
    assert (412, "version-mismatch") == office.refused("PUT", path, body, role=officer, headers={"If-Match": '"1"'})
    drafted = office.ask("PUT", path, body, role=officer, headers={"If-Match": '"2"'})
    assert (200, '"3"') == (drafted.status_code, drafted.headers["etag"])


def test_a_referred_case_is_returned_with_its_reason(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """The Centre is told why, and whose it may be."""
    case = case_of(centre.refer())
    body = {"reason": "not_ours", "note": "เป็นเรื่องของกรมการพัฒนาชุมชน", "suggested_owner": "กรมการพัฒนาชุมชน"}
    returned = office.done("POST", f"/cases/{case['id']}/return", body, role="group_officer.participation")
    assert "returned" == returned["state"]
    (message,) = centre.owed()
    assert "referral.returned.v1" == message["type"]
    assert body.items() <= message["data"].items()


def test_other_reasons_are_explained(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """`other` without a note is bad input, and so is a reason that the list does not hold."""
    path = f"/cases/{case_of(centre.refer())['id']}/return"
    assert {("", "note_required")} == office.faults("POST", path, {"reason": "other"})
    assert {("/reason", "unknown_code")} == office.faults("POST", path, {"reason": "too_hard"})


def test_a_case_of_our_own_cannot_be_returned(standing_office: Office) -> None:
    """There is nobody to return it to."""
    case = standing_office.standing_case
    assert (409, "not-referred") == standing_office.refused(
        "POST", f"/cases/{case['id']}/return", {"reason": "not_ours"}
    )


def test_progress_is_told_to_the_centre(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """The interim report leaves the case where it is."""
    case = case_of(centre.refer())
    office.accept(case)
    path = f"/cases/{case['id']}/progress"
    told = office.done("POST", path, {"text": "อยู่ระหว่างตรวจสอบ"}, role="group_officer.participation")
    assert "accepted" == told["state"]
    assert ("referral.progressed.v1", "อยู่ระหว่างตรวจสอบ") == (
        (message := centre.owed()[-1])["type"],
        message["data"]["text"],
    )


def test_a_question_stops_the_clock_until_the_centre_tells_more(
    office: Office, centre: Centre, case_of: CaseOf
) -> None:
    """The deadline moves by the working days that the complainant took."""
    referral = centre.refer()
    case = case_of(referral)
    office.accept(case)
    path = f"/cases/{case['id']}/questions"
    asked = office.done("POST", path, {"text": "ขอเลขที่บัญชี"}, role="group_officer.participation")
    assert "awaiting_complainant" == asked["state"]
    assert ("referral.question.v1", "ขอเลขที่บัญชี") == (
        (message := centre.owed()[-1])["type"],
        message["data"]["question"],
    )
    # The question was asked today; the reply comes a long time later.
    centre.send(
        referral,
        ReferralAmended.model_validate({**numbers(), "information": "บัญชี 000-0-00000-0"}),
        now=datetime(2036, 1, 1, tzinfo=UTC),
    )
    replied = office.case(case["id"])
    assert "accepted" == replied["state"]
    assert replied["due_at"] > "2035"
    told = office.done("GET", f"/cases/{case['id']}/messages")["items"]
    assert [("question", "ขอเลขที่บัญชี"), ("amendment", "บัญชี 000-0-00000-0")] == [
        (message["kind"], message["text"]) for message in told
    ]


def test_the_complainant_replies_on_the_website(office: Office) -> None:
    """A question is seen with the case's number and secret, and the reply lets the case go on."""
    case = office.record("website")
    office.accept(case)
    officer = "group_officer.participation"
    office.done("POST", f"/cases/{case['id']}/questions", {"text": "ขอเลขที่บัญชี"}, role=officer)
    path, secret = f"/public/cases/{case['case_number']}", {"Tracking-Secret": case["tracking_secret"]}
    seen = office.done("GET", path, role=None, headers=secret)
    assert ("question_for_you", ["ขอเลขที่บัญชี"]) == (seen["state"], [it["text"] for it in seen["messages"]])
    office.done("POST", f"{path}/messages", {"text": "บัญชี 1"}, role=None, headers=secret)
    assert "accepted" == office.case(case["id"])["state"]


def test_a_reply_by_post_is_recorded(office: Office) -> None:
    """Whoever opens the letter records the reply; later information is kept in any state."""
    case = office.record("po_box")
    office.accept(case)
    officer, path = "group_officer.participation", f"/cases/{case['id']}"
    office.done("POST", f"{path}/questions", {"text": "ขอเลขที่บัญชี"}, role=officer)
    assert "accepted" == office.done("POST", f"{path}/replies", {"text": "บัญชี 1"})["state"]
    assert "accepted" == office.done("POST", f"{path}/replies", {"text": "และบัญชี 2"})["state"]


def test_deliveries_are_found_by_their_case(office: Office) -> None:
    """And read one by one, by those who see them in the list."""
    for channel in ("fax", "po_box"):
        case = office.record(channel)
        office.answered(case, "โอนภายใน 30 วัน")
    assert 2 == len(office.done("GET", "/deliveries")["items"])
    (delivery,) = office.done("GET", "/deliveries", case_id=case["id"])["items"]
    assert case["id"] == delivery["case_id"]
    path = f"/deliveries/{delivery['id']}"
    assert delivery == office.done("GET", path)
    assert delivery == office.done("GET", path, role="group_officer.participation")
    assert (404, "delivery-not-found") == office.refused("GET", path, role="group_officer.audit")
    assert (404, "delivery-not-found") == office.refused("GET", f"/deliveries/{case['id']}")
    assert (403, "not-allowed") == office.refused("GET", path, role="agency_client")


def test_what_was_sent_is_sent_once(office: Office) -> None:
    """A delivery is worked off with a note, and is then no longer on the list."""
    office.answered(office.record("fax"), "โอนภายใน 30 วัน")
    (delivery,) = office.done("GET", "/deliveries", state="to_send")["items"]
    path = f"/deliveries/{delivery['id']}/sending"
    sent = office.done("POST", path, {"note": "โทรสารวันนี้"})
    assert ("sent", "registrar") == (sent["state"], sent["sent_by"])
    assert (409, "nothing-to-send") == office.refused("POST", path, {})
    assert [] == office.done("GET", "/deliveries", state="to_send")["items"]
    assert (404, "delivery-not-found") == office.refused("POST", path, {}, role="group_officer.audit")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/acceptance", {}),
        ("POST", "/return", {"reason": "not_ours"}),
        ("POST", "/progress", {"text": "ก"}),
        ("POST", "/questions", {"text": "ก"}),
        ("POST", "/answers", {"text": "ก"}),
        ("PUT", "/routing", {"topic": "complaints", "reason": "ก"}),
        ("POST", "/hand-back", {"reason": "ก"}),
        ("GET", "", None),
        ("GET", "/history", None),
        ("GET", "/messages", None),
        ("GET", "/answers", None),
        ("GET", "/routing", None),
    ],
)
def test_another_groups_case_is_not_there(standing_office: Office, method: str, path: str, body: Json | None) -> None:
    """To another group's head it is 404, whatever is tried."""
    case = standing_office.standing_case
    found = standing_office.refused(method, f"/cases/{case['id']}{path}", body, role="group_head.audit")
    assert (404, "case-not-found") == found


@pytest.mark.parametrize(
    ("role", "method", "path", "body"),
    [
        ("registrar", "POST", "/acceptance", {}),
        ("group_officer.participation", "POST", "/answers", {"text": "ก"}),
        ("group_officer.participation", "PUT", "/routing", {"topic": "complaints", "reason": "ก"}),
        ("auditor", "PUT", "/routing", {"topic": "complaints", "reason": "ก"}),
        ("director", "POST", "/return", {"reason": "not_ours"}),
        ("operator", "GET", "", None),
    ],
)
def test_without_the_role_it_is_forbidden(
    standing_office: Office, role: str, method: str, path: str, body: Json | None
) -> None:
    """403 says which roles may."""
    case = standing_office.standing_case
    assert (403, "not-allowed") == standing_office.refused(method, f"/cases/{case['id']}{path}", body, role=role)


def test_a_stale_version_is_refused_on_every_step(office: Office) -> None:
    """`If-Match` on a sub-resource is its case's version; optional, but respected."""
    case = office.record()
    old = {"If-Match": '"7"'}
    officer = "group_officer.participation"
    path = f"/cases/{case['id']}/acceptance"
    assert (412, "version-mismatch") == office.refused("POST", path, {}, role=officer, headers=old)
    accepted = office.ask("POST", path, {}, role=officer, headers={"If-Match": '"1"'})
    assert '"2"' == accepted.headers["etag"]


@pytest.mark.parametrize(("channel", "addressee"), [("po_box", "12 หมู่ 3 ตำบลตัวอย่าง"), ("fax", "โทรสาร 035 000 000")])
def test_a_letter_is_ready_to_print(office: Office, channel: str, addressee: str) -> None:
    """With the answer's words, to whom it goes, and the case's number; twice the same."""
    who = {"title": "นาง", "first_name": "สมใจ", "last_name": "ตัวอย่างดี", "address": "12 หมู่ 3 ตำบลตัวอย่าง"}
    case = office.record(channel, complainant=who)
    office.answered(case, "โอนภายใน 30 วัน")
    (delivery,) = office.done("GET", "/deliveries")["items"]
    path = f"/deliveries/{delivery['id']}/letter.pdf"
    printed = office.ask("GET", path)
    assert (200, "application/pdf") == (printed.status_code, printed.headers["content-type"])
    assert printed.content == office.ask("GET", path).content
    with closing(pdfium.PdfDocument(printed.content)) as pdf:
        words = pdf[0].get_textpage().get_text_bounded().replace(" ", "")
    for said in ("โอนภายใน 30 วัน", "สมใจ ตัวอย่างดี", addressee, case["case_number"]):
        assert said.replace(" ", "") in words
    assert (404, "delivery-not-found") == office.refused("GET", path, role="group_officer.audit")
