"""Deadlines by settings in working days, the clock that stops, near due and overdue, reminders sent once."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from center1111.clock import mails
from center1111.clock.reminding import Reminding, make_reminders
from center1111.codes import Standing
from center1111.deadlines import Deadlines, Rung
from center1111.postman import make_postman
from center1111.records import Complaint, Referral, Reminder
from center1111.settings import Settings
from center1111.steps import complainant_told
from servicekit.clock import utc_now
from servicekit.ids import uuid7
from servicekit.mail_queue import owed_mails
from servicekit.testing import eventually
from servicekit.testing_mail import Mailbox, send_due

from .conftest import WALK_IN, Centre, Json, made, mail_text, mailing, ok, pointers, refused, settings_for
from .test_referrals import answered

NOWHERE = "019a5f0e-7c00-7000-8000-000000000001"
LADDER = (
    Rung(name="near_due", working_days=-2, to="officer"),
    Rung(name="overdue", working_days=0, to="officer"),
    Rung(name="escalation", working_days=2, to="supervisor"),
)
# A Wednesday; Thursday is a holiday.
TODAY = datetime(2026, 11, 18, 3, tzinfo=UTC)
HOLIDAYS = frozenset({date(2026, 11, 19)})
DEADLINES = Deadlines(15, 15, HOLIDAYS, verify_within_days=3, tell_within_days=3, near_due_days=2, ladder=LADDER)


def day(number: int) -> datetime:
    """The end in Bangkok of a day of November 2026."""
    return datetime(2026, 11, number, 17, tzinfo=UTC)


def due(centre: Centre, id_: str, **moments: datetime) -> None:
    """Let deadlines of a complaint be these."""
    with centre.session() as session, session.begin():
        session.execute(sa.update(Complaint).where(Complaint.id == id_).values(**moments))


def deadlines_of(centre: Centre, id_: str, **filters: str) -> list[tuple[str, str]]:
    """Step and standing of the open deadlines of a complaint."""
    items = ok(centre.as_("officer").get("/v1/deadlines", params={"limit": "100", **filters}))["items"]
    return [(one["step"], one["standing"]) for one in items if one["complaint_id"] == id_]


def reminded(
    centre: Centre, now: datetime = TODAY, deadlines: Deadlines = DEADLINES, addressed: Sequence[str] = ()
) -> list[tuple[str, str, str]]:
    """Step, rung and role of the reminders that one look makes."""
    with centre.session() as session, session.begin():
        known = set(session.scalars(sa.select(Reminder.id)))
        made = make_reminders(session, deadlines, addressed=addressed, now=now)
        new = session.execute(sa.select(Reminder.step, Reminder.rung, Reminder.to).where(Reminder.id.not_in(known)))
        found = sorted((str(step), rung, to) for step, rung, to in new)
    assert made == len(found)
    return found


def test_limits_are_counted_in_working_days_from_the_next() -> None:
    """Neither the day itself, nor weekends, nor holidays count."""
    assert day(24) == DEADLINES.verify_due(TODAY)  # Friday, Monday, Tuesday
    assert day(20) == Deadlines(1, 1, HOLIDAYS).answer_due(TODAY)
    assert 2 == DEADLINES.days_left(day(23), TODAY)
    assert -1 == DEADLINES.days_left(day(17), TODAY)


@pytest.mark.parametrize(
    ("due_at", "standing"),
    [
        (day(17), Standing.OVERDUE),
        (TODAY, Standing.OVERDUE),
        (day(18), Standing.NEAR_DUE),
        (day(23), Standing.NEAR_DUE),
        (day(24), Standing.IN_TIME),
    ],
)
def test_a_deadline_stands_in_one_way(due_at: datetime, standing: Standing) -> None:
    """Near due from two working days before, overdue from the end of its day."""
    assert standing is DEADLINES.standing(due_at, TODAY)


def test_the_clock_moves_deadlines_by_the_working_days_that_it_stood() -> None:
    """From Wednesday to Tuesday over a holiday and a weekend: Friday, Monday, Tuesday; on one day: none."""
    stood = DEADLINES.stood(TODAY, datetime(2026, 11, 24, 3, tzinfo=UTC))
    assert 3 == stood
    assert day(27) == DEADLINES.later(day(24), stood)
    assert day(24) == DEADLINES.later(day(24), DEADLINES.stood(TODAY, TODAY))


def test_every_step_has_its_deadline_until_it_is_done(centre: Centre) -> None:
    """Verify, then answer, then the agency's answer, then telling the complainant."""
    complaint = centre.registered()
    id_ = complaint["id"]
    assert {"verify", "answer"} == {step for step, _ in deadlines_of(centre, id_)}
    ok(centre.as_("verifier").put(f"/v1/complaints/{id_}/verification", json={"outcome": "accepted"}))
    assert ["answer"] == [step for step, _ in deadlines_of(centre, id_)]
    referral = centre.referred(centre.complaint(id_))
    assert {"answer", "referral_answer"} == {step for step, _ in deadlines_of(centre, id_)}
    assert ["referral_answer"] == [step for step, _ in deadlines_of(centre, id_, step="referral_answer,tell")]
    centre.told(referral["id"], answered(referral))
    assert [("tell", "near_due")] == deadlines_of(centre, id_)
    with centre.session() as session, session.begin():
        complainant_told(session.scalars(sa.select(Complaint)).one(), now=datetime.now(UTC))
    assert [] == deadlines_of(centre, id_)
    assert centre.complaint(id_)["told_at"]


