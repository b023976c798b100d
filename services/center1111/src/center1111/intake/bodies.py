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
from servicekit.fields import Body, consented, refused
from servicekit.words import Words
from thaikit.places import Area, Level, find_area


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

    consent: Annotated[
        bool,
        Field(strict=True),
        consented(
            Words(
                "ต้องยินยอมให้ใช้ข้อมูลส่วนบุคคลเพื่อดำเนินการเรื่องร้องทุกข์",
                "A complaint by the website needs the consent to process personal data.",
            )
        ),
    ]


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


_NO_SUCH_AREA: Final = {
    Level.PROVINCE: Words(
        "ไม่มีจังหวัดชื่อนี้ ดูรายชื่อที่ /v1/code-lists/provinces",
        "There is no such province: see /v1/code-lists/provinces.",
    ),
    Level.DISTRICT: Words(
        "จังหวัดนี้ไม่มีอำเภอหรือเขตชื่อนี้ ดูรายชื่อที่ /v1/code-lists/districts",
        "The province has no such district: see /v1/code-lists/districts.",
    ),
    Level.SUBDISTRICT: Words(
        "อำเภอนี้ไม่มีตำบลหรือแขวงชื่อนี้ ดูรายชื่อที่ /v1/code-lists/subdistricts",
        "The district has no such subdistrict: see /v1/code-lists/subdistricts.",
    ),
}


def _area(level: Level, name: str | None, parent: str | None = None) -> Area | None:
    if name is None:
        return None
    found = find_area(level, name, parent=parent)
    if found is None:
        raise refused("unknown_place", _NO_SUCH_AREA[level])
    return found


class NewPlace(Body):
    """Where it happened: names of the official list, in Thai or English, which are kept in Thai; community is free."""

    province: Annotated[Name | None, Field(examples=["ลำพูน"])] = None
    district: Annotated[Name | None, Field(examples=["เมืองลำพูน"])] = None
    subdistrict: Annotated[Name | None, Field(examples=["บ้านกลาง"])] = None
    community: Name | None = None

    @field_validator("province")
    @classmethod
    def _known_province(cls, name: str | None) -> str | None:
        area = _area(Level.PROVINCE, name)
        return None if area is None else area.th

    @field_validator("district")
    @classmethod
    def _known_district(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is None or "province" not in info.data:  # a wrong province is refused by itself
            return name
        province = _area(Level.PROVINCE, info.data["province"])
        if province is None:
            raise refused("province_required", Words("ต้องระบุจังหวัดด้วย", "A district needs its province."))
        area = _area(Level.DISTRICT, name, province.code)
        return None if area is None else area.th

    @field_validator("subdistrict")
    @classmethod
    def _known_subdistrict(cls, name: str | None, info: ValidationInfo) -> str | None:
        if name is None or not {"province", "district"} <= info.data.keys():
            return name
        if info.data["district"] is None:
            raise refused("district_required", Words("ต้องระบุอำเภอหรือเขตด้วย", "A subdistrict needs its district."))
        province = _area(Level.PROVINCE, info.data["province"])
        district = _area(Level.DISTRICT, info.data["district"], None if province is None else province.code)
        area = _area(Level.SUBDISTRICT, name, None if district is None else district.code)
        return None if area is None else area.th


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
