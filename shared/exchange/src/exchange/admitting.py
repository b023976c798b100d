"""Who may ask: a request is admitted when a peer signed it, before its body is read."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

import structlog
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from exchange.metrics import ExchangeMetrics
from exchange.parties import Exchange
from exchange.signing import (
    IncomingRequest,
    SignatureError,
    UnknownKeyError,
    Verified,
    verify_body,
    verify_request,
)
from servicekit.problems import BodyTooLarge, DomainError, Problem
from servicekit.words import Words

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


class Admitted(NamedTuple):
    """A request whose signature holds: which peer made it, and its body."""

    peer: str
    request: IncomingRequest
    body: bytes


async def no_body(request: Request) -> bytes:
    """The empty body of a request that only asks.

    Raises:
        BodyTooLarge: it brings one.
    """
    async for part in request.stream():
        if part:
            raise BodyTooLarge
    return b""


async def admit(
    exchange: Exchange,
    request: Request,
    metrics: ExchangeMetrics,
    *,
    read_body: Callable[[Request], Awaitable[bytes]] = no_body,
) -> Admitted:
    """Check that a peer signed the request, for this party, just now; the body is read after that.

    Raises:
        NotSignedByPeer: none did.
        NotNow: a peer's keys could not be fetched, so that nobody knows.
    """
    target = exchange.public_url + request.scope["path"]
    if query := request.scope["query_string"]:
        target += "?" + query.decode("latin-1")
    incoming = IncomingRequest(request.method, target, request.scope["headers"])
    try:
        verified = await _verified(exchange, incoming)
        body = await read_body(request)
        verify_body(incoming, verified.result, body)
    except SignatureError as error:
        metrics.refused.inc()
        client = request.client.host if request.client else None
        log.warning("security event: exchange request refused", reason=str(error), client=client)
        raise NotSignedByPeer from None
    return Admitted(verified.peer, incoming, body)


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
