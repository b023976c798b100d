"""Erasing the personal data of a complaint at its end."""

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from center1111.complaint_view import ComplaintView, read_complaint
from center1111.erasure import actions
from center1111.fields import Note
from center1111.roles import Eraser
from schemas import ErasureGround
from servicekit.clock import Now
from servicekit.fields import Body
from servicekit.routes import Router, Transaction
from servicekit.versions import IfMatch

router = Router(tags=["complaints"])


class NewErasure(Body):
    """On what ground, and where the request for it is kept."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"basis": "consent_withdrawn", "note": "คำขอที่ นร 0105/1234 ลงวันที่ 2 พ.ย. 2569"}]}
    )

    basis: ErasureGround = Field(description="See /v1/code-lists/erasure_grounds.")
    note: Annotated[Note | None, Field(description="Stays on record: it must not name the complainant.")] = None


@router.post("/complaints/{complaint_id}/erasure", summary="Erase the complainant's personal data")
def post_erasure(
    complaint_id: UUID, new: NewErasure, *, session: Transaction, now: Now, actor: Eraser, wanted: IfMatch
) -> ComplaintView:
    """Of a complaint that is closed, refused or withdrawn; it cannot be undone.

    Numbers, codes, dates, province and district stay. Agencies that had the complaint are told to erase their copies;
    `erasure.confirmations` says who has. Files are gone within a minute.
    """
    actions.erase(session, complaint_id, basis=new.basis, note=new.note, wanted=wanted, by=actor.subject, now=now)
    return read_complaint(session, complaint_id, for_=actor)
