"""What is sent to record a case or to correct one."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator

from chumchon.intake.evidence import Email, Evidence, PastMoment, Phone, WebsiteEvidence, evidence_of
from chumchon.journey import Channel
from schemas.bodies import Kind
from servicekit.fields import Body, Line, Text, read_by
from servicekit.words import Words
from thaikit.numbers import InvalidNumber, parse_national_id

Name = Annotated[str, Line(200)]


_national_id = read_by(
    parse_national_id,
    InvalidNumber,
    "wrong_form",
    Words(
        "ต้องเป็นเลขประจำตัวประชาชน 13 หลักที่ถูกต้อง",
        "It must be a Thai national id of 13 digits with its right check digit.",
    ),
)


class Place(Body):
    """Where it happened."""

    province: Name | None = None
    district: Name | None = None
    subdistrict: Name | None = None
    community: Name | None = None


class NewComplainant(Body):
    """Who complains, as far as they said."""

    title: Name | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    national_id: Annotated[str, Line(30), AfterValidator(_national_id)] | None = None
    phone: Phone | None = None
    email: Email | None = None
    address: Annotated[str, Text(2000)] | None = None


class CaseContent(Body):
    """What a case says, whatever its channel."""

    kind: Kind
    subject: Annotated[str, Line(300)]
    details: Annotated[str, Text(20_000)]
    complainant: NewComplainant | None = Field(None, description="Null: anonymous.")
    confidential: bool = Field(default=False, description="Whether the complainant asks that the name be kept.")
    place: Place | None = None


class NewCase(CaseContent):
    """A case from a channel of the Office's own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "channel": "telephone",
                    "kind": "inquiry",
                    "subject": "ขอทราบระเบียบการโอนเงินโครงการ",
                    "details": "ชุมชนบ้านทุ่งตัวอย่างได้รับอนุมัติโครงการแล้ว ขอทราบว่าจะโอนเงินเข้าบัญชีเมื่อใด",
                    "complainant": {
                        "title": "นาง",
                        "first_name": "สมใจ",
                        "last_name": "ตัวอย่างดี",
                        "phone": "081-234-5678",
                    },
                    "place": {"province": "ขอนแก่น", "district": "เมืองขอนแก่น"},
                    "evidence": {
                        "caller_number": "081-234-5678",
                        "called_number": "02-629-9226",
                        "call_started_at": "2026-10-05T09:00:00+07:00",
                    },
                }
            ]
        }
    )

    channel: Channel
    received_at: PastMoment | None = Field(None, description="When it came in; default: now. Never in the future.")
    evidence: Evidence = Field(description="What only this channel has.")

    @field_validator("evidence", mode="wrap")
    @classmethod
    def _by_channel(cls, sent: object, _handler: object, info: ValidationInfo) -> Any:  # noqa: ANN401  # one of Evidence
        return evidence_of(info.data.get("channel"), sent)


class NewPublicCase(CaseContent):
    """A case from the website's own form."""

    channel: Literal[Channel.WEBSITE] = Channel.WEBSITE
    evidence: WebsiteEvidence


class CorrectedCase(CaseContent):
    """A case's record as it shall be after the correction."""

    evidence: Evidence

    @field_validator("evidence", mode="wrap")
    @classmethod
    def _by_channel(cls, sent: object, _handler: object, info: ValidationInfo) -> Any:  # noqa: ANN401  # one of Evidence
        """The channel, which cannot be corrected, comes as the validation's context."""
        return evidence_of((info.context or {}).get("channel"), sent)
