"""While an agency works on a complaint: its question stops the clock, its progress is shown, its complainant acts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from center1111.deadlines import Deadlines
from center1111.journey import State
from center1111.postman import make_postman
from center1111.records import Complaint, Referral
from schemas import ReferralProgressed, ReferralQuestion, Wire
from servicekit.clock import utc_now
from servicekit.mail_queue import Round
from servicekit.testing_mail import Mailbox

from .conftest import AGENCY, Centre, Json, made, mail_text, mailing, ok, pointers, refused
from .test_journey import CALLS, WAYS
from .test_referrals import DUE, accepted, answered, numbers, returned
from .test_tellings import Complainant, deliveries, only

WEEK_AGO = timedelta(days=7)


def question(referral: Json, text: str = "ขอสำเนาสมุดบัญชี") -> ReferralQuestion:
    return ReferralQuestion(**numbers(referral), question=text, asked_at=datetime.now(UTC))


def progress(referral: Json, text: str = "กำลังตรวจสอบกับธนาคาร") -> ReferralProgressed:
    return ReferralProgressed(**numbers(referral), text=text, progressed_at=datetime.now(UTC))


class Asked(Complainant):
    """A complainant whom an agency asks something."""

    def __init__(self, centre: Centre, *, since: timedelta = timedelta()) -> None:
        """Let the agency have asked `since` ago."""
        super().__init__(centre)
        self.referral = self.referred()
        centre.told(self.referral["id"], accepted(self.referral))
        assert "applied" == centre.told(self.referral["id"], question(self.referral)).disposition
        with centre.session() as session, session.begin():
            session.execute(
                sa.text("UPDATE complaints SET clock_stopped_at = clock_stopped_at - :since WHERE id = :id"),
                {"since": since, "id": self.id},
            )
            session.execute(
                sa.text("UPDATE clock_stops SET stopped_at = stopped_at - :since WHERE complaint_id = :id"),
                {"since": since, "id": self.id},
            )
            session.execute(
                sa.text("UPDATE referrals SET referred_at = referred_at - :since WHERE complaint_id = :id"),
                {"since": since, "id": self.id},
            )

    def referred(self) -> Json:
        """Refer the complaint."""
        ok(self.centre.as_("verifier").put(f"/v1/complaints/{self.id}/verification", json={"outcome": "accepted"}))
        return self.centre.referred(self.centre.complaint(self.id))

    def due(self) -> list[datetime]:
        """By when the complaint is to be answered, the referral by the Centre's word, and by the agency's."""
        complaint, referral = self.centre.complaint(self.id), self.centre.referral(self.referral["id"])
        said = complaint["due_at"], referral["due_at"], referral["agency_due_at"]
        return [datetime.fromisoformat(moment) for moment in said]

    def stood(self) -> int:
        """For how many working days a clock stood that was stopped a week ago."""
        deadlines: Deadlines = self.centre.app.state.deadlines
        return deadlines.stood(datetime.now(UTC) - WEEK_AGO, datetime.now(UTC))

    def stops(self) -> list[Json]:
        """When the clock stood."""
        items: list[Json] = ok(self.centre.as_("officer").get(f"/v1/complaints/{self.id}/clock-stops"))["items"]
        return items


def test_a_question_stops_the_clock_and_the_complainant_s_answer_starts_it(centre: Centre) -> None:
    """The complainant sees it and answers by a message, which the agency is told; deadlines are later by those days."""
    asked = Asked(centre, since=WEEK_AGO)
    seen = asked.sees()
    assert ("in_progress", AGENCY, "ขอสำเนาสมุดบัญชี") == (seen["state"], *_said(seen["question"]))
    assert seen["clock_stopped_at"]
    shown = centre.complaint(asked.id)
    assert (seen["question"], seen["clock_stopped_at"]) == (shown["question"], shown["clock_stopped_at"])
    assert [("awaiting_complainant", AGENCY, None)] == [
        (stop["reason"], stop["stopped_by"], stop["restarted_at"]) for stop in asked.stops()
    ]
    assert [] == ok(centre.as_("officer").get("/v1/deadlines"))["items"]

    before = asked.due()
    made(asked.says("messages", {"text": "ส่งสำเนาสมุดบัญชีทางไปรษณีย์แล้ว"}))
    message = centre.owed(asked.referral["id"])[-1]
    assert ("referral.amended.v1", "ส่งสำเนาสมุดบัญชีทางไปรษณีย์แล้ว") == (message["type"], message["data"]["information"])
    assert "accepted" == centre.referral(asked.referral["id"])["state"]
    (stop,) = asked.stops()
    assert ("complainant", asked.stood()) == (stop["restarted_by"], stop["working_days"])
    deadlines: Deadlines = centre.app.state.deadlines
    assert [deadlines.later(moment, asked.stood()) for moment in before] == asked.due()
    assert (None, None) == tuple(asked.sees()[name] for name in ("question", "clock_stopped_at"))
    history = ok(centre.as_("officer").get(f"/v1/complaints/{asked.id}/history"))["items"]
    told = [(line["about"], line["move"], line["by"]) for line in history][5:]
    assert [
        ("referral", "ask", AGENCY),
        ("complaint", "stop_clock", AGENCY),
        ("complaint", "inform", "complainant"),
        ("referral", "amend", "complainant"),
        ("complaint", "restart_clock", "complainant"),
    ] == told

    made(asked.says("messages", {"text": "ขอเพิ่มเติมอีกเรื่อง"}))
    assert message == centre.owed(asked.referral["id"])[-1]


def _said(said: Json) -> tuple[str, str]:
    return said["agency"], said["text"]


def test_a_question_is_sent_by_mail_while_it_is_open(centre: Centre, mailbox: Mailbox) -> None:
    """The history tells whether the server took it, so that somebody calls who cannot be written to."""
    postman = make_postman(centre.app.state.sessions, mailing(centre, mailbox))
    assert postman is not None
    asked = Asked(centre)
    assert Round.SETTLED is postman.round(utc_now())
    (mail,) = mailbox.mails
    assert (asked.number in mail["Subject"], "สมุดบัญชี" in mail["Subject"]) == (True, False)
    text = mail_text(mail)
    assert ("somsri@example.org", True, True) == (mail["To"], "ขอสำเนาสมุดบัญชี" in text, "นางสมศรี ใจดี" in text)
    officer = centre.as_("officer")
    last = ok(officer.get(f"/v1/complaints/{asked.id}/history"))["items"][-1]
    assert ("note", "mail", True) == (last["move"], last["by"], "แล้ว" in last["note"])

    made(asked.says("messages", {"text": "ส่งแล้ว"}))
    centre.told(asked.referral["id"], question(asked.referral, "และใบเสร็จ"))
    made(asked.says("messages", {"text": "ส่งใบเสร็จแล้ว"}))
    assert Round.SETTLED is postman.round(utc_now())
    assert 1 == len(mailbox.mails)

    mailbox.rcpt = "550 5.1.1 no such user"
    centre.told(asked.referral["id"], question(asked.referral, "และใบส่งของ"))
    assert Round.SETTLED is postman.round(utc_now())
    last = ok(officer.get(f"/v1/complaints/{asked.id}/history"))["items"][-1]
    assert ("mail", True) == (last["by"], "ไม่สำเร็จ (SMTP 550 5.1.1)" in last["note"])


def test_a_refusal_is_sent_by_mail_with_its_ground(centre: Centre, mailbox: Mailbox) -> None:
    """And not the verifier's note; the history tells whether the server took it; an erased address is sent nothing."""
    postman = make_postman(centre.app.state.sessions, mailing(centre, mailbox))
    assert postman is not None
    verifier = centre.as_("verifier")

    def refused_on(ground: str) -> Json:
        complaint = centre.registered()
        body = {"outcome": "refused", "ground": ground, "note": "ผู้ร้องพูดจาไม่สุภาพ"}
        ok(verifier.put(f"/v1/complaints/{complaint['id']}/verification", json=body))
        return complaint

    def last_of(complaint: Json) -> Json:
        entry: Json = ok(verifier.get(f"/v1/complaints/{complaint['id']}/history"))["items"][-1]
        return entry

    complaint = refused_on("before_the_courts")
    assert Round.SETTLED is postman.round(utc_now())
    (mail,) = mailbox.mails
    text = mail_text(mail)
    assert (True, "somsri@example.org") == (complaint["tracking_number"] in mail["Subject"], mail["To"])
    label = ok(verifier.get("/v1/code-lists/refusal_grounds"))["items"][1]["label"]["th"]
    assert (True, True, False) == tuple(said in text for said in (label, "นางสมศรี ใจดี", "ไม่สุภาพ"))
    assert ("note", "mail", True) == (
        last_of(complaint)["move"],
        last_of(complaint)["by"],
        "แล้ว" in last_of(complaint)["note"],
    )

    mailbox.rcpt = "550 5.1.1 no such user"
    complaint = refused_on("purely_abusive")
    assert Round.SETTLED is postman.round(utc_now())
    assert "ไม่สำเร็จ (SMTP 550 5.1.1)" in last_of(complaint)["note"]

    mailbox.rcpt = "250 OK"
    complaint = refused_on("purely_abusive")
    erasure = {"basis": "consent_withdrawn"}
    ok(centre.as_("supervisor").post(f"/v1/complaints/{complaint['id']}/erasure", json=erasure))
    assert Round.IDLE is postman.round(utc_now())
    assert 1 == len(mailbox.mails)


