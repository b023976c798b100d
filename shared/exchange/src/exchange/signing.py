"""HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530) and Ed25519, for requests and for receipts.

A request covers `@method @target-uri content-type content-digest`. The answer with the receipts covers `@status
content-type content-digest` and the signature of the request that it answers.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    MappingKeyResolver,
    VerifyResult,
)
from http_message_signatures.algorithms import ED25519
from http_message_signatures.httpx2 import adapt_message

from exchange.keys import OwnKeys

MAX_SKEW = timedelta(minutes=5)
"""How far the creation of a signature may lie from our clock, to either side."""

LABEL = "exchange"
# As they stand in a signature: so the library need not write and read each name anew.
REQUEST_COMPONENTS = ('"@method"', '"@target-uri"', '"content-type"', '"content-digest"')
_RECEIPTS_COMPONENTS = ('"@status"', '"content-digest"')
_SIGNED_OF_RECEIPTS = ('"@status"', '"content-type"', '"content-digest"', '"signature";req')
_COVERED = frozenset({b"content-type", b"content-digest", b"signature", b"signature-input"})
_MAX_HEADER_BYTES = 8192

_KEY_NOT_FOUND = "Unable to resolve verification key"  # the library's words

Holders = Sequence[tuple[str, Ed25519PublicKey]]
FindKey = Callable[[str], Ed25519PublicKey | None]


class SignatureError(Exception):
    """The message is unsigned, stale, altered, or signed by a stranger. The text is for logs, not for the peer."""


class UnknownKeyError(SignatureError):
    """No peer is known to have the key that the message says it is signed with."""


class Proof(NamedTuple):
    """A verified signature, as anyone can check it again: Ed25519 with that key over that base (ASCII).

    `signature` is the header field as received, a dictionary of byte sequences (RFC 9651).
    """

    key_id: str
    base: str
    signature: str


class _Lines:
    """Header lines as they were received, repeated ones included."""

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self._raw = raw

    def items(self) -> Sequence[tuple[str, str]]:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._raw]


class IncomingRequest:
    """A request as it is to be verified: `url` is the one by which the configuration says we are reached.

    Neither the Host header nor what a proxy tells has a say in it, so a signature for another party fails here.
    `raw_headers` are the header lines as received; what no signature covers here is left out.
    """

    def __init__(self, method: str, url: str, raw_headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.method = method
        self.url = url
        self.headers = _Lines(
            [(name, value[:_MAX_HEADER_BYTES]) for name, value in raw_headers if name.lower() in _COVERED]
        )


@dataclass(slots=True)
class _Request:
    method: str
    url: str
    headers: dict[str, str]


@dataclass(slots=True)
class _Response:
    status_code: int
    headers: dict[str, str]
    request: IncomingRequest


class _Verifier(HTTPMessageVerifier):
    max_clock_skew = MAX_SKEW


def sign_request(
    request: httpx2.Request, keys: OwnKeys, *, created: datetime, covered: Sequence[str] = REQUEST_COMPONENTS
) -> None:
    """Add Content-Digest and signature to a request whose body is in memory. Only checks cover less."""
    # Given a body, the library covers its digest. Given no header that is not covered, it has less to read.
    body = request.read() if '"content-digest"' in covered else None
    signed = _Request(request.method, str(request.url), {"Content-Type": request.headers["content-type"]})
    _sign(signed, keys, created=created, covered=covered, body=body)
    for name, value in signed.headers.items():
        request.headers[name] = value


class Verified(NamedTuple):
    """Who signed a request, and what the signature covers."""

    peer: str
    result: VerifyResult


def verify_request(request: IncomingRequest, holders: Callable[[str], Holders]) -> Verified:
    """Check signature, age and coverage; the body is to be checked with `verify_body`, once it is read.

    `holders` gives the peers that have a key of some id; should several have chosen one id, each is tried.

    Raises:
        UnknownKeyError: no peer has the key.
        SignatureError: anything else is wrong.
    """
    found: Holders = ()
    tried = 0

    def next_key(key_id: str) -> Ed25519PublicKey | None:
        nonlocal found
        found = found or holders(key_id)
        return found[tried][1] if found else None

    while True:
        try:
            result = _verify(request, next_key, REQUEST_COMPONENTS)
            return Verified(found[tried][0], result)
        except SignatureError as error:
            tried += 1
            if tried < len(found):
                continue
            if not found and str(error) == _KEY_NOT_FOUND:
                raise UnknownKeyError(str(error)) from None
            raise


def verify_body(request: IncomingRequest, result: VerifyResult, body: bytes) -> None:
    """Check the body against the signed Content-Digest.

    Raises:
        SignatureError: it is another body.
    """
    try:
        _Verifier(signature_algorithm=ED25519, key_resolver=None).verify_body(request, [result], body)
    except HTTPMessageSignaturesException as error:
        raise SignatureError(str(error)) from None


def sign_receipts(
    body: bytes, *, content_type: str, status: int, request: IncomingRequest, keys: OwnKeys, created: datetime
) -> dict[str, str]:
    """The headers that an answer with this body and status is to be sent with."""
    response = _Response(status, {"Content-Type": content_type}, request)
    _sign(response, keys, created=created, covered=_SIGNED_OF_RECEIPTS, body=body)
    return response.headers


def verify_receipts(response: httpx2.Response, body: bytes, find_key: FindKey) -> Proof:
    """Check the signature of an answer with receipts: the proof of what the peer has taken.

    Raises:
        SignatureError: it is unsigned, stale, altered, or not the peer's.
    """
    message = adapt_message(response)
    result = _verify(message, find_key, _RECEIPTS_COMPONENTS)
    try:
        _Verifier(signature_algorithm=ED25519, key_resolver=None).verify_body(message, [result], body)
    except HTTPMessageSignaturesException as error:
        raise SignatureError(str(error)) from None
    base = "\n".join(f"{name}: {value}" for name, value in result.covered_components.items())
    return Proof(str(result.parameters["keyid"]), base, response.headers["signature"])


def _sign(
    message: _Request | _Response, keys: OwnKeys, *, created: datetime, covered: Sequence[str], body: bytes | None
) -> None:
    """Add the headers of a signature, and Content-Digest if there is a body.

    The library says what is to be signed. Its `sign` would then build all of it once more, should the message have
    changed meanwhile; this one has not.
    """
    to_sign = _SIGNER.prepare(
        message, key_id=keys.key_id, created=created, label=LABEL, covered_component_ids=covered, body=body
    )
    signature = b64encode(keys.private_key.sign(to_sign.signature_base)).decode()
    message.headers["Signature-Input"] = f"{LABEL}={to_sign.signature_params}"
    message.headers["Signature"] = f"{LABEL}=:{signature}:"


_SIGNER = HTTPMessageSigner(signature_algorithm=ED25519)


class _Resolver(MappingKeyResolver):
    def __init__(self, find_key: FindKey) -> None:
        super().__init__(public_keys={}, private_keys={})
        self._find_key = find_key

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        return self._find_key(key_id)


def _verify(message: object, find_key: FindKey, components: Sequence[str]) -> VerifyResult:
    verifier = _Verifier(signature_algorithm=ED25519, key_resolver=_Resolver(find_key))
    try:
        (result,) = verifier.verify(message, max_age=timedelta(0))
    except (HTTPMessageSignaturesException, ValueError) as error:
        raise SignatureError(str(error)) from None
    for component in components:
        if component not in result.covered_components:
            raise SignatureError(f"{component} is not covered by the signature")
    return result