def test_lists_tell_near_due_from_overdue(centre: Centre) -> None:
    """Of complaints, of referrals and of all deadlines, alone and together; the soonest first, page by page."""
    now = datetime.now(UTC)
    centre.app.state.deadlines = Deadlines(15, 15, (), near_due_days=3)
    near = centre.app.state.deadlines.near_due_until(now)
    moments = {
        "overdue": datetime(2026, 1, 1, tzinfo=UTC),
        "near_due": near,
        "in_time": datetime(2300, 1, 1, tzinfo=UTC),
    }
    ids = {}
    for standing, moment in moments.items():
        ids[standing] = centre.verified()["id"]
        referral = centre.referred(centre.complaint(ids[standing]))
        due(centre, ids[standing], due_at=moment)
        with centre.session() as session, session.begin():
            session.execute(sa.update(Referral).where(Referral.id == referral["id"]).values(due_at=moment))
    officer = centre.as_("officer")
    for wanted in (["overdue"], ["near_due"], ["in_time"], ["overdue", "near_due"], ["overdue", "in_time"]):
        expected = {ids[standing] for standing in wanted}
        params = {"standing": ",".join(wanted), "count": "true"}
        listed = ok(officer.get("/v1/complaints", params=params))
        assert (expected, len(wanted)) == ({one["id"] for one in listed["items"]}, listed["total"])
        listed = ok(officer.get("/v1/referrals", params=params))
        assert (expected, len(wanted)) == ({one["complaint_id"] for one in listed["items"]}, listed["total"])
        listed = ok(officer.get("/v1/deadlines", params=params))
        assert (expected, 2 * len(wanted)) == ({one["complaint_id"] for one in listed["items"]}, listed["total"])
        assert set(wanted) == {one["standing"] for one in listed["items"]}
    paged, cursor = [], ""
    while cursor is not None:
        page = ok(officer.get(f"/v1/deadlines?limit=2{cursor and f'&cursor={cursor}'}"))
        paged += page["items"]
        cursor = page["next"]
    assert 6 == len({(one["step"], one["complaint_id"]) for one in paged})
    assert sorted(one["due_at"] for one in paged) == [one["due_at"] for one in paged]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/deadlines?standing=late",
        "/v1/deadlines?step=sleep",
        "/v1/deadlines?cursor=x",
        "/v1/complaints?standing=late",
        "/v1/referrals?standing=late",
        "/v1/reminders?sending=perhaps",
        "/v1/reminders?complaint=1",
    ],
)
def test_an_unknown_filter_is_refused(quiet_centre: Centre, path: str) -> None:
    """A code that no list holds is not passed over."""
    refused(quiet_centre.as_("officer").get(path), 400)


