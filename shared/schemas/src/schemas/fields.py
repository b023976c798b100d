"""Field types of the wire: text without traps, times that cannot be misread, codes, digests.

A field is refused rather than repaired: what a party has signed is kept as it was sent.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

FIRST_BUDDHIST_YEAR = 2400
"""A year after this one was meant in the Buddhist era (B.E. 2569 is 2026 CE)."""

SUBJECT_LENGTH = 300
TEXT_LENGTH = 20_000
NAME_LENGTH = 200
NUMBER_LENGTH = 100


class Wire(BaseModel):
    """Anything that travels. Unknown fields are ignored: a newer sender may add some to a type."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, as in `Annotated[str, Line(300)]`: not blank, and without control characters.

    Lengths are counted in characters (code points), as sent.
    """

    max_length: int
    forbidden: ClassVar = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the string as pydantic does (which refuses lone surrogates), then by these rules."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Publish the lengths."""
        return {**handler(schema), "minLength": 1, "maxLength": self.max_length}

    def _checked(self, value: str) -> str:
        if not value or value.isspace():
            raise PydanticCustomError("too_short", "Blank text is not allowed")
        if len(value) > self.max_length:
            raise PydanticCustomError(
                "too_long", "At most {max_length} characters are allowed", {"max_length": self.max_length}
            )
        if self.forbidden.search(value):
            raise PydanticCustomError("control_character", "Control characters are not allowed")
        return value


@dataclass(frozen=True, slots=True)
class Text(Line):
    """Text of several lines: as `Line`, with line feeds, carriage returns and tabs."""

    forbidden: ClassVar = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def _only_text(value: object) -> object:
    """Pydantic would read a number as seconds since 1970; on the wire a time is RFC 3339 text."""
    if not isinstance(value, str | datetime):
        raise PydanticCustomError("datetime_type", "A time is a string in RFC 3339 form")
    return value


def _utc_of_our_era(moment: datetime) -> datetime:
    if moment.year > FIRST_BUDDHIST_YEAR:
        raise PydanticCustomError("buddhist_year", "Years are counted in the common era")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("datetime_range", "The time lies outside of the calendar") from None


Timestamp = Annotated[AwareDatetime, BeforeValidator(_only_text), AfterValidator(_utc_of_our_era)]
"""A moment: RFC 3339, any offset in, UTC kept and sent. No offset, or a Buddhist year, is refused."""


def _version_7(value: UUID) -> UUID:
    if value.version != 7:  # noqa: PLR2004  # the name says it
        raise PydanticCustomError("uuid_version", "A UUID of version 7 is expected")
    return value


Id = Annotated[UUID, AfterValidator(_version_7)]
"""A UUID of version 7 (RFC 9562)."""

Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
"""A code of a code list, lower_snake. Readers must expect codes that they do not know."""

PartyCode = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
"""The code of a party, such as `center1111`."""

Number = Annotated[str, Line(NUMBER_LENGTH)]
"""A number that people read out: a tracking, referral or case number."""

Subject = Annotated[str, Line(SUBJECT_LENGTH)]
LongText = Annotated[str, Text(TEXT_LENGTH)]
Name = Annotated[str, Line(NAME_LENGTH)]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 digest in lower-case hexadecimal."""

Count = Annotated[int, Field(strict=True, ge=1, le=2**53 - 1)]
"""A counting number, 1, 2, 3 …, that every JSON reader holds exactly."""

Flag = Annotated[bool, Field(strict=True)]

JsonObject = dict[str, Any]
