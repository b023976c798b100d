"""The routes by which peers prove to each other that nothing is lost: feed, ledger, copies of receipts."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from exchange import ledger
from exchange.admitting import Admitted, admit
from exchange.attachments import ATTACHMENT_NOT_FOUND, AttachmentNotFound, AttachmentSource
from exchange.metrics import ExchangeMetrics
from exchange.parties import ATTACHMENTS_PATH, FEED_PATH, LEDGER_PATH, RECEIPTS_PATH, Exchange
from exchange.signing import sign_receipts
from schemas import (
    BATCH_MESSAGES,
    LEDGER_PAGE,
    Disposition,
    Feed,
    Ledger,
    LedgerBy,
    Receipt,
    ReceiptCopies,
)
from servicekit.clock import utc_now
from servicekit.database import ReadSessions
from servicekit.fields import Timestamp
from servicekit.problems import DomainError, FieldError, InvalidInput, Problem
from servicekit.routes import Router
from servicekit.words import Words

JSON: Final = "application/json"
FILE: Final = "application/octet-stream"

_LONGEST: Final = {
    LedgerBy.DAY: timedelta(days=3660),
    LedgerBy.HOUR: timedelta(days=62),
    LedgerBy.MESSAGE: timedelta(days=62),
}
_NO_PERIOD: Final = FieldError("/to", "no_period", Words("to ต้องอยู่หลัง from", "`to` must come after `from`."), "query")
_TOO_LONG: Final = FieldError(
    "/to",
    "period_too_long",
    Words("ช่วงเวลายาวเกินไปสำหรับความละเอียดนี้", "The period is too long to be told so finely."),
    "query",
)

PROBLEMS: Mapping[type[DomainError], Problem] = {
    ledger.CursorUnknown: ledger.CURSOR_UNKNOWN,
    AttachmentNotFound: ATTACHMENT_NOT_FOUND,
}

Ids = Annotated[list[UUID], Query(min_length=1, max_length=BATCH_MESSAGES, description="Messages by their ids.")]


def proof_router(exchange: Exchange, *, metrics: ExchangeMetrics, source: AttachmentSource | None) -> APIRouter:
    """The routes, for peers alone. Requests and answers are signed as those with messages are.

    `source` is where this party keeps the files that it describes, if it describes any.
    """
    router = Router()

    async def admission(request: Request) -> Admitted:
        return await admit(exchange, request, metrics)

    FromPeer = Annotated[Admitted, Depends(admission)]  # noqa: N806  # a type

    @router.get(
        FEED_PATH,
        summary="The feed: all that this party ever sent to the caller",
        description="Signed by a peer. Oldest first; `after` is the `cursor` of the answer before."
        " With `id`, only those messages.",
        responses={HTTPStatus.OK: {"model": Feed}, HTTPStatus.GONE: {"description": "The cursor is not known."}},
    )
    async def get_feed(
        request: Request,
        admitted: FromPeer,
        after: Annotated[UUID | None, Query(description="The last message that was read.")] = None,
        id: Annotated[list[UUID] | None, Query(max_length=BATCH_MESSAGES)] = None,  # noqa: A002  # the wire's name
    ) -> Response:
        return await _answer(exchange, request, admitted, lambda session: _feed(session, admitted.peer, after, id))

    @router.get(
        LEDGER_PATH,
        summary="The ledger: counts and digests of what went either way between this party and the caller",
        description="Signed by a peer. By day, hour (UTC) or message; `after` pages a ledger by message.",
        responses={HTTPStatus.OK: {"model": Ledger}},
    )
    async def get_ledger(
        *,
        request: Request,
        admitted: FromPeer,
        since: Annotated[Timestamp, Query(alias="from", description="From this moment of the messages' ids …")],
        until: Annotated[Timestamp, Query(alias="to", description="… until before this one.")],
        by: LedgerBy = LedgerBy.DAY,
        after: Annotated[UUID | None, Query(description="Only entries with a higher id.")] = None,
    ) -> Response:
        _check_period(since, until, by)
        period = _Period(since, until, by, after)
        return await _answer(exchange, request, admitted, lambda session: _ledger(session, admitted.peer, period))

    @router.get(
        RECEIPTS_PATH,
        summary="Copies of messages that the caller had sent, with their receipts",
        description="Signed by a peer: for one that was restored from an older backup and forgot what it sent.",
        responses={HTTPStatus.OK: {"model": ReceiptCopies}},
    )
    async def get_receipts(request: Request, admitted: FromPeer, id: Ids) -> Response:  # noqa: A002  # the wire's name
        return await _answer(
            exchange, request, admitted, lambda session: _copies(ledger.taken(session, admitted.peer, id).rows)
        )

    @router.get(
        ATTACHMENTS_PATH + "/{attachment_id}",
        summary="The bytes of an attachment that a message to the caller described",
        description="Signed by a peer. The receiver checks length and digest against the descriptor.",
        response_class=Response,
        responses={HTTPStatus.OK: {"content": {FILE: {}}}},
    )
    async def get_described_file(request: Request, admitted: FromPeer, attachment_id: UUID) -> Response:
        def read(session: Session) -> bytes:
            content = source.read(session, attachment_id, peer=admitted.peer) if source else None
            if content is None:
                raise AttachmentNotFound
            return content

        return await _answer(exchange, request, admitted, read, content_type=FILE)

    return router


async def _answer(
    exchange: Exchange,
    request: Request,
    admitted: Admitted,
    read: Callable[[Session], bytes],
    *,
    content_type: str = JSON,
) -> Response:
    """What `read` finds, signed as receipts are."""
    sessions: ReadSessions = request.app.state.read_sessions

    def found() -> bytes:
        with sessions() as session:
            return read(session)

    body = await run_in_threadpool(found)
    headers = sign_receipts(
        body,
        content_type=content_type,
        status=HTTPStatus.OK,
        request=admitted.request,
        keys=exchange.keys,
        created=utc_now(),
    )
    return Response(body, HTTPStatus.OK, headers)


def _feed(session: Session, peer: str, after: UUID | None, ids: Sequence[UUID] | None) -> bytes:
    """Messages go out as they stand: they may be of types that this version does not know."""
    part = ledger.feed(session, peer, after=after) if ids is None else ledger.fed(session, peer, ids)
    shown = {
        "messages": [orjson.Fragment(row.content) for row in part.rows],
        "cursor": part.rows[-1].id if part.rows else after,
        "more": part.more,
    }
    return orjson.dumps(shown)


class _Period(NamedTuple):
    """What of a ledger is asked for."""

    since: datetime
    until: datetime
    by: LedgerBy
    after: UUID | None


def _check_period(since: datetime, until: datetime, by: LedgerBy) -> None:
    if until <= since:
        raise InvalidInput(_NO_PERIOD)
    if until - since > _LONGEST[by]:
        raise InvalidInput(_TOO_LONG)


def _ledger(session: Session, peer: str, period: _Period) -> bytes:
    since, until, by, after = period
    if by is not LedgerBy.MESSAGE:
        found = ledger.periods(session, peer, since=since, until=until, by=by)
        return Ledger(by=by, periods=tuple(found)).model_dump_json().encode()
    entries = ledger.entries(session, peer, since=since, until=until, after=after, limit=LEDGER_PAGE + 1)
    shown = Ledger(by=by, entries=tuple(entries[:LEDGER_PAGE]), more=len(entries) > LEDGER_PAGE)
    return shown.model_dump_json().encode()


def _copies(rows: Sequence[Any]) -> bytes:
    copies = [
        {
            "message": orjson.Fragment(row.content),
            "receipt": orjson.Fragment(
                Receipt(
                    id=row.id,
                    disposition=_DISPOSITIONS[row.state],
                    received_at=row.received_at,
                    digest=row.digest,
                    problem=row.problem,
                    erased=True if row.erased_at else None,
                ).model_dump_json(exclude_none=True)
            ),
        }
        for row in rows
    ]
    return orjson.dumps({"copies": copies})


_DISPOSITIONS: Final = {
    "applied": Disposition.APPLIED,
    "held": Disposition.HELD,
    "quarantined": Disposition.QUARANTINED,
    "dismissed": Disposition.QUARANTINED,
}
"""What a receipt says of a message in each of the inbox's states."""