def test_an_officer_s_amendment_answers_the_question_too(busy_centre: Centre) -> None:
    """Whoever calls the hotline instead is written down by an officer."""
    asked = Asked(busy_centre)
    path = f"/v1/referrals/{asked.referral['id']}/amendments"
    assert "accepted" == ok(busy_centre.as_("officer").post(path, json={"text": "ผู้ร้องแจ้งทางโทรศัพท์"}))["state"]
    assert [("officer", 0)] == [(stop["restarted_by"], stop["working_days"]) for stop in asked.stops()]


def test_a_second_question_takes_the_first_one_s_place(busy_centre: Centre) -> None:
    """The clock was stopped already, and stays so until it is answered."""
    asked = Asked(busy_centre)
    assert "applied" == busy_centre.told(asked.referral["id"], question(asked.referral, "และใบเสร็จ")).disposition
    assert (AGENCY, "และใบเสร็จ") == _said(asked.sees()["question"])
    assert 1 == len(asked.stops())


def test_a_question_is_answered_even_after_the_last_message(busy_centre: Centre) -> None:
    """Who is asked may answer."""
    asked = Asked(busy_centre)
    with busy_centre.session() as session, session.begin():
        session.execute(
            sa.text(
                "INSERT INTO complainant_messages (id, complaint_id, at, text)"
                " SELECT gen_random_uuid(), :id, now(), 'x' FROM generate_series(1, 50)"
            ),
            {"id": asked.id},
        )
    made(asked.says("messages", {"text": "ส่งแล้ว"}))
    refused(asked.says("messages", {"text": "อีก"}), 409)


