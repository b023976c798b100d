"""A small sample of fictional cases, for a first look at the running service."""

from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.answering.actions import accept, approve, save_draft
from chumchon.deadlines import Deadlines
from chumchon.intake.actions import register_case
from chumchon.intake.bodies import NewCase
from chumchon.journey import State
from chumchon.records import Case
from chumchon.steps import case_to_change
from servicekit.clock import utc_now

REGISTRAR: Final = "sample-registrar"
OFFICER: Final = "sample-officer"
HEAD: Final = "sample-head"

# Days before now at which it came in, the case, and its answer where it is answered already.
_CASES: Final[tuple[tuple[int, dict[str, Any], str | None], ...]] = (
    (
        9,
        {
            "channel": "po_box",
            "kind": "request",
            "subject": "ขอแบบฟอร์มเสนอโครงการชุมชนพอเพียง",
            "details": "คณะกรรมการชุมชนบ้านหนองตัวอย่างขอแบบฟอร์มเสนอโครงการและรายการเอกสารโครงการที่ต้องแนบ",
            "complainant": {"title": "นาย", "first_name": "สมชาย", "last_name": "ตัวอย่างดี"},
            "place": {"province": "ขอนแก่น", "district": "ชุมแพ"},
            "evidence": {"registered_number": "RL123456785TH", "pages": 2},
        },
        "ส่งแบบฟอร์มเสนอโครงการให้ทางไปรษณีย์แล้ว เอกสารที่ต้องแนบคือรายงานการประชุมประชาคมและบัญชีรายชื่อคณะกรรมการ",
    ),
    (
        7,
        {
            "channel": "telephone",
            "kind": "inquiry",
            "subject": "สอบถามกำหนดการโอนเงินโครงการ",
            "details": "ชุมชนทำสัญญาแล้วแต่เงินยังไม่เข้าบัญชี ขอทราบกำหนดการโอนเงินงวดที่สอง",
            "complainant": {"title": "นาง", "first_name": "ละไม", "last_name": "ตัวอย่างรอ", "phone": "0800000004"},
            "place": {"province": "ตรัง"},
            "evidence": {"caller_number": "0800000004", "called_number": "02-629-9226"},
        },
        "โอนเงินงวดที่สองภายใน 15 วันทำการหลังได้รับรายงานการใช้เงินงวดแรกครบถ้วน",
    ),
    (
        5,
        {
            "channel": "email",
            "kind": "complaint",
            "subject": "ร้องเรียนการจัดซื้อเครื่องสีข้าวราคาแพงเกินจริง",
            "details": "ขอให้ตรวจสอบการทุจริตจัดซื้อเครื่องสีข้าวของโครงการ ราคาสูงกว่าท้องตลาดสองเท่า มีการแสวงหาผลประโยชน์",
            "confidential": True,
            "place": {"province": "ร้อยเอ็ด"},
            "evidence": {"message_id": "<sample-1@example.com>", "from_address": "sample@example.com"},
        },
        None,
    ),
    (
        3,
        {
            "channel": "fax",
            "kind": "inquiry",
            "subject": "ขอวาระการประชุมคณะกรรมการ",
            "details": "ขอระเบียบวาระการประชุมและรายงานการประชุมครั้งก่อนของคณะกรรมการโครงการ",
            "complainant": {"title": "นาย", "first_name": "อุดม", "last_name": "ตัวอย่างพร้อม", "phone": "0800000003"},
            "place": {"province": "สุพรรณบุรี"},
            "evidence": {"sender_number": "035000000", "received_on_number": "02-629-9227", "pages": 1},
        },
        None,
    ),
    (
        1,
        {
            "channel": "website",
            "kind": "request",
            "subject": "ขอวิทยากรอบรมการทำบัญชีครัวเรือน",
            "details": "กลุ่มแม่บ้านขอวิทยากรฝึกอบรมการทำบัญชีครัวเรือนตามหลักปรัชญาของเศรษฐกิจพอเพียง",
            "complainant": {"first_name": "มะลิ", "last_name": "ตัวอย่างคิด", "email": "mali@example.com"},
            "place": {"province": "ระยอง"},
            "evidence": {"consent": True},
        },
        None,
    ),
    (
        0,
        {
            "channel": "website",
            "kind": "inquiry",
            "subject": "สอบถาม",
            "details": "สวัสดีครับ ติดต่อเรื่องที่คุยกันไว้",
            "evidence": {"consent": True},
        },
        None,
    ),
)


def load_sample(session: Session, deadlines: Deadlines) -> int:
    """Load the sample in the caller's transaction; how many cases, 0 when there are cases already."""
    if session.scalar(sa.select(sa.exists().select_from(Case))):
        return 0
    now = utc_now()
    for days_ago, content, answer in _CASES:
        _load(session, content, answer, deadlines, received_at=now - timedelta(days=days_ago, minutes=30), now=now)
    return len(_CASES)


def _load(
    session: Session,
    content: dict[str, Any],
    answer: str | None,
    deadlines: Deadlines,
    *,
    received_at: datetime,
    now: datetime,
) -> None:
    evidence = content["evidence"]
    if content["channel"] == "telephone":
        evidence = {**evidence, "call_started_at": received_at.isoformat()}
    new = NewCase.model_validate({**content, "evidence": evidence, "received_at": received_at})
    due_at = deadlines.due_at(received_at)
    opened = register_case(session, new, by=REGISTRAR, client_id=None, due_at=due_at, now=now)
    if answer is None:
        return
    case = case_to_change(session, opened.id)
    if case.state == State.ROUTED:
        accept(session, case, by=OFFICER, now=now)
        save_draft(session, case, answer, by=OFFICER, now=now)
        approve(session, case, None, by=HEAD, draft_required=True, deadlines=deadlines, now=now)
