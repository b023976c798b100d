"""What waits too long at the Office is an alarm, and the next step ends it."""

from datetime import timedelta
from http import HTTPStatus

from chumchon.watching import Limits, watches
from exchange.alarms import alarms_raised, look
from servicekit.clock import utc_now
from thaikit.calendar import Holidays

from .conftest import UNCLEAR, Office

LATER = timedelta(days=60)
LIMITS = Limits(
    undelivered_days=1,
    triage_days=1,
    acceptance_days=2,
    question_days=15,
    erasure_days=3,
    telling_days=3,
    reading_days=2,
    channel_minutes=30,
)


def looked(office: Office, *, later: timedelta = LATER) -> list[str]:
    """What stands, if one looks so much later, without what the exchange itself watches."""
    with office.app.state.sessions.begin() as session:
        look(session, watches(LIMITS), Holidays(), now=utc_now() + later)
        return [it.watch for it in alarms_raised(session, limit=100) if not it.watch.startswith("message_")]


def test_each_waiting_state_of_a_case_has_its_alarm(office: Office) -> None:
    """From triage to the complainant; each step ends the alarm before it, and only a question stops the clock."""
    case = office.record(**UNCLEAR)
    assert [] == looked(office, later=timedelta(minutes=1))
    assert ["case_unrouted"] == looked(office, later=timedelta(days=7))
    assert {"case_unrouted", "case_overdue"} == set(looked(office))
    path = f"/cases/{case['id']}"
    case = office.done("PUT", f"{path}/routing", {"topic": "complaints", "reason": "โทรถามแล้ว"})
    case = office.case(case["id"])
    assert {"case_unaccepted", "case_overdue"} == set(looked(office))
    office.accept(case)
    assert ["case_overdue"] == looked(office)
    officer = f"group_officer.{case['work_group']}"
    office.done("POST", f"{path}/questions", {"text": "ชุมชนใด"}, role=officer)
    assert {"question_unanswered", "answer_untold"} == set(looked(office))  # the question is to be told, too
    office.draft(case, "โอนภายใน 30 วัน")
    office.approve(case)
    assert {"answer_untold"} == set(looked(office))


def test_officers_read_the_alarms(office: Office) -> None:
    """In Thai and English; who only looks cannot decide."""
    case = office.record(**UNCLEAR)
    looked(office)
    alarms = office.done("GET", "/alarms", role="registrar")["items"]
    assert {
        ("case_unrouted", case["case_number"], "เรื่องรอคัดแยกนานเกินกำหนด"),
        ("case_overdue", case["case_number"], "เลยกำหนดและยังไม่ได้ตอบ"),
    } == {(alarm["watch"], alarm["about"], alarm["th"]) for alarm in alarms}
    pause = {"reason": "ซ่อมบำรุง"}
    auditors = office.ask("POST", "/exchange/peers/center1111/pause", pause, role="auditor")
    assert HTTPStatus.FORBIDDEN == auditors.status_code