def test_a_stopped_clock_runs_no_deadline_and_its_reason_is_kept(centre: Centre) -> None:
    """After the restart all open deadlines are later by the days it stood, those of the referral too."""
    centre.app.state.deadlines = DEADLINES
    complaint = centre.verified()
    referral, id_ = centre.referred(complaint), complaint["id"]
    path = f"/v1/complaints/{id_}"
    officer = centre.as_("officer", subject="officer-1")
    stop = {"reason": "awaiting_complainant", "note": "ขอสำเนาสมุดบัญชี"}
    assert made(officer.post(f"{path}/clock-stops", json=stop))["restarted_at"] is None
    assert [] == deadlines_of(centre, id_)
    assert [id_] == [one["id"] for one in ok(officer.get("/v1/complaints?clock_stopped=true"))["items"]]
    assert [] == ok(officer.get("/v1/referrals?standing=overdue,near_due,in_time"))["items"]
    with centre.session() as session, session.begin():
        session.execute(sa.text("UPDATE complaints SET clock_stopped_at = clock_stopped_at - interval '7 days'"))
        session.execute(sa.text("UPDATE referrals SET referred_at = referred_at - interval '7 days'"))
    before = centre.complaint(id_)["due_at"], centre.referral(referral["id"])["due_at"]
    stood = DEADLINES.stood(datetime.fromisoformat(centre.complaint(id_)["clock_stopped_at"]), datetime.now(UTC))
    assert ok(officer.post(f"{path}/clock-restart", json={"note": "ได้รับเอกสารแล้ว"}))["clock_stopped_at"] is None
    after = centre.complaint(id_)["due_at"], centre.referral(referral["id"])["due_at"]
    moved = [DEADLINES.later(datetime.fromisoformat(moment), stood) for moment in before]
    assert moved == [datetime.fromisoformat(moment) for moment in after]
    (kept,) = ok(officer.get(f"{path}/clock-stops"))["items"]
    assert ("awaiting_complainant", "officer-1", stood) == (kept["reason"], kept["restarted_by"], kept["working_days"])
    moves = [(line["move"], line["note"]) for line in ok(officer.get(f"{path}/history"))["items"]]
    assert ("stop_clock", "awaiting_complainant: ขอสำเนาสมุดบัญชี") in moves
    assert ("restart_clock", "ได้รับเอกสารแล้ว") in moves


def test_a_referral_made_while_the_clock_stands_is_later_by_its_own_days_alone(centre: Centre) -> None:
    """The agency has waited for none of the days before."""
    centre.app.state.deadlines = DEADLINES
    complaint = centre.verified()
    officer, path = centre.as_("officer"), f"/v1/complaints/{complaint['id']}"
    made(officer.post(f"{path}/clock-stops", json={"reason": "force_majeure"}))
    with centre.session() as session, session.begin():
        session.execute(sa.text("UPDATE complaints SET clock_stopped_at = clock_stopped_at - interval '14 days'"))
    referral = centre.referred(centre.complaint(complaint["id"]))
    due_at = centre.referral(referral["id"])["due_at"]
    ok(officer.post(f"{path}/clock-restart", json={}))
    assert due_at == centre.referral(referral["id"])["due_at"]


def test_what_is_due_follows_a_corrected_receipt(centre: Centre) -> None:
    """By all the days that the clock stood; what a later step has set stays."""
    centre.app.state.deadlines = DEADLINES
    complaint = centre.registered(**WALK_IN)
    path, intake = f"/v1/complaints/{complaint['id']}", centre.as_("intake")
    received_at = datetime(2026, 6, 1, 2, tzinfo=UTC)

    def corrected(moment: datetime) -> list[datetime]:
        found = ok(intake.patch(path, json={"received_at": moment.isoformat()}, headers={"If-Match": "*"}))
        return [datetime.fromisoformat(found[name]) for name in ("verify_due_at", "due_at")]

    assert [DEADLINES.verify_due(received_at), DEADLINES.answer_due(received_at)] == corrected(received_at)
    officer = centre.as_("officer")
    made(officer.post(f"{path}/clock-stops", json={"reason": "force_majeure"}))
    with centre.session() as session, session.begin():
        session.execute(sa.text("UPDATE complaints SET clock_stopped_at = clock_stopped_at - interval '7 days'"))
    stopped_at = datetime.fromisoformat(centre.complaint(complaint["id"])["clock_stopped_at"])
    stood = DEADLINES.stood(stopped_at, datetime.now(UTC))
    ok(officer.post(f"{path}/clock-restart", json={}))
    received_at = datetime(2026, 7, 1, 2, tzinfo=UTC)
    assert [
        DEADLINES.later(due, stood) for due in (DEADLINES.verify_due(received_at), DEADLINES.answer_due(received_at))
    ] == corrected(received_at)
    set_since = datetime(2027, 1, 4, 17, tzinfo=UTC)
    due(centre, complaint["id"], due_at=set_since)
    assert set_since == corrected(datetime(2026, 8, 3, 2, tzinfo=UTC))[1]


