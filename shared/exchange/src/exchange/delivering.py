"""One request to a peer: a batch out, receipts back, or the reason why there are none. Knows no database."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from http import HTTPStatus
from uuid import UUID

import httpx2
from pydantic import ValidationError

from exchange.backoff import asked_seconds
from exchange.parties import Exchange, Peer
from exchange.signing import Proof, SignatureError, sign_request, verify_receipts
from exchange.trust import trusted
from schemas import Receipt, Receipts

ANSWER_BYTES = 4 * 1024 * 1024
"""Receipts of a full batch, each with a long problem, fit into this many times over."""

_PEER_IS_BUSY = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class Failure(Enum):
    """Why a request brought no receipts, by what is to be done."""

    UNREACHABLE = "unreachable"
    """Not connected: no fault of the messages."""
    BUSY = "busy"
    """It says that it cannot now: 408, 425, 429, 502, 503, 504."""
    FAILED = "failed"
    """It failed over this request, or its answer makes no sense: one of the messages may be why."""
    TOO_LARGE = "too_large"
    """413: send less at once."""
    REFUSED = "refused"
    """Another 3xx or 4xx: a fault in configuration or contract, which trying again does not mend."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """No receipts. `asked_seconds` is what the peer's `Retry-After` asks for."""

    failure: Failure
    reason: str
    asked_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """The peer's receipts by message id, the answer as received, and the proof that it is the peer's."""

    receipts: Mapping[UUID, Receipt]
    content: str
    proof: Proof


class Courier:
    """Sends batches. Thread-safe; keeps its connections open."""

    def __init__(self, exchange: Exchange, *, timeout_seconds: float) -> None:
        """`timeout_seconds` is for a whole request, answer included."""
        self._exchange = exchange
        self._timeout = timeout_seconds
        self._client = httpx2.Client(
            verify=trusted(),
            timeout=httpx2.Timeout(timeout_seconds, connect=min(5.0, timeout_seconds)),
            follow_redirects=False,
        )

    def deliver(self, peer: Peer, contents: Sequence[str], *, now: datetime) -> Delivered | Undelivered:
        """Send messages, given as JSON, in one signed request. `now` goes into the signature."""
        return self.send(peer, self.prepare(peer, contents, now=now), now=now)

    def prepare(self, peer: Peer, contents: Sequence[str], *, now: datetime) -> httpx2.Request:
        """The signed request, to be sent at once."""
        body = b'{"messages":[' + ",".join(contents).encode() + b"]}"
        request = self._client.build_request(
            "POST", peer.messages_url, content=body, headers={"Content-Type": "application/json"}
        )
        sign_request(request, self._exchange.keys, created=now)
        return request

    def send(self, peer: Peer, request: httpx2.Request, *, now: datetime) -> Delivered | Undelivered:
        """Send what was prepared."""
        try:
            response, answer = bounded_answer(self._client, request, self._timeout)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            return Undelivered(Failure.UNREACHABLE, type(error).__name__)
        except (httpx2.HTTPError, AnswerError) as error:
            return Undelivered(Failure.FAILED, str(error) if isinstance(error, AnswerError) else type(error).__name__)
        if response.status_code != HTTPStatus.OK:
            return _undelivered(response, now)
        return self._receipts(peer, response, answer)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _receipts(self, peer: Peer, response: httpx2.Response, answer: bytes) -> Delivered | Undelivered:
        keys = self._exchange.peer_keys
        try:
            proof = verify_receipts(response, answer, lambda key_id: keys.key(peer.code, key_id))
            receipts = Receipts.model_validate_json(answer).receipts
        except SignatureError as error:
            return Undelivered(Failure.FAILED, f"the receipts' signature: {error}")
        except ValidationError:
            return Undelivered(Failure.FAILED, "the answer holds no receipts")
        return Delivered({receipt.id: receipt for receipt in receipts}, answer.decode(), proof)


class AnswerError(Exception):
    """The answer breaks a bound."""


def bounded_answer(
    client: httpx2.Client, request: httpx2.Request, timeout_seconds: float, *, at_most_bytes: int | None = None
) -> tuple[httpx2.Response, bytes]:
    """The answer with its body as sent, bounded in size (`ANSWER_BYTES` unless told) and in time.

    Raises:
        AnswerError: it is longer, or takes longer.
        httpx2.HTTPError: there is none.
    """
    until = time.monotonic() + timeout_seconds
    response = client.send(request, stream=True)
    try:
        answer = bytearray()
        for part in response.iter_raw():
            answer += part
            if len(answer) > (ANSWER_BYTES if at_most_bytes is None else at_most_bytes):
                raise AnswerError("the answer is too long")
            if time.monotonic() > until:
                raise AnswerError("the answer took too long")
    finally:
        response.close()
    return response, bytes(answer)


def _undelivered(response: httpx2.Response, now: datetime) -> Undelivered:
    status = response.status_code
    reason = f"HTTP {status}"
    asked = asked_seconds(response.headers.get("retry-after"), now)
    if status in _PEER_IS_BUSY:
        return Undelivered(Failure.BUSY, reason, asked)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Undelivered(Failure.TOO_LARGE, reason)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Undelivered(Failure.REFUSED, reason, asked)
    return Undelivered(Failure.FAILED, reason, asked)
