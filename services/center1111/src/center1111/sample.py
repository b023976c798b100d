"""A small sample of our own writing, for a first look and for demonstrations: people and places are made up."""

from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from center1111.deadlines import Deadlines
from center1111.intake.actions import register_complaint
from center1111.intake.bodies import NewComplaint
from center1111.knowledge.actions import publish_article, write_article
from center1111.knowledge.bodies import ArticleContent
from center1111.records import Complaint
from center1111.verification.actions import verify
from center1111.writers import Writers
from servicekit.clock import utc_now

_AUTHOR: Final = "sample-author"
_EDITOR: Final = "sample-editor"

_ARTICLES: Final[list[dict[str, Any]]] = [
    {
        "question": "ชุมชนจะได้รับโอนเงินงบประมาณโครงการเมื่อใด",
        "answer": "เมื่อโครงการได้รับอนุมัติและชุมชนส่งสำเนาสมุดบัญชีครบถ้วน สำนักงานจะโอนเงินเข้าบัญชีของชุมชนภายใน 30 วันทำการ "
        "หากพ้นกำหนดให้แจ้งชื่อชุมชนและเลขที่โครงการเพื่อตรวจสอบ",
        "topic": "transfers_and_changes",
        "keywords": ["โอนเงิน", "งบประมาณ", "บัญชีชุมชน"],
    },
    {
        "question": "ต้องใช้เอกสารใดบ้างในการเสนอโครงการชุมชนพอเพียง",
        "answer": "ใช้แบบเสนอโครงการ รายงานการประชุมประชาคม บัญชีรายชื่อผู้เข้าประชุม และสำเนาสมุดบัญชีของชุมชน "
        "ดาวน์โหลดแบบได้จากเว็บไซต์ของสำนักงาน",
        "topic": "project_documents",
        "keywords": ["เอกสาร", "แบบเสนอโครงการ", "ประชาคม"],
    },
    {
        "question": "ขอเปลี่ยนแปลงโครงการที่ได้รับอนุมัติแล้วได้หรือไม่",
        "answer": "ได้ โดยจัดประชุมประชาคมเพื่อลงมติใหม่ แล้วส่งรายงานการประชุมพร้อมแบบขอเปลี่ยนแปลงโครงการ"
        "ให้สำนักงานพิจารณาก่อนใช้จ่ายเงิน",
        "topic": "transfers_and_changes",
        "keywords": ["เปลี่ยนแปลงโครงการ", "ประชาคม"],
    },
]

_COMPLAINTS: Final[list[dict[str, Any]]] = [
    {
        "channel": "letter",
        "kind": "inquiry",
        "subject": "ขอทราบกำหนดโอนเงินโครงการชุมชนพอเพียง",
        "details": "ชุมชนบ้านกลางได้รับอนุมัติโครงการแล้วสองเดือน แต่ยังไม่ได้รับโอนเงินงบประมาณ ขอทราบกำหนดการโอนเงิน",
        "complainant": {"title": "นาง", "first_name": "สมศรี", "last_name": "ใจดี", "address": "12 หมู่ 3 จ.ลำพูน"},
        "place": {"province": "ลำพูน", "district": "เมืองลำพูน", "community": "บ้านกลาง"},
        "evidence": {"postmarked_on": None, "pages": 2},
    },
    {
        "channel": "hotline",
        "kind": "complaint",
        "subject": "ร้องเรียนการจัดซื้อของโครงการราคาสูงผิดปกติ",
        "details": "มีผู้เสนอขายเครื่องสีข้าวให้ชุมชนในราคาสูงกว่าท้องตลาดเกือบเท่าตัว และอ้างว่าเป็นตัวแทนของโครงการ ขอให้ตรวจสอบ",
        "confidential": True,
        "complainant": {"first_name": "สมชาย", "last_name": "รักชุมชน", "phone": "0812345678"},
        "place": {"province": "ขอนแก่น"},
        "evidence": {"caller_number": "0812345678", "call_started_at": None},
    },
    {
        "channel": "walk_in",
        "kind": "request",
        "subject": "ขอเข้ารับการฝึกอบรมเรื่องเศรษฐกิจพอเพียง",
        "details": "กลุ่มแม่บ้านประสงค์จะเข้ารับการฝึกอบรมการทำบัญชีครัวเรือนตามแนวเศรษฐกิจพอเพียง ขอทราบกำหนดการและวิธีสมัคร",
        "complainant": {"title": "นางสาว", "first_name": "มาลี", "last_name": "สุขใจ", "phone": "021234567"},
        "place": {"province": "นครราชสีมา", "district": "ปากช่อง"},
        "evidence": {"counter": "3", "id_checked": True},
    },
    {
        "channel": "website",
        "kind": "suggestion",
        "subject": "เสนอให้เผยแพร่คู่มือโครงการเป็นภาษาที่เข้าใจง่าย",
        "details": "คู่มือและสื่อประชาสัมพันธ์ของโครงการอ่านยาก ขอให้จัดทำฉบับย่อสำหรับประชาชน",
        "complainant": {"first_name": "วิชัย", "email": "wichai@example.org"},
        "evidence": {"consent": True},
    },
]


def load_sample(session: Session, deadlines: Deadlines, writers: Writers) -> int:
    """Load the sample into an empty database; how many complaints were loaded: none, where there are some."""
    if session.scalar(sa.select(Complaint.id).limit(1)) is not None:
        return 0
    now = utc_now()
    for content in _ARTICLES:
        article = write_article(session, ArticleContent(**content), by=_AUTHOR, now=now)
        publish_article(session, article.id, wanted=None, by=_EDITOR, now=now)
    received_at = now - timedelta(hours=1)
    for content in _COMPLAINTS:
        evidence = {
            name: _before(name, received_at.isoformat()) if value is None else value
            for name, value in content["evidence"].items()
        }
        new = NewComplaint.model_validate({**content, "evidence": evidence, "received_at": received_at})
        made = register_complaint(session, new, by=_AUTHOR, deadlines=deadlines, writers=writers, now=now)
        if new.channel != "website":
            verify(session, made.id, ground=None, note=None, required=(), wanted=None, by=_EDITOR, now=now)
    return len(_COMPLAINTS)


def _before(name: str, moment: str) -> str:
    return moment[:10] if name.endswith("_on") else moment