def test_a_clock_is_stopped_once_and_with_a_reason(busy_centre: Centre) -> None:
    """Nothing is changed by a wrong call."""
    id_ = busy_centre.registered()["id"]
    path, officer = f"/v1/complaints/{id_}", busy_centre.as_("officer")
    for body, wrong in [
        ({}, {"/reason": "required"}),
        ({"reason": "tired"}, {"/reason": "unknown_code"}),
        ({"reason": "other"}, {"": "note_required"}),
    ]:
        assert wrong == pointers(refused(officer.post(f"{path}/clock-stops", json=body), 400))
    stop = {"reason": "force_majeure"}
    refused(officer.post(f"{path}/clock-restart", json={}), 409)
    refused(officer.post(f"{path}/clock-stops", json=stop, headers={"If-Match": '"9"'}), 412)
    refused(busy_centre.as_("intake").post(f"{path}/clock-stops", json=stop), 403)
    refused(officer.post(f"/v1/complaints/{NOWHERE}/clock-stops", json=stop), 404)
    refused(officer.post(f"/v1/complaints/{NOWHERE}/clock-restart", json={}), 404)
    refused(officer.get(f"/v1/complaints/{NOWHERE}/clock-stops"), 404)
    assert 1 == busy_centre.complaint(id_)["version"]
    made(officer.post(f"{path}/clock-stops", json=stop))
    refused(officer.post(f"{path}/clock-stops", json=stop), 409)
    assert 2 == busy_centre.complaint(id_)["version"]


def test_an_answer_ends_the_stop_and_then_no_clock_can_be_stopped(busy_centre: Centre) -> None:
    """What is done has no deadline; reopened, the complaint gets a new limit."""
    id_ = busy_centre.verified()["id"]
    path, officer = f"/v1/complaints/{id_}", busy_centre.as_("officer")
    made(officer.post(f"{path}/clock-stops", json={"reason": "awaiting_complainant"}))
    made(officer.post(f"{path}/answers", json={"text": "โอนภายใน 30 วัน"}))
    (kept,) = ok(officer.get(f"{path}/clock-stops"))["items"]
    assert (True, None) == (kept["restarted_at"] is not None, kept["working_days"])
    refused(officer.post(f"{path}/clock-stops", json={"reason": "awaiting_complainant"}), 409)
    reopened = ok(officer.post(f"{path}/reopening", json={"reason": "ยังไม่ชัดเจน"}))
    assert datetime.fromisoformat(reopened["due_at"]) > datetime.now(UTC)
    assert "answer" in {step for step, _ in deadlines_of(busy_centre, id_, standing="in_time")}


