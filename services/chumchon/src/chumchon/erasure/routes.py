"""Erasing the personal data of a case at its end."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends
from pydantic import ConfigDict, Field

from chumchon.cases import CaseView, case_view
from chumchon.erasure.actions import erase
from chumchon.steps import DIRECTOR, REGISTRAR, sight_of
from schemas import ErasureGround
from servicekit.clock import Now
from servicekit.fields import Body, Text
from servicekit.identity import Actor, require
from servicekit.routes import Router, Transaction
from servicekit.versions import IfMatch

router = Router(tags=["cases"])

Eraser = Annotated[Actor, Depends(require(DIRECTOR, REGISTRAR))]


class NewErasure(Body):
    """On what ground, and where the request for it is kept."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"basis": "consent_withdrawn", "note": "คำขอที่ สพช 12/2569 ลงวันที่ 2 พ.ย. 2569"}]}
    )

    basis: ErasureGround = Field(description="See /v1/code-lists/erasure_grounds.")
    note: Annotated[
        Annotated[str, Text(4_000)] | None, Field(description="Stays on record: it must not name the complainant.")
    ] = None


@router.post("/cases/{case_id}/erasure", summary="Erase the complainant's personal data")
def post_erasure(
    case_id: UUID, new: NewErasure, *, session: Transaction, now: Now, actor: Eraser, versions: IfMatch
) -> CaseView:
    """Of a case that is answered, returned, withdrawn or closed; it cannot be undone.

    Numbers, codes, dates, province and district stay, and so does the store of questions. Where the Centre referred the
    case, it is told to erase its copy; `erasure.confirmations` says whether it has.
    """
    erase(
        session,
        case_id,
        basis=new.basis,
        note=new.note,
        sight=sight_of(actor),
        versions=versions,
        by=actor.subject,
        now=now,
    )
    return case_view(session, case_id)
