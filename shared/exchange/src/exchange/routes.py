"""The exchange over HTTP: taking messages, our public keys, and how it stands with each peer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Request, Response, params
from starlette.concurrency import run_in_threadpool

from exchange import admitting, proving
from exchange.admitting import NotNow, admit
from exchange.attachments import AttachmentSource
from exchange.inbox import MALFORMED_BATCH, Effects, MalformedBatch, read_batch, take
from exchange.keys import JWKS_PATH
from exchange.metrics import ExchangeMetrics
from exchange.operators import operators_router
from exchange.parties import Exchange
from exchange.proving import proof_router
from exchange.signing import IncomingRequest, sign_receipts
from schemas import BATCH_BYTES, BATCH_MESSAGES, Message, Receipts
from servicekit.clock import utc_now
from servicekit.database import Sessions
from servicekit.problems import BodyTooLarge, DomainError, Problem, UnsupportedMediaType, describe
from servicekit.routes import Router

JSON = "application/json"

log = structlog.get_logger(__name__)


PROBLEMS: Mapping[type[DomainError], Problem] = {
    MalformedBatch: MALFORMED_BATCH,
    **admitting.PROBLEMS,
    **proving.PROBLEMS,
}


def exchange_router(
    exchange: Exchange,
    effects: Effects,
    *,
    operators: params.Depends,
    readers: params.Depends | None = None,
    metrics: ExchangeMetrics,
    source: AttachmentSource | None = None,
) -> APIRouter:
    """The routes under `/v1`.

    `operators` guards what is not for peers, as `Depends(require("operator"))`; `readers` those that only look, where
    they are more. `source` is where the files are that our messages describe.
    """
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
        admitted = await admit(exchange, request, metrics, read_body=_batch)
        sessions: Sessions = request.app.state.sessions
        return await run_in_threadpool(taking.take, sessions, admitted.request, admitted.peer, admitted.body)

    router.include_router(proof_router(exchange, metrics=metrics, source=source))
    router.include_router(operators_router(exchange, effects, readers=readers or operators, operators=operators))
    return router


def keys_router(exchange: Exchange) -> APIRouter:
    """Our public keys, outside of `/v1`."""
    router = APIRouter(tags=["exchange"])

    @router.get(JWKS_PATH, summary="The public keys that this party signs with", include_in_schema=False)
    async def get_keys() -> dict[str, Any]:
        return dict(exchange.keys.published)

    return router


async def _batch(request: Request) -> bytes:
    if request.headers["content-type"].partition(";")[0].strip().lower() != JSON:
        raise UnsupportedMediaType
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
            receipts = take(sessions, arrivals, source=peer, effects=effects, now=utc_now())
        except sa.exc.SQLAlchemyError as error:
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