@pytest.mark.parametrize("end", [answered, returned, accepted])
def test_whatever_the_agency_says_next_ends_the_waiting(busy_centre: Centre, end: Callable[[Json], Wire]) -> None:
    """It answers from what it knows, hands the complaint back, or goes on: nobody waits for the complainant."""
    asked = Asked(busy_centre, since=WEEK_AGO)
    assert "applied" == busy_centre.told(asked.referral["id"], end(asked.referral)).disposition
    assert [(AGENCY, asked.stood())] == [(stop["restarted_by"], stop["working_days"]) for stop in asked.stops()]
    seen = asked.sees()
    assert (None, None) == (seen["question"], seen["clock_stopped_at"])


def test_a_withdrawn_referral_waits_for_nobody(busy_centre: Centre) -> None:
    """The complaint is the Centre's again, and its clock runs."""
    asked = Asked(busy_centre)
    ok(busy_centre.as_("officer").post(f"/v1/referrals/{asked.referral['id']}/withdrawal", json={"reason": "ตอบเอง"}))
    shown = busy_centre.complaint(asked.id)
    assert ("verified", None, None) == (shown["state"], shown["clock_stopped_at"], shown["question"])


def test_a_clock_that_stands_for_another_reason_stays_so(busy_centre: Centre) -> None:
    """And one that an officer restarted is not stopped, nor restarted, once more by the answer."""
    officer = busy_centre.as_("officer")
    other = Complainant(busy_centre)
    ok(busy_centre.as_("verifier").put(f"/v1/complaints/{other.id}/verification", json={"outcome": "accepted"}))
    referral = busy_centre.referred(busy_centre.complaint(other.id))
    made(officer.post(f"/v1/complaints/{other.id}/clock-stops", json={"reason": "force_majeure"}))
    busy_centre.told(referral["id"], question(referral))
    made(other.says("messages", {"text": "ส่งแล้ว"}))
    assert busy_centre.complaint(other.id)["clock_stopped_at"]

    asked = Asked(busy_centre)
    ok(officer.post(f"/v1/complaints/{asked.id}/clock-restart", json={"note": "ไม่รอแล้ว"}))
    made(asked.says("messages", {"text": "ส่งแล้ว"}))
    assert ["officer"] == [stop["restarted_by"] for stop in asked.stops()]


