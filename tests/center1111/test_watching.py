"""What waits too long at the Centre is an alarm, and the next step ends it."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from center1111.watching import Limits, watches
from exchange.alarms import alarms_raised, look
from schemas import ReferralAccepted, ReferralAnswered, ReferralQuestion
from servicekit.clock import utc_now
from thaikit.calendar import Holidays

from .conftest import Centre, Json, ok

LATER = timedelta(days=60)
LIMITS = Limits(undelivered_days=1, acceptance_days=3, question_days=15, telling_days=5, erasure_days=3)


def looked(centre: Centre, *, later: timedelta = LATER) -> list[tuple[str, str]]:
    """What stands, if one looks so much later."""
    with centre.session() as session, session.begin():
        look(session, watches(LIMITS), Holidays(), now=utc_now() + later)
        return [(alarm.watch, alarm.about) for alarm in alarms_raised(session, limit=100)]


def numbers(referral: Json) -> Json:
    number = referral["number"]
    return {"referral_number": number, "tracking_number": number.rpartition("/")[0], "case_number": "สพช.1/2569"}


def test_each_waiting_state_of_a_referral_has_its_alarm(centre: Centre) -> None:
    """From the queue to the complainant; each step ends the alarm before it."""
    complaint = centre.verified()
    referral = centre.referred(complaint)
    assert ["message_undelivered"] == [watch for watch, _ in looked(centre)]
    with centre.session() as session, session.begin():
        session.execute(
            sa.text("UPDATE exchange_outbox SET state = 'delivered', disposition = 'applied', settled_at = now()")
        )
    assert [] == looked(centre, later=timedelta(minutes=1))
    assert [("referral_unaccepted", referral["number"])] == looked(centre)
    now = datetime.now(UTC)
    accepted = ReferralAccepted(
        **numbers(referral), work_group="audit", topic="complaints", due_at=now + timedelta(days=10)
    )
    centre.told(referral["id"], accepted)
    assert [] == looked(centre, later=timedelta(days=9))
    assert [("referral_overdue", referral["number"])] == looked(centre)
    centre.told(referral["id"], ReferralQuestion(**numbers(referral), question="ชุมชนใด", asked_at=now))
    assert [("question_unanswered", referral["number"])] == looked(centre)
    answered = ReferralAnswered(
        **numbers(referral), version=1, text="โอนภายใน 30 วัน", work_group="audit", answered_at=now
    )
    centre.told(referral["id"], answered)
    assert [("answer_untold", complaint["tracking_number"])] == looked(centre)
    with centre.session() as session, session.begin():
        session.execute(sa.text("UPDATE complaints SET told_at = now()"))
    assert [] == looked(centre)
    corrected = answered.model_copy(update={"version": 2, "text": "โอนภายใน 15 วัน", "answered_at": now})
    centre.told(referral["id"], corrected)
    assert [("answer_untold", complaint["tracking_number"])] == looked(centre)
    history = ok(centre.as_("officer").get(f"/v1/complaints/{complaint['id']}/history"))["items"]
    (flagged,) = [entry for entry in history if entry["note"] and "ซึ่งแจ้งผู้ร้องไปแล้ว" in entry["note"]]
    assert ("answer", "แทนคำตอบฉบับที่ 1 ซึ่งแจ้งผู้ร้องไปแล้ว ต้องแจ้งอีกครั้ง") == (flagged["move"], flagged["note"])


def test_officers_read_the_alarms(centre: Centre) -> None:
    """In Thai and English, without personal data; agencies' systems do not."""
    referral = centre.referred()
    looked(centre)
    (alarm,) = ok(centre.as_("officer").get("/v1/alarms"))["items"]
    assert ("message_undelivered", referral["id"]) == (alarm["watch"], alarm["facts"]["referral"])
    assert "ข้อความรอส่งนานเกินกำหนด" == alarm["th"]
    assert 403 == centre.as_("agency_client", client_id="a").get("/v1/alarms").status_code


def test_auditors_look_and_operators_decide(centre: Centre) -> None:
    """Who only looks cannot pause a peer."""
    assert 200 == centre.as_("auditor").get("/v1/exchange/outbox").status_code
    pause = {"reason": "ซ่อมบำรุง"}
    assert 403 == centre.as_("auditor").post("/v1/exchange/peers/chumchon/pause", json=pause).status_code
    assert 404 == centre.as_("operator").post("/v1/exchange/peers/chumchon/pause", json=pause).status_code
