"""Verification of a complaint."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from center1111.codes import RefusalGround
from center1111.complaint_view import ComplaintView, read_complaint
from center1111.fields import Note
from center1111.roles import Verifier
from center1111.verification.actions import verify
from servicekit.clock import Now
from servicekit.fields import Body, refused
from servicekit.routes import Router, Transaction
from servicekit.versions import IfMatch
from servicekit.words import Words

router = Router(tags=["complaints"])


class NewVerification(Body):
    """What the check came to. A refusal names its ground, an acceptance has none."""

    outcome: Literal["accepted", "refused"]
    ground: Annotated[
        RefusalGround | None,
        Field(description="Of a refusal; see /v1/code-lists/refusal_grounds.", validate_default=True),
    ] = None
    note: Note | None = None

    @field_validator("ground")
    @classmethod
    def _of_a_refusal(cls, ground: RefusalGround | None, info: ValidationInfo) -> RefusalGround | None:
        outcome = info.data.get("outcome")
        if outcome == "refused" and ground is None:
            raise refused(
                "ground_required",
                Words("การไม่รับเรื่องต้องระบุเหตุผลตามรายการ refusal_grounds", "A refusal names its ground."),
            )
        if outcome == "accepted" and ground is not None:
            raise refused("ground_without_refusal", Words("การรับเรื่องไม่มีเหตุผลที่ไม่รับ", "An acceptance has no ground."))
        return ground


@router.put("/complaints/{complaint_id}/verification", summary="Accept a complaint, or refuse it on a ground")
def put_verification(
    complaint_id: UUID, new: NewVerification, *, session: Transaction, now: Now, actor: Verifier, wanted: IfMatch
) -> ComplaintView:
    """A complaint is verified once. The complainant sees the ground of a refusal, and not the note."""
    verify(session, complaint_id, ground=new.ground, note=new.note, wanted=wanted, by=actor.subject, now=now)
    return read_complaint(session, complaint_id, for_=actor)