def test_progress_is_shown_and_counts_as_the_interim_report(centre: Centre) -> None:
    """Officers and the complainant read it, and the limits to answer begin anew from it."""
    somebody = Complainant(centre)
    ok(centre.as_("verifier").put(f"/v1/complaints/{somebody.id}/verification", json={"outcome": "accepted"}))
    referral = centre.referred(centre.complaint(somebody.id))
    centre.told(referral["id"], accepted(referral))
    overdue = datetime(2026, 1, 1, tzinfo=UTC)
    with centre.session() as session, session.begin():
        session.execute(sa.update(Complaint).values(due_at=overdue))
        session.execute(sa.update(Referral).values(due_at=overdue))
    now = datetime.now(UTC)
    for text in ("กำลังตรวจสอบกับธนาคาร", "ธนาคารตอบแล้ว"):
        assert "applied" == centre.told(referral["id"], progress(referral, text)).disposition
    shown, seen = centre.complaint(somebody.id), somebody.sees()
    assert [(AGENCY, "กำลังตรวจสอบกับธนาคาร"), (AGENCY, "ธนาคารตอบแล้ว")] == [_said(one) for one in seen["progress"]]
    assert (seen["progress"], seen["due_at"]) == (shown["progress"], shown["due_at"])
    deadlines: Deadlines = centre.app.state.deadlines
    assert deadlines.answer_due(now) == datetime.fromisoformat(shown["due_at"])
    referral = centre.referral(referral["id"])
    assert deadlines.referral_due(now) == datetime.fromisoformat(referral["due_at"])
    assert DUE == datetime.fromisoformat(referral["agency_due_at"])


def test_a_contested_answer_has_new_limits_and_ends_what_was_owed_of_it(centre: Centre) -> None:
    """As after any reopening: it is not overdue at once, is told no more, and the complainant's request is granted."""
    somebody = Complainant(centre)
    ok(centre.as_("verifier").put(f"/v1/complaints/{somebody.id}/verification", json={"outcome": "accepted"}))
    referral = centre.referred(centre.complaint(somebody.id))
    centre.told(referral["id"], answered(referral))
    made(somebody.says("reopening-requests", {"reason": "ยังไม่ได้รับเงิน"}))
    with centre.session() as session, session.begin():
        session.execute(sa.update(Complaint).values(due_at=datetime(2026, 1, 1, tzinfo=UTC)))
        session.execute(sa.update(Referral).values(due_at=datetime(2026, 1, 1, tzinfo=UTC)))
    now, deadlines = datetime.now(UTC), centre.app.state.deadlines
    ok(centre.as_("officer").post(f"/v1/referrals/{referral['id']}/contest", json={"reason": "ยังไม่ได้รับเงิน"}))
    due = centre.complaint(somebody.id)["due_at"], centre.referral(referral["id"])["due_at"]
    assert [deadlines.answer_due(now), deadlines.referral_due(now)] == [datetime.fromisoformat(one) for one in due]
    assert "called_off" == only(deliveries(centre, somebody.id))["state"]
    assert "granted" == somebody.sees()["reopening"]["state"]


