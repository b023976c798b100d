"""What travels: the message (a CloudEvent 1.0), a batch of them, and the receipts that answer it.

Source of the rules: docs/exchange.md; CloudEvents 1.0, JSON format.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.fields import Code, Count, Flag, Id, JsonObject, LongText, PartyCode, Sha256, Subject, Timestamp, Wire

BATCH_MESSAGES = 100
"""A batch holds 1 to this many messages."""

BATCH_BYTES = 1024 * 1024
"""A batch, as sent, has at most this many bytes."""

VOID = "referral.void.v1"
"""The tombstone: stands in the place of a message that its sender has given up."""

ERASED = "personal_data.erased.v1"
ERASURE_CONFIRMED = "personal_data.erasure_confirmed.v1"

TypeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.]{0,119}$")]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:~+/=-]{1,128}$")]


class Message(Wire):
    """One message. Its identity is `id`; its place in the order of its subject is `sequence`."""

    specversion: Literal["1.0"] = "1.0"
    id: Id
    source: PartyCode
    type: TypeName
    subject: Id
    sequence: Count
    time: Timestamp
    data: JsonObject
    requestid: RequestId | None = None
    """The sender's `X-Request-ID` under which the message arose: one search finds both sides' logs."""
    eraseddigest: Sha256 | None = None
    """In an erased form alone: the digest of the message as it was first sent, and by which it goes on to be known."""


class Batch(Wire):
    """Body of `POST /v1/exchange/messages`. Messages of one subject stand in the order of their sequence."""

    messages: Annotated[tuple[Message, ...], Field(min_length=1, max_length=BATCH_MESSAGES)]


class Disposition(StrEnum):
    """What became of a message at the receiver."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    HELD = "held"
    QUARANTINED = "quarantined"
    CONFLICT = "conflict"


class FieldFault(Wire):
    """What is wrong with one field: a JSON Pointer (RFC 6901) into the message, and a code."""

    pointer: Annotated[str, Field(max_length=500)]
    code: Code = "invalid"


class ReceiptProblem(Wire):
    """Why a message could not be applied, for the people of both sides. What was sent is not echoed."""

    type: Annotated[str, Field(max_length=200)]
    """`/problems/<slug>` of the receiver."""
    title: Subject
    """In Thai."""
    title_en: Subject
    detail: LongText | None = None
    """In Thai."""
    detail_en: LongText | None = None
    errors: tuple[FieldFault, ...] = ()


class Receipt(Wire):
    """What became of one message.

    `digest` is the SHA-256 of its canonical JSON (RFC 8785) at the receiver; of an erased form, its `eraseddigest`.
    """

    id: Id
    disposition: Disposition
    received_at: Timestamp
    digest: Sha256
    problem: ReceiptProblem | None = None
    erased: Flag | None = None
    """True where only the erased form was seen: then `digest` is what the sender says, and no proof of the content."""


class Receipts(Wire):
    """Body of the answer to a batch: one receipt for each of its messages."""

    receipts: tuple[Receipt, ...]
