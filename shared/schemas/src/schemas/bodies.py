"""The bodies of all message types: a type is never changed, only joined by a new version.

Unknown fields are ignored; what is named here is checked strictly. Codes that are the contract of the Centre and the
Office are enumerations; codes that each agency has for itself (work groups, topics) are any lower_snake code.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from schemas.fields import (
    NAME_LENGTH,
    Code,
    Count,
    Flag,
    Id,
    LongText,
    Name,
    Number,
    Sha256,
    Subject,
    Timestamp,
    Wire,
)

ATTACHMENT_BYTES = 20 * 1024 * 1024
ATTACHMENTS = 50

MediaType = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$", max_length=NAME_LENGTH)
]


class Channel(StrEnum):
    """How a complaint came to the Centre."""

    LETTER = "letter"
    HOTLINE = "hotline"
    WALK_IN = "walk_in"
    WEBSITE = "website"


class Kind(StrEnum):
    """What a complaint is."""

    COMPLAINT = "complaint"
    INQUIRY = "inquiry"
    SUGGESTION = "suggestion"
    REQUEST = "request"


class ReturnReason(StrEnum):
    """Why the Office hands a referral back."""

    NOT_OURS = "not_ours"
    UNCLEAR = "unclear"
    DUPLICATE = "duplicate"
    ALREADY_ANSWERED = "already_answered"
    OTHER = "other"


class Whose(StrEnum):
    """Whose personal data are to be erased: a role in the referral, never a name."""

    COMPLAINANT = "complainant"
    THIRD_PARTY = "third_party"


class ErasureGround(StrEnum):
    """Why personal data are erased: Personal Data Protection Act B.E. 2562, section 33 (1) to (4), section 37 (3)."""

    NO_LONGER_NECESSARY = "no_longer_necessary"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    OBJECTION = "objection"
    UNLAWFUL_PROCESSING = "unlawful_processing"
    RETENTION_ENDED = "retention_ended"


class Attachment(Wire):
    """A file's descriptor; the receiver fetches its bytes with `GET /v1/exchange/attachments/{id}`."""

    id: Id
    filename: Name
    media_type: MediaType
    bytes: Annotated[int, Field(strict=True, ge=0, le=ATTACHMENT_BYTES)]
    sha256: Sha256


Attachments = Annotated[tuple[Attachment, ...], Field(max_length=ATTACHMENTS)]


class Place(Wire):
    """Where it happened."""

    province: Name | None = None
    district: Name | None = None
    subdistrict: Name | None = None
    community: Name | None = None


class Complainant(Wire):
    """Who complains, as far as they said."""

    title: Name | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    national_id: Name | None = None
    phone: Name | None = None
    email: Name | None = None
    address: Annotated[LongText, Field(max_length=2000)] | None = None


class EarlierReferral(Wire):
    """One step of a complaint's path before this referral."""

    referral_number: Number
    to: Code
    referred_at: Timestamp
    returned_at: Timestamp | None = None
    reason: ReturnReason | None = None
    note: LongText | None = None


class ReferralBody(Wire):
    """What every message about a referral carries: the referral's number, and both sides' own numbers."""

    referral_number: Number
    """`<tracking number>/<n>`: the n-th referral of that complaint."""
    tracking_number: Number
    """The Centre's number of the complaint."""
    case_number: Number | None = None
    """The Office's number of the case, as soon as the sender knows it."""

    @model_validator(mode="after")
    def _numbers_agree(self) -> Self:
        count = self.referral_number.removeprefix(self.tracking_number + "/")
        if count == self.referral_number or not count.isascii() or not count.isdecimal() or count.startswith("0"):
            raise PydanticCustomError("referral_number", "The referral's number is <tracking number>/<n>")
        return self


class ReferralSent(ReferralBody):
    """`referral.sent.v1`, from the Centre: the record of the complaint, and the question to the Office."""

    channel: Channel
    kind: Kind
    subject: Subject
    details: LongText
    place: Place | None = None
    confidential: Flag = False
    complainant: Complainant | None = None
    """Absent when the complainant gave no name, or asked that it be kept (`confidential`)."""
    received_at: Timestamp
    due_at: Timestamp
    question: LongText
    attachments: Attachments = ()
    path: Annotated[tuple[EarlierReferral, ...], Field(max_length=100)] = ()
    """The complaint's earlier referrals, oldest first."""

    @model_validator(mode="after")
    def _confidential_means_nameless(self) -> Self:
        if self.confidential and self.complainant is not None:
            raise PydanticCustomError("confidential", "A confidential complaint travels without its complainant")
        return self


class Corrections(Wire):
    """Fields of the record that were corrected; those left out stay as they were."""

    kind: Kind | None = None
    subject: Subject | None = None
    details: LongText | None = None
    place: Place | None = None
    complainant: Complainant | None = None
    question: LongText | None = None
    due_at: Timestamp | None = None


class ReferralAmended(ReferralBody):
    """`referral.amended.v1`, from the Centre: later information, corrections, more attachments."""

    information: LongText | None = None
    corrections: Corrections | None = None
    attachments: Attachments = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.information is None and self.corrections is None and not self.attachments:
            raise PydanticCustomError("nothing_amended", "An amendment brings information, corrections or attachments")
        return self


class ReferralWithdrawn(ReferralBody):
    """`referral.withdrawn.v1`, from the Centre."""

    reason: LongText


class ReferralContested(ReferralBody):
    """`referral.contested.v1`, from the Centre: why the complainant does not accept the answer."""

    reason: LongText
    answer_version: Count | None = None


class ReferralAccepted(ReferralBody):
    """`referral.accepted.v1`, from the Office: the second acknowledgement."""

    case_number: Number
    work_group: Code
    topic: Code
    due_at: Timestamp


class ReferralReturned(ReferralBody):
    """`referral.returned.v1`, from the Office: not ours to answer, and why."""

    reason: ReturnReason
    note: LongText | None = None
    suggested_owner: Name | None = None

    @model_validator(mode="after")
    def _other_is_explained(self) -> Self:
        if self.reason is ReturnReason.OTHER and self.note is None:
            raise PydanticCustomError("note_required", "The reason `other` needs a note")
        return self


class ReferralProgressed(ReferralBody):
    """`referral.progressed.v1`, from the Office: an interim answer, the legal interim report."""

    case_number: Number
    text: LongText
    progressed_at: Timestamp


class ReferralQuestion(ReferralBody):
    """`referral.question.v1`, from the Office: what the complainant must still tell."""

    case_number: Number
    question: LongText
    asked_at: Timestamp


class ReferralAnswered(ReferralBody):
    """`referral.answered.v1`, from the Office. A later version supersedes the earlier ones."""

    case_number: Number
    version: Count
    text: LongText
    attachments: Attachments = ()
    work_group: Code
    answered_at: Timestamp


class ReferralVoid(Wire):
    """`referral.void.v1`, from either: the message of this sequence was given up: wait no more for it.

    The exchange itself sends it, so it carries the message's identity and no numbers of a complaint.
    """

    reason: LongText
    message_id: Id
    message_type: Annotated[str, Field(max_length=120)]


class PersonalDataErased(ReferralBody):
    """`personal_data.erased.v1`, from either: the receiver shall erase its copy too."""

    whose: Whose
    legal_basis: LongText
    """The code of an `ErasureGround`, or in words. It names no person."""
    erased_at: Timestamp


class PersonalDataErasureConfirmed(ReferralBody):
    """`personal_data.erasure_confirmed.v1`, from either: done."""

    message_id: Id
    """The `personal_data.erased.v1` that is confirmed."""
    erased_at: Timestamp
