"""A peer as one plays it: it makes messages, signs requests as well or as badly as it is told, and reads receipts."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx2
import orjson
from pydantic import ValidationError

from exchange.canonical import canonical, digest_of
from exchange.keys import JWKS_PATH, OwnKeys, PublicKeys, public_keys
from exchange.parties import MESSAGES_PATH
from exchange.signing import REQUEST_COMPONENTS, SignatureError, sign_request, verify_receipts
from schemas import JsonObject, Receipt, Receipts, sample
from servicekit.ids import uuid7

JSON_TYPE = "application/json"


class BrokenPromise(AssertionError):
    """What the implementation under test does is not what the exchange promises; the text says what and instead."""


def expect(what: str, expected: object, actual: object) -> None:
    """Compare, and complain in words."""
    if expected != actual:
        raise BrokenPromise(f"{what}: expected {expected}, got {actual}")


def digest_of_message(message: JsonObject) -> str:
    """What the receipt's digest has to be."""
    return digest_of(canonical(message))


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A request that was made, and its answer."""

    status: int
    body: bytes
    response: httpx2.Response


class Player:
    """Plays the party `code` against the implementation at `url`.

    `role` decides which types are sent: `centre` refers to an office-like party, `office` answers to a Centre. As it
    answers referrals that nobody made, an `office` finds its messages quarantined where a `centre` finds them applied.
    """

    def __init__(
        self, url: str, *, code: str, keys: OwnKeys, role: str = "centre", timeout_seconds: float = 30
    ) -> None:
        self.url = url.rstrip("/")
        self.code = code
        self.role = role
        self.well = "applied" if role == "centre" else "quarantined"
        """The disposition of a message that is as it should be."""
        self._keys = keys
        self._client = httpx2.Client(timeout=timeout_seconds, follow_redirects=False, trust_env=False)
        self._theirs: PublicKeys | None = None

    @property
    def key_id(self) -> str:
        """The id of the key that we sign with."""
        return self._keys.key_id

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def message(self, subject: UUID | None = None, sequence: int = 1, **changes: object) -> JsonObject:
        """A good message of a subject of its own; `changes` are of the envelope, `data` of the body."""
        first = "referral.sent.v1" if self.role == "centre" else "referral.accepted.v1"
        then = "referral.amended.v1" if self.role == "centre" else "referral.progressed.v1"
        made = copy.deepcopy(sample(first if sequence == 1 else then))
        data = changes.pop("data", {})
        made["data"] |= data if isinstance(data, dict) else {}
        return made | {
            "id": str(uuid7()),
            "source": self.code,
            "subject": str(subject or uuid7()),
            "sequence": sequence,
            "time": datetime.now(UTC).isoformat(),
            **changes,
        }

    def send(self, *messages: JsonObject) -> list[Receipt]:
        """Send a batch as one should; its receipts, in its order, with everything about them checked."""
        sent = self.request(orjson.dumps({"messages": messages}))
        expect("status of a well-formed batch", HTTPStatus.OK, sent.status)
        receipts = self._receipts(sent)
        expect("ids of the receipts", sorted(it["id"] for it in messages), sorted(str(it.id) for it in receipts))
        left = list(receipts)
        ordered = []
        for message in messages:
            receipt = next(it for it in left if str(it.id) == message["id"])
            left.remove(receipt)
            ordered.append(receipt)
        return ordered

    def dispositions(self, *messages: JsonObject) -> list[str]:
        """Send a batch as one should; what became of each message."""
        return [it.disposition.value for it in self.send(*messages)]

    def request(
        self,
        body: bytes,
        *,
        keys: OwnKeys | None = None,
        aged: timedelta = timedelta(0),
        signed_for: str | None = None,
        covered: Sequence[str] = REQUEST_COMPONENTS,
        content_type: str = JSON_TYPE,
        signed: bool = True,
        alter: Callable[[bytes], bytes] | None = None,
    ) -> Exchanged:
        """Make a request, good or bad.

        Args:
            keys: others than our own.
            aged: how long ago it says it was signed.
            signed_for: the URL that is signed, where it is not the one that is called.
            covered: the components that are signed.
            alter: changes the body after it was signed.
        """
        target = self.url + MESSAGES_PATH
        headers = {"Content-Type": content_type}
        request = self._client.build_request("POST", signed_for or target, content=body, headers=headers)
        if signed:
            sign_request(request, keys or self._keys, created=datetime.now(UTC) - aged, covered=covered)
        sent = alter(body) if alter else body
        left_out = {"content-length", "host", "transfer-encoding"}
        headers = {name: value for name, value in request.headers.items() if name.lower() not in left_out}
        response = self._client.post(target, content=sent, headers=headers)
        return Exchanged(response.status_code, response.content, response)

    def published_keys(self) -> PublicKeys:
        """The keys under which the implementation signs its receipts."""
        response = self._client.get(self.url + JWKS_PATH)
        expect(f"status of GET {JWKS_PATH}", HTTPStatus.OK, response.status_code)
        try:
            found: Mapping[str, Any] = response.json()
            return public_keys(found)
        except ValueError as error:
            raise BrokenPromise(f"{JWKS_PATH} holds no JWK Set: {error}") from None

    def _receipts(self, sent: Exchanged) -> Sequence[Receipt]:
        try:
            receipts = Receipts.model_validate_json(sent.body).receipts
        except ValidationError as error:
            raise BrokenPromise(f"the answer to a batch holds no receipts: {error.error_count()} faults") from None
        if self._theirs is None:
            self._theirs = self.published_keys()
        try:
            verify_receipts(sent.response, sent.body, self._theirs.get)
        except SignatureError as error:
            raise BrokenPromise(f"the receipts' signature does not hold: {error}") from None
        return receipts
