"""What comes in about a case while somebody works on it: they are told, and it stays marked until it was read."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from schemas import Wire
from schemas.bodies import ReferralAmended, ReferralContested, ReferralWithdrawn
from servicekit.clock import utc_now

from .conftest import TRANSFER, Centre, Json, Office, numbers

OFFICER = {"role": "group_officer.participation"}
NEWS: dict[str, Wire] = {
    "amended": ReferralAmended.model_validate({**numbers(), "information": "มีใบเสร็จด้วย"}),
    "corrected": ReferralAmended.model_validate({**numbers(), "corrections": {"subject": "แก้หัวข้อ"}}),
    "withdrawn": ReferralWithdrawn.model_validate({**numbers(), "reason": "ผู้ร้องขอถอนเรื่อง"}),
}


def with_news(office: Office) -> list[str]:
    """The cases that the group's people see marked."""
    marked = [case["id"] for case in office.done("GET", "/cases", news="true", **OFFICER)["items"]]
    assert len(marked) == office.done("GET", "/desk", **OFFICER)["with_news"]
    return marked


@pytest.mark.parametrize("name", NEWS)
def test_what_the_centre_tells_later_is_marked_until_it_was_read(
    office: Office, centre: Centre, case_of: Callable[[UUID], Json], name: str
) -> None:
    """Amendments, corrections and withdrawals; the version changes, so that nobody writes over what is new."""
    referral = centre.refer()
    case = case_of(referral)
    office.accept(case)
    assert [] == with_news(office)
    assert "applied" == centre.send(referral, NEWS[name]).disposition
    assert [case["id"]] == with_news(office)
    marked = case_of(referral)
    read = office.done(
        "POST", f"/cases/{case['id']}/reading", headers={"If-Match": f'"{marked["version"]}"'}, **OFFICER
    )
    assert (None, marked["version"] + 1) == (read["news_at"], read["version"])
    assert [] == with_news(office)
    assert read == office.done("POST", f"/cases/{case['id']}/reading", **OFFICER)


def test_a_contest_is_marked_and_has_its_own_limit(
    office: Office, centre: Centre, case_of: Callable[[UUID], Json]
) -> None:
    """What was answered in time is not overdue because it was contested."""
    referral = centre.refer(due_at=datetime(2026, 1, 5, 17, tzinfo=UTC))
    case = case_of(referral)
    office.answered(case, "โอนแล้ว")
    centre.send(referral, ReferralContested.model_validate({**numbers(), "reason": "ยังไม่ได้รับเงิน"}))
    opened = case_of(referral)
    assert ("accepted", True) == (opened["state"], datetime.fromisoformat(opened["due_at"]) > utc_now())
    assert [case["id"]] == with_news(office)


def test_before_a_group_has_accepted_there_is_nobody_to_tell(
    office: Office, centre: Centre, case_of: Callable[[UUID], Json]
) -> None:
    """Who accepts reads all of it; after a reroute the next group does."""
    referral = centre.refer()
    centre.send(referral, NEWS["amended"])
    case = case_of(referral)
    assert [] == with_news(office)
    office.accept(case)
    assert [] == with_news(office)
    centre.send(referral, NEWS["amended"])
    moved = {"topic": "complaints", "reason": "ให้ตรวจสอบ"}
    assert office.done("PUT", f"/cases/{case['id']}/routing", moved)["news_at"] is None


def test_a_reply_is_news_unless_who_works_on_it_took_it_down(office: Office) -> None:
    """By the website's number and secret it is; by the officer at the telephone it is not."""
    new = {"kind": "inquiry", **TRANSFER, "evidence": {"consent": True}}
    sent = office.done("POST", "/public/cases", new, role=None)
    (case,) = office.done("GET", "/cases", case_number=sent["case_number"])["items"]
    office.accept(case)
    office.done("POST", f"/cases/{case['id']}/replies", {"text": "โทรถามแล้ว"}, **OFFICER)
    assert [] == with_news(office)
    secret = {"Tracking-Secret": sent["tracking_secret"]}
    path = f"/public/cases/{sent['case_number']}/messages"
    office.done("POST", path, {"text": "มีเพิ่มเติม"}, role=None, headers=secret)
    assert [case["id"]] == with_news(office)
    (load,) = office.done("GET", "/work-groups/participation/workload", **OFFICER)["by_officer"]
    assert ("group_officer.participation", 1) == (load["officer"], load["with_news"])


def test_only_the_group_says_that_it_has_read(office: Office) -> None:
    """Nobody else can, and an old version is refused."""
    case = office.record()
    path = f"/cases/{case['id']}/reading"
    assert (403, "not-allowed") == office.refused("POST", path, role="registrar")
    assert (404, "case-not-found") == office.refused("POST", path, role="group_officer.audit")
    assert (412, "version-mismatch") == office.refused("POST", path, headers={"If-Match": '"9"'}, **OFFICER)


def test_an_interim_report_begins_the_limit_anew(office: Office) -> None:
    """The duty is to answer or to report progress."""
    case = office.record(received_at=(utc_now() - timedelta(days=60)).isoformat())
    office.accept(case)
    reported = office.done("POST", f"/cases/{case['id']}/progress", {"text": "กำลังตรวจสอบ"}, **OFFICER)
    assert datetime.fromisoformat(case["due_at"]) < utc_now() < datetime.fromisoformat(reported["due_at"])


def test_answered_recently_is_what_has_a_recent_answer_in_force(office: Office) -> None:
    """A correction counts as work of its day; what was answered long ago does not."""
    long_ago = utc_now() - timedelta(days=40)
    old, corrected = office.record("fax"), office.record("po_box")
    for case in (old, corrected):
        office.answered(case, "ตอบแล้ว")
    with office.app.state.sessions.begin() as session:
        session.execute(sa.text("UPDATE cases SET answered_at = :then"), {"then": long_ago})
        session.execute(sa.text("UPDATE questions SET answered_at = :then"), {"then": long_ago})
    assert 0 == office.done("GET", "/desk", **OFFICER)["answered_recently"]
    office.draft(corrected, "แก้ไข")
    office.approve(corrected)
    assert 1 == office.done("GET", "/desk", **OFFICER)["answered_recently"]
    (load,) = office.done("GET", "/work-groups/participation/workload", **OFFICER)["by_officer"]
    assert 1 == load["answered_recently"]
