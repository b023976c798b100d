"""The files that an agency described with its answer, and that the exchange has fetched from it."""

from http import HTTPStatus
from urllib.parse import quote
from uuid import UUID

from fastapi import Response

from center1111.referrals import queries
from center1111.roles import Officer
from center1111.steps import ReferralNotFound
from exchange.attachments import WantedAttachment, fetched_content, wanted_about
from servicekit.fields import View
from servicekit.routes import Reading, Router

router = Router(tags=["referrals"])


class AnswerFiles(View):
    """The files of an agency's answers; those without `fetched_at` are still being fetched."""

    items: list[WantedAttachment]


@router.get("/referrals/{referral_id}/attachments", summary="The files that came with the agency's answers")
def get_referral_attachments(referral_id: UUID, session: Reading, actor: Officer) -> AnswerFiles:  # noqa: ARG001  # who may
    """What the agency described, and whether each file is here yet; if not, why."""
    if queries.read_referral(session, referral_id) is None:
        raise ReferralNotFound
    return AnswerFiles(items=wanted_about(session, referral_id))


@router.get(
    "/referrals/{referral_id}/attachments/{attachment_id}",
    summary="One file that came with the agency's answers",
    response_class=Response,
    responses={HTTPStatus.OK: {"content": {"application/octet-stream": {}}}},
)
def get_referral_attachment(referral_id: UUID, attachment_id: UUID, session: Reading, actor: Officer) -> Response:  # noqa: ARG001  # who may
    """Its bytes, checked against the digest that the agency had described; always as a download."""
    found, content = fetched_content(session, referral_id, attachment_id)
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.filename, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return Response(content, media_type="application/octet-stream", headers=headers)
