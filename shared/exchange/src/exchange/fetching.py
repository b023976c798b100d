"""Asking a peer: signed GET requests, whose signed answers are checked."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from exchange.delivering import AnswerError, bounded_answer
from exchange.parties import EXCHANGE_PATH, Exchange, Peer
from exchange.signing import Proof, SignatureError, sign_request, verify_receipts
from exchange.trust import trusted
from servicekit.clock import utc_now

TIMEOUT_SECONDS = 30.0

Answer = TypeVar("Answer", bound=BaseModel)


class PeerAnswerError(Exception):
    """The peer gave no answer that can be used; the message says why. `status` is the HTTP status, if there is one."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class Enquirer:
    """Asks peers. Thread-safe; keeps its connections open."""

    def __init__(self, exchange: Exchange, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """`timeout_seconds` is for one request, answer included."""
        self._exchange = exchange
        self._timeout_seconds = timeout_seconds
        self._client = httpx2.Client(
            verify=trusted(), timeout=httpx2.Timeout(timeout_seconds, connect=5.0), follow_redirects=False
        )

    def ask(
        self, peer: Peer, path: str, parameters: Sequence[tuple[str, str]], answer: type[Answer]
    ) -> tuple[Answer, Proof]:
        """What the peer answers under `/v1/exchange`, and the proof that it is the peer's.

        Raises:
            PeerAnswerError: there is no answer that can be used.
        """
        content, proof = self.fetch(peer, path, parameters)
        try:
            return answer.model_validate_json(content), proof
        except ValidationError:
            raise PeerAnswerError("the answer makes no sense") from None

    def fetch(
        self, peer: Peer, path: str, parameters: Sequence[tuple[str, str]] = (), *, at_most_bytes: int | None = None
    ) -> tuple[bytes, Proof]:
        """The answer's body, and the proof that it is the peer's.

        Raises:
            PeerAnswerError: there is no answer that can be used.
        """
        url = peer.url.rstrip("/") + EXCHANGE_PATH + path
        request = self._client.build_request(
            "GET", url, params=list(parameters), headers={"Content-Type": "application/json"}
        )
        sign_request(request, self._exchange.keys, created=utc_now())
        try:
            response, body = bounded_answer(self._client, request, self._timeout_seconds, at_most_bytes=at_most_bytes)
        except AnswerError as error:
            raise PeerAnswerError(str(error)) from None
        except httpx2.HTTPError as error:
            raise PeerAnswerError(type(error).__name__) from None
        if response.status_code != HTTPStatus.OK:
            raise PeerAnswerError(f"HTTP {response.status_code}", response.status_code)
        keys = self._exchange.peer_keys
        try:
            proof = verify_receipts(response, body, lambda key_id: keys.key(peer.code, key_id))
        except SignatureError as error:
            raise PeerAnswerError(f"the answer's signature: {error}") from None
        return body, proof

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