def test_each_rung_that_is_reached_is_sent_once(centre: Centre) -> None:
    """The highest one alone; a new deadline is reminded of anew, a stopped clock of nothing."""
    id_ = centre.verified()["id"]
    due(centre, id_, due_at=day(24))
    assert [] == reminded(centre)
    due(centre, id_, due_at=day(23))
    assert [("answer", "near_due", "officer")] == reminded(centre)
    assert [] == reminded(centre)
    assert [("answer", "overdue", "officer")] == reminded(centre, day(23))
    assert [] == reminded(centre, datetime(2026, 11, 24, 3, tzinfo=UTC))
    assert [("answer", "escalation", "supervisor")] == reminded(centre, datetime(2026, 11, 25, 3, tzinfo=UTC))
    assert [] == reminded(centre, datetime(2026, 12, 25, 3, tzinfo=UTC))
    due(centre, id_, due_at=day(12))
    assert [("answer", "escalation", "supervisor")] == reminded(centre)
    made(centre.as_("officer").post(f"/v1/complaints/{id_}/clock-stops", json={"reason": "force_majeure"}))
    due(centre, id_, due_at=day(13))
    assert [] == reminded(centre)
    items = ok(centre.as_("supervisor").get(f"/v1/reminders?complaint={id_}&sending=listed&limit=3"))
    assert {("escalation", "listed")} < {(one["rung"], one["sending"]) for one in items["items"]}
    rest = ok(
        centre.as_("supervisor").get(f"/v1/reminders?complaint={id_}&sending=listed&limit=3&cursor={items['next']}")
    )
    assert 4 == len({one["id"] for one in items["items"] + rest["items"]})
    assert [] == ok(centre.as_("supervisor").get("/v1/reminders?step=verify"))["items"]


def test_no_step_is_near_due_as_soon_as_it_begins(centre: Centre) -> None:
    """A rung as early as the whole limit is left out for that step; a later one reminds of it."""
    id_ = centre.registered()["id"]
    due(centre, id_, due_at=day(24), verify_due_at=day(24))
    three_left = Rung(name="near_due", working_days=-3, to="officer")
    early = Deadlines(15, 15, HOLIDAYS, verify_within_days=3, ladder=(three_left,))
    assert [("answer", "near_due", "officer")] == reminded(centre, deadlines=early)
    due(centre, id_, due_at=day(27), verify_due_at=day(20))
    late = Deadlines(
        15,
        15,
        HOLIDAYS,
        verify_within_days=3,
        ladder=(three_left, Rung(name="last_day", working_days=-1, to="officer")),
    )
    assert [("verify", "last_day", "officer")] == reminded(centre, deadlines=late)


def test_every_step_is_reminded_of(centre: Centre) -> None:
    """Verify and answer, the agency's answer, telling the complainant."""
    received, referred, told = centre.registered(), centre.referred(), centre.answered()
    due(centre, received["id"], due_at=day(17), verify_due_at=day(17))
    due(centre, referred["complaint_id"], due_at=day(27))
    with centre.session() as session, session.begin():
        session.execute(sa.update(Referral).values(due_at=day(17)))
    due(centre, told["id"], tell_due_at=day(17))
    steps = [step for step, rung, _ in reminded(centre) if rung == "overdue"]
    assert ["answer", "referral_answer", "tell", "verify"] == steps


def test_two_workers_never_remind_of_one_thing_twice(centre: Centre) -> None:
    """However they meet, each reminder is made by one of them."""
    for _ in range(5):
        due(centre, centre.verified()["id"], due_at=day(17))
    together = threading.Barrier(4)

    def work() -> int:
        together.wait()
        with centre.session() as session, session.begin():
            return make_reminders(session, DEADLINES, addressed=("officer",), now=TODAY)

    with ThreadPoolExecutor(4) as pool:
        made = [done.result() for done in [pool.submit(work) for _ in range(4)]]
    assert 5 == sum(made)
    with centre.session() as session:
        mails = session.scalar(sa.select(sa.func.count()).select_from(owed_mails))
    assert sum(count > 0 for count in made) == mails


