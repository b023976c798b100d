"""What comes in when a complaint is recorded: common fields, and the evidence that only its channel has."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, ValidationInfo, field_validator

from center1111.fields import (
    Address,
    CallerNumber,
    Email,
    LongText,
    Name,
    NationalId,
    PastDay,
    PastMoment,
    Phone,
    Subject,
)
from schemas import Channel, Kind
from servicekit.fields import Body, refused
from servicekit.words import Words


class LetterEvidence(Body):
    """What a letter to P.O. Box 1111 bears. Ordinary mail has no registered number."""

    postmarked_on: PastDay
    registered_number: Annotated[Name | None, Field(examples=["EF582568151TH"])] = None
    pages: int | None = Field(None, ge=1, le=10_000, strict=True)


class HotlineEvidence(Body):
    """What the telephone exchange tells of a call to 1111."""

    caller_number: CallerNumber = Field(description="`withheld` when the caller's number was not shown.")
    call_started_at: PastMoment | None = None
    recording_ref: Name | None = None


class WalkInEvidence(Body):
    """Where a person came to, and whether their identity card was seen."""

    counter: Name
    id_checked: bool = Field(default=False, strict=True)


class WebsiteEvidence(Body):
    """That the complainant agreed to the use of their data (PDPA)."""

    consent: bool = Field(strict=True)

    @field_validator("consent")
    @classmethod
    def _given(cls, consent: bool) -> bool:  # pydantic passes it so
        if not consent:
            raise refused(
                "consent_required",
                Words(
                    "ต้องยินยอมให้ใช้ข้อมูลส่วนบุคคลเพื่อดำเนินการเรื่องร้องทุกข์",
                    "A complaint by the website needs the consent to process personal data.",
                ),
            )
        return consent


Evidence = LetterEvidence | HotlineEvidence | WalkInEvidence | WebsiteEvidence

EVIDENCE: Final[Mapping[Channel, type[Body]]] = {
    Channel.LETTER: LetterEvidence,
    Channel.HOTLINE: HotlineEvidence,
    Channel.WALK_IN: WalkInEvidence,
    Channel.WEBSITE: WebsiteEvidence,
}


class NewComplainant(Body):
    """Who complains, as far as they said."""

    title: Name | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    national_id: NationalId | None = None
    phone: Phone | None = None
    email: Email | None = None
    address: Annotated[Address | None, Field(description="Where letters reach them.")] = None


class NewPlace(Body):
    """Where it happened."""

    province: Name | None = None
    district: Name | None = None
    subdistrict: Name | None = None
    community: Name | None = None


_EXAMPLE: Final[dict[str, Any]] = {
    "channel": "letter",
    "kind": "inquiry",
    "subject": "ขอทราบระเบียบการโอนเงินโครงการชุมชนพอเพียง",
    "details": "ชุมชนได้รับอนุมัติโครงการตั้งแต่เดือนมีนาคม แต่ยังไม่ได้รับโอนเงิน ขอทราบขั้นตอนและระยะเวลา",
    "received_at": "2026-10-05T09:30:00+07:00",
    "complainant": {
        "title": "นาง",
        "first_name": "สมศรี",
        "last_name": "ใจดี",
        "phone": "081 234 5678",
        "address": "12 หมู่ 3 ต.บ้านกลาง อ.เมือง จ.ลำพูน",
    },
    "confidential": False,
    "place": {"province": "ลำพูน", "district": "เมืองลำพูน", "community": "บ้านกลาง"},
    "evidence": {"postmarked_on": "2026-10-01", "registered_number": "EF582568151TH", "pages": 3},
}


class Content(Body):
    """What is said in a complaint, whatever its channel."""

    kind: Kind
    subject: Subject
    details: LongText
    complainant: Annotated[NewComplainant | None, Field(description="null: anonymous.")] = None
    confidential: bool = Field(default=False, strict=True, description="The name is not to be told to anybody else.")
    place: NewPlace | None = None


class NewComplaint(Content):
    """A complaint as an officer, or an agency's system, records it. A correction is checked as a whole by it, too."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    channel: Channel
    received_at: Annotated[PastMoment | None, Field(description="When it reached the Centre; default now.")] = None
    evidence: Evidence

    @field_validator("evidence", mode="wrap")
    @classmethod
    def _of_its_channel(
        cls,
        value: Any,  # noqa: ANN401  # pydantic passes what came in
        _handler: ModelWrapValidatorHandler[Evidence],
        info: ValidationInfo,
    ) -> Any:  # noqa: ANN401  # as above
        """Check the evidence by its channel alone, so that errors name one channel's fields and not four's."""
        channel = info.data.get("channel")
        return EVIDENCE[channel].model_validate(value) if channel else value  # a wrong channel is refused by itself


class NewPublicComplaint(Content):
    """A complaint by the website, from anyone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "complaint",
                    "subject": "ไม่ได้รับแจ้งผลการพิจารณาโครงการ",
                    "details": "ยื่นเสนอโครงการผ่านประธานชุมชนตั้งแต่เดือนกรกฎาคม ยังไม่ทราบผล ขอให้ตรวจสอบ",
                    "complainant": {"first_name": "สมชาย", "last_name": "รักชุมชน", "email": "somchai@example.org"},
                    "place": {"province": "ขอนแก่น"},
                    "evidence": {"consent": True},
                }
            ]
        }
    )

    channel: Literal[Channel.WEBSITE] = Channel.WEBSITE
    evidence: WebsiteEvidence
