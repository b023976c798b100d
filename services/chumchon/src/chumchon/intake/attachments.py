"""The files that the Centre described in a referral, and that the exchange has fetched from it."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Response

from chumchon.cases import visible_case
from chumchon.steps import OFFICERS, sight_of
from exchange.attachments import AttachmentNotFound, WantedAttachment, fetched_content, wanted_about
from servicekit.fields import View
from servicekit.identity import Actor, require
from servicekit.routes import Reading, Router

router = Router(tags=["cases"])

Officer = Annotated[Actor, Depends(require(*OFFICERS))]


class WantedAttachments(View):
    """The files of a referral; those without `fetched_at` are still being fetched."""

    items: list[WantedAttachment]


@router.get("/cases/{case_id}/referral/attachments", summary="The files that came with a referral")
def get_referral_attachments(case_id: UUID, session: Reading, actor: Officer) -> WantedAttachments:
    """What the Centre described, and whether each file is here yet; if not, why."""
    referral = visible_case(session, case_id, sight_of(actor)).referral
    return WantedAttachments(items=wanted_about(session, referral.id) if referral else [])


@router.get(
    "/cases/{case_id}/referral/attachments/{attachment_id}",
    summary="One file that came with a referral",
    response_class=Response,
    responses={HTTPStatus.OK: {"content": {"application/octet-stream": {}}}},
)
def get_referral_attachment(case_id: UUID, attachment_id: UUID, session: Reading, actor: Officer) -> Response:
    """Its bytes, checked against the digest that the Centre had described; always as a download."""
    referral = visible_case(session, case_id, sight_of(actor)).referral
    if referral is None:
        raise AttachmentNotFound
    found, content = fetched_content(session, referral.id, attachment_id)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.filename, safe='')}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)