def test_each_role_is_sent_what_one_look_found_by_one_mail(centre: Centre, mailbox: Mailbox) -> None:
    """To its own address; numbers, steps and days in two languages and nothing of the complaints; once."""
    complaints = [centre.verified() for _ in range(3)]
    for complaint, due_on in zip(complaints, (13, 17, 23), strict=True):
        due(centre, complaint["id"], due_at=day(due_on))
    reminded(centre, addressed=tuple(ADDRESSES))
    send_all(centre, mailbox)
    by_address = {mail["To"]: mail for mail in mailbox.mails}
    assert set(ADDRESSES.values()) == by_address.keys()
    head, duty = (mail_text(by_address[ADDRESSES[role]]) for role in ("supervisor", "officer"))
    escalated, overdue, near = (complaint["tracking_number"] for complaint in complaints)
    assert (True, False, False) == tuple(number in head for number in (escalated, overdue, near))
    assert (False, True, True) == tuple(number in duty for number in (escalated, overdue, near))
    for said in ("เกินกำหนด · Overdue", "ใกล้ครบกำหนด · Near due", "ครบกำหนด 17 พฤศจิกายน พ.ศ. 2569", "due on 2026-11-17"):
        assert said in duty
    assert "2 รายการ" in by_address[ADDRESSES["officer"]]["Subject"]
    for personal in ("สมศรี", "ใจดี", "ลำพูน", "โอนเงิน", "somsri@example.org", "0812345678"):
        assert personal not in f"{head}{duty}{by_address[ADDRESSES['officer']]['Subject']}"
    items = ok(centre.as_("supervisor").get("/v1/reminders"))["items"]
    assert {("sent", True, None)} == {(one["sending"], one["sent_at"] is not None, one["failure"]) for one in items}
    reminded(centre, addressed=tuple(ADDRESSES))
    send_all(centre, mailbox)
    assert 2 == len(mailbox.mails)


