"""The exchange over HTTP: taking messages, our public keys, and how it stands with each peer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Request, Response, params
from starlette.concurrency import run_in_threadpool

from exchange.inbox import MALFORMED_BATCH, Effects, MalformedBatch, read_batch, take
from exchange.keys import JWKS_PATH
from exchange.metrics import ExchangeMetrics
from exchange.parties import MESSAGES_PATH, Exchange
from exchange.signing import (
    IncomingRequest,
    SignatureError,
    UnknownKeyError,
    Verified,
    sign_receipts,
    verify_body,
    verify_request,
)
from exchange.watching import PeerStatus, statuses
from schemas import BATCH_BYTES, BATCH_MESSAGES, Message, Receipts
from servicekit.clock import utc_now
from servicekit.database import Sessions
from servicekit.problems import BodyTooLarge, DomainError, Problem, UnsupportedMediaType, describe
from servicekit.routes import Reading, Router
from servicekit.words import Words

JSON = "application/json"
RETRY_AFTER_SECONDS = 2

log = structlog.get_logger(__name__)


class NotSignedByPeer(DomainError):
    """The request is unsigned, stale, altered, or signed by a stranger. Which of it, only our log says."""

    def __init__(self) -> None:
        super().__init__("signature refused")
        self.headers = {"WWW-Authenticate": "Signature"}


class NotNow(DomainError):
    """Nothing was taken, through no fault of the sender's: it is to try again."""

    def __init__(self) -> None:
        super().__init__("try again")
        self.headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}


PROBLEMS: Mapping[type[DomainError], Problem] = {
    MalformedBatch: MALFORMED_BATCH,
    NotSignedByPeer: Problem(
        "signature-refused",
        HTTPStatus.UNAUTHORIZED,
        Words("ไม่ยอมรับลายมือชื่อของคำขอ", "The request's signature is refused"),
        Words(
            "คำขอต้องลงลายมือชื่อตาม RFC 9421 ครอบคลุม @method @target-uri content-type content-digest"
            " ด้วยกุญแจที่ลงทะเบียนไว้ และไม่เกิน 5 นาที",
            "Sign it as of RFC 9421 over @method @target-uri content-type content-digest, with a key that is known"
            " here, at most 5 minutes ago.",
        ),
    ),
    NotNow: Problem(
        "exchange-unavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        Words("ยังรับข้อความไม่ได้ชั่วคราว", "Messages cannot be taken for the moment"),
        Words("ไม่มีข้อความใดถูกรับ โปรดส่งใหม่", "None of the messages was taken: send them again."),
    ),
}


def exchange_router(
    exchange: Exchange, effects: Effects, *, operators: params.Depends, metrics: ExchangeMetrics
) -> APIRouter:
    """The routes under `/v1`. `operators` guards what is not for peers, as `Depends(require("operator"))`."""
    router = Router(prefix="/exchange", tags=["exchange"])
    taking = _Taking(exchange, effects, metrics)

    @router.post(
        "/messages",
        summary="Take a batch of messages from a peer",
        description=f"Signed by RFC 9421. 1 to {BATCH_MESSAGES} messages, at most {BATCH_BYTES} bytes; a receipt each.",
        responses={HTTPStatus.OK: {"model": Receipts}},
        openapi_extra=_BATCH_IN_OPENAPI,
    )
    async def post_messages(request: Request) -> Response:
        incoming = _incoming(exchange, request)
        try:
            verified = await _verified(exchange, incoming)
            if request.headers["content-type"].partition(";")[0].strip().lower() != JSON:
                raise UnsupportedMediaType
            body = await _body(request)
            verify_body(incoming, verified.result, body)
        except SignatureError as error:
            metrics.refused.inc()
            client = request.client.host if request.client else None
            log.warning("security event: exchange request refused", reason=str(error), client=client)
            raise NotSignedByPeer from None
        sessions: Sessions = request.app.state.sessions
        return await run_in_threadpool(taking.take, sessions, incoming, verified.peer, body)

    @router.get("/status", summary="How it stands with each peer", dependencies=[operators])
    def get_status(session: Reading) -> list[PeerStatus]:
        return statuses(session)

    return router


def keys_router(exchange: Exchange) -> APIRouter:
    """Our public keys, outside of `/v1`."""
    router = APIRouter(tags=["exchange"])

    @router.get(JWKS_PATH, summary="The public keys that this party signs with", include_in_schema=False)
    async def get_keys() -> dict[str, Any]:
        return dict(exchange.keys.published)

    return router


def _incoming(exchange: Exchange, request: Request) -> IncomingRequest:
    return IncomingRequest(request.method, exchange.public_url + MESSAGES_PATH, request.scope["headers"])


async def _verified(exchange: Exchange, incoming: IncomingRequest) -> Verified:
    """Check the signature; when the key is not known, once more with the peers' keys fetched anew."""
    keys = exchange.peer_keys
    if not keys.stale():
        try:
            return verify_request(incoming, keys.holders)
        except UnknownKeyError:
            pass
    await run_in_threadpool(keys.refresh)
    try:
        return verify_request(incoming, keys.holders)
    except UnknownKeyError:
        if keys.uncertain():
            raise NotNow from None
        raise


async def _body(request: Request) -> bytes:
    parts = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > BATCH_BYTES:
            raise BodyTooLarge
        parts.append(part)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Taking:
    """What a verified request goes through in a worker thread, up to the commit."""

    exchange: Exchange
    effects: Effects
    metrics: ExchangeMetrics

    def take(self, sessions: Sessions, incoming: IncomingRequest, peer: str, body: bytes) -> Response:
        arrivals = read_batch(body, peer)
        effects = replace(self.effects, allowed=self.exchange.peers[peer].types)
        try:
            with sessions.begin() as session:
                receipts = take(session, arrivals, source=peer, effects=effects, now=utc_now())
        except (psycopg.Error, sa.exc.SQLAlchemyError) as error:
            log.error(  # noqa: TRY400  # a traceback would end with the error's text, which may quote a message
                "messages not taken", peer=peer, messages=len(arrivals), **describe(error)
            )
            raise NotNow from None
        for receipt in receipts:
            self.metrics.taken.labels(peer, receipt.disposition).inc()
        answer = Receipts(receipts=tuple(receipts)).model_dump_json(exclude_none=True).encode()
        headers = sign_receipts(
            answer,
            content_type=JSON,
            status=HTTPStatus.OK,
            request=incoming,
            keys=self.exchange.keys,
            created=utc_now(),
        )
        return Response(answer, HTTPStatus.OK, headers)


_BATCH_IN_OPENAPI: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["messages"],
                    "properties": {
                        "messages": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": BATCH_MESSAGES,
                            "items": Message.model_json_schema(),
                        }
                    },
                }
            }
        },
    }
}