def test_a_complainant_withdraws_and_the_agency_is_told(busy_centre: Centre) -> None:
    """With the reason; the case ends, whatever was asked is asked no more, and nothing more can be said."""
    asked = Asked(busy_centre)
    answer = ok(asked.says("withdrawal", {"reason": "ได้รับเงินแล้ว"}))
    assert (asked.number, "withdrawn") == (answer["tracking_number"], answer["state"])
    message = busy_centre.owed(asked.referral["id"])[-1]
    assert ("referral.withdrawn.v1", "ได้รับเงินแล้ว") == (message["type"], message["data"]["reason"])
    assert "withdrawn" == busy_centre.referral(asked.referral["id"])["state"]
    assert ("withdrawn", None) == tuple(asked.sees()[name] for name in ("state", "question"))
    last = ok(busy_centre.as_("officer").get(f"/v1/complaints/{asked.id}/history"))["items"][-1]
    assert ("withdraw", "complainant", "ได้รับเงินแล้ว") == (last["move"], last["by"], last["note"])
    problem = refused(asked.says("withdrawal", {"reason": "อีกครั้ง"}), 409)
    assert ("/problems/not-possible-now", True) == (problem["type"], "withdrawn" in problem["detail"])
    assert {"/reason": "required"} == pointers(refused(asked.says("withdrawal", {}), 400))


@pytest.mark.parametrize("state", State)
def test_where_a_complaint_may_be_withdrawn_by_its_complainant(busy_centre: Centre, state: State) -> None:
    """Until it is at its end; then a clear problem tells of nothing that only officers know."""
    somebody = Complainant(busy_centre)
    for step in WAYS[state]:
        method, role, part, body = CALLS[step]
        assert busy_centre.as_(role).request(method, f"/v1/complaints/{somebody.id}/{part}", json=body).is_success
    answer = somebody.says("withdrawal", {"reason": "ขอถอนเรื่อง"})
    if state in {State.RECEIVED, State.VERIFIED, State.REFERRED, State.ANSWERED}:
        assert "withdrawn" == ok(answer)["state"]
    else:
        assert "1111" in refused(answer, 409)["detail"]
        assert "unlink" not in answer.text
        assert state == busy_centre.complaint(somebody.id)["state"]


def test_who_lost_the_secret_is_given_another(busy_centre: Centre) -> None:
    """The old one works no more; the history tells who gave it and when, and never the secret."""
    somebody = Complainant(busy_centre)
    path, lost = f"/v1/complaints/{somebody.id}", somebody.secret
    given = made(busy_centre.as_("supervisor", subject="malee").post(f"{path}/secret"))
    assert (somebody.number, False) == (given["tracking_number"], given["tracking_secret"] == lost)
    assert "/problems/tracking-refused" == refused(somebody.says("messages", {"text": "ขอเพิ่มเติม"}), 404)["type"]
    somebody.secret = given["tracking_secret"]
    assert "received" == somebody.sees()["state"]
    history = busy_centre.as_("officer").get(f"{path}/history")
    last = ok(history)["items"][-1]
    assert ("malee", "note", "received", "received") == tuple(
        last[name] for name in ("by", "move", "from_state", "to_state")
    )
    assert "รหัสลับ" in last["note"]
    assert given["tracking_secret"] not in history.text


def test_a_repeated_request_gives_the_same_secret(busy_centre: Centre) -> None:
    """By its Idempotency-Key, so that an answer that got lost leaves nobody without."""
    somebody, intake = Complainant(busy_centre), busy_centre.as_("intake")
    first, again = (
        made(intake.post(f"/v1/complaints/{somebody.id}/secret", headers={"Idempotency-Key": f"secret-{somebody.id}"}))
        for _ in range(2)
    )
    assert first == again
    somebody.secret = first["tracking_secret"]
    assert "received" == somebody.sees()["state"]


def test_only_who_records_gives_secrets(quiet_centre: Centre) -> None:
    """Or supervises; no agency's system does, nor anybody without a token."""
    path = "/v1/complaints/019a5f0e-7c00-7000-8000-000000000001/secret"
    for role in ("officer", "verifier", "auditor", "agency_client"):
        refused(quiet_centre.as_(role, client_id=role if role == "agency_client" else None).post(path), 403)
    refused(quiet_centre.anyone.post(path), 401)
    assert "/problems/complaint-not-found" == refused(quiet_centre.as_("intake").post(path), 404)["type"]