def test_a_mail_names_only_so_many(centre: Centre, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """And tells how many more there are."""
    monkeypatch.setattr(mails, "NAMED", 2)
    for _ in range(5):
        due(centre, centre.verified()["id"], due_at=day(17))
    reminded(centre, addressed=("officer",))
    send_all(centre, mailbox)
    (mail,) = mailbox.mails
    assert ("5 รายการ" in mail["Subject"], "อีก 3 รายการ" in mail_text(mail)) == (True, True)


def test_a_refused_mail_is_listed_with_what_the_server_said(centre: Centre, mailbox: Mailbox) -> None:
    """And a role whose address was taken away meanwhile finds its reminders in the list."""
    due(centre, centre.verified()["id"], due_at=day(17))
    reminded(centre, addressed=("officer",))
    mailbox.rcpt = "550 5.1.1 duty@1111.example: no such user"
    send_all(centre, mailbox)
    (kept,) = ok(centre.as_("supervisor").get("/v1/reminders?sending=failed"))["items"]
    assert ("SMTP 550 5.1.1", None) == (kept["failure"], kept["sent_at"])

    due(centre, centre.verified()["id"], due_at=day(17))
    reminded(centre, addressed=("officer",))
    assert 1 == len(ok(centre.as_("supervisor").get("/v1/reminders?sending=waiting"))["items"])
    send_all(centre, mailbox, addresses={})
    assert 1 == len(ok(centre.as_("supervisor").get("/v1/reminders?sending=listed"))["items"])


def test_a_reminder_whose_mail_failed_is_sent_once_more(centre: Centre, mailbox: Mailbox) -> None:
    """With all that the mail tells of; not what was sent, or waits, or is not there; supervisors and operators may."""
    for _ in range(2):
        due(centre, centre.verified()["id"], due_at=day(17))
    reminded(centre, addressed=("officer",))
    mailbox.rcpt = "550 5.1.1 duty@1111.example: no such user"
    send_all(centre, mailbox)
    supervisor = centre.as_("supervisor")
    first, _ = ok(supervisor.get("/v1/reminders?sending=failed"))["items"]
    path = f"/v1/reminders/{first['id']}/retry"
    refused(centre.as_("officer").post(path), 403)
    refused(supervisor.post(f"/v1/reminders/{uuid7()}/retry"), 404)

    again = ok(centre.as_("operator").post(path))
    assert (first["id"], "waiting", None) == (again["id"], again["sending"], again["failure"])
    assert "/problems/reminder-not-failed" == refused(supervisor.post(path), 409)["type"]
    mailbox.rcpt = "250 OK"
    send_all(centre, mailbox)
    (mail,) = mailbox.mails
    assert "2 รายการ" in mail["Subject"]
    assert ["sent", "sent"] == [one["sending"] for one in ok(supervisor.get("/v1/reminders"))["items"]]
    refused(supervisor.post(path), 409)


def test_the_centre_s_own_report_of_progress_begins_the_limit_anew(centre: Centre) -> None:
    """From now, or from when the clock was stopped; the complainant reads it, and not who wrote it."""
    complaint = centre.registered()
    path = f"/v1/complaints/{complaint['id']}"
    ok(centre.as_("verifier").put(f"{path}/verification", json={"outcome": "accepted"}))
    due(centre, complaint["id"], due_at=day(1))
    officer = centre.as_("officer", subject="somchai")
    report = {"text": "อยู่ระหว่างตรวจสอบเอกสาร"}
    shown = ok(officer.post(f"{path}/progress", json=report))
    anew = centre.app.state.deadlines.answer_due(utc_now())
    assert (anew, "verified") == (datetime.fromisoformat(shown["due_at"]), shown["state"])
    (kept,) = shown["progress"]
    assert ("center1111", report["text"]) == (kept["agency"], kept["text"])
    secret = {"Tracking-Secret": complaint["tracking_secret"]}
    seen = ok(centre.anyone.get(f"/v1/public/complaints/{complaint['tracking_number']}", headers=secret))
    assert [kept] == seen["progress"]
    assert "somchai" not in str(seen)
    assert "somchai" == ok(officer.get(f"{path}/history"))["items"][-1]["by"]

    made(officer.post(f"{path}/clock-stops", json={"reason": "awaiting_complainant"}))
    with centre.session() as session, session.begin():
        session.execute(sa.update(Complaint).values(clock_stopped_at=day(2), due_at=day(1)))
    shown = ok(officer.post(f"{path}/progress", json=report))
    assert centre.app.state.deadlines.answer_due(day(2)) == datetime.fromisoformat(shown["due_at"])
    assert {"/text": "required"} == pointers(refused(officer.post(f"{path}/progress", json={}), 400))
    refused(centre.as_("verifier").post(f"{path}/progress", json=report), 403)


def test_the_worker_looks_until_it_is_told_to_stop(centre: Centre) -> None:
    """It makes what comes due, and ends soon after."""
    id_ = centre.verified()["id"]
    due(centre, id_, due_at=datetime(2026, 1, 1, tzinfo=UTC))
    stop = threading.Event()
    worker = Reminding(centre.app.state.sessions, DEADLINES, addressed=(), every_seconds=0.01)
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    supervisor = centre.as_("supervisor")
    assert 1 == len(eventually(lambda: ok(supervisor.get(f"/v1/reminders?complaint={id_}"))["items"]))
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


ADDRESSES = {"officer": "duty@1111.example", "supervisor": "head@1111.example"}


def send_all(centre: Centre, mailbox: Mailbox, *, addresses: Json = ADDRESSES) -> None:
    """Send what is owed by mail, as the service does with these settings."""
    postman = make_postman(centre.app.state.sessions, mailing(centre, mailbox, reminder_addresses=addresses))
    assert postman is not None
    send_due(postman)


@pytest.mark.parametrize(
    "wrong",
    [
        {"reminder_addresses": {"officer": "duty@1111.example"}},
        {"reminder_addresses": {"janitor": "duty@1111.example"}, "smtp_host": "x", "mail_from": "a@b.example"},
        {"reminder_addresses": {"officer": "duty"}, "smtp_host": "x", "mail_from": "a@b.example"},
    ],
)
def test_addresses_that_could_never_be_reached_are_refused(secrets_folder: Path, wrong: Json) -> None:
    """Without a mail server, for a role that the ladder does not name, and not of the form of an address."""
    settings = settings_for("postgresql://nobody@127.0.0.1:1/none", secrets_folder)
    with pytest.raises(ValidationError):
        Settings(**settings.model_dump(exclude_unset=True) | wrong)


@pytest.mark.parametrize("wrong", [{"working_days": 999}, {"name": "Over Due"}, {"to": ""}, {"days": 1}])
def test_a_ladder_that_makes_no_sense_is_refused(wrong: Json) -> None:
    """At the start of the service, not when the first deadline passes."""
    with pytest.raises(ValidationError):
        Rung(**{"name": "overdue", "working_days": 0, "to": "officer"} | wrong)


def test_reminders_are_for_officers(quiet_centre: Centre) -> None:
    """And deadlines, too."""
    paths: Sequence[str] = ("/v1/reminders", "/v1/deadlines")
    for path in paths:
        refused(quiet_centre.as_("agency_client", client_id="agency-1").get(path), 403)
        refused(quiet_centre.anyone.get(path), 401)
