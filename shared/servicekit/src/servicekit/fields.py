"""Field types for what comes in and goes out: text without traps, times that cannot be misread."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, ClassVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from servicekit.words import Words

FIRST_BUDDHIST_YEAR = 2400
"""A year after this one was meant in the Buddhist era (B.E. 2569 is 2026 CE): no complaint is dated 2400 CE."""
FIRST_YEAR = 1970
"""A moment before this year was mistyped (0069 for 2569): nothing that these services keep is older."""


class Body(BaseModel):
    """A request's body: unknown fields are refused, so that a misspelt one is not silently lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class View(BaseModel):
    """What a response shows."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Versioned(View):
    """A view of a resource that can be changed: its version is sent as its strong `ETag`."""

    version: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text, as in `Annotated[str, Line(300)]`: NFC, trimmed, without control characters.

    What turns the direction of writing is left out: it hides what is written. The length is counted in characters after
    cleaning, and what has none that can be seen is empty.
    """

    max_length: int
    min_length: int = 1
    # The categories Cc and Cs of Unicode, which will not grow.
    refused_characters: ClassVar = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
    _turning: ClassVar = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
    _unseen: ClassVar = re.compile(r"[\s\u00ad\u115f\u1160\u200b-\u200f\u2060-\u2064\u3164\ufeff\uffa0]*")

    def __get_pydantic_core_schema__(self, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the string as pydantic does, then clean and measure it."""
        return core_schema.no_info_after_validator_function(self._clean, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Tell clients the lengths."""
        return {**handler(schema), "minLength": self.min_length, "maxLength": self.max_length}

    def _clean(self, value: str) -> str:
        value = value.replace("\r\n", "\n")
        if self.refused_characters.search(value):
            raise PydanticCustomError("control_character", "Control characters are not allowed")
        value = unicodedata.normalize("NFC", self._turning.sub("", value)).strip()
        if self._unseen.fullmatch(value):
            value = ""
        if len(value) < self.min_length:
            raise PydanticCustomError(
                "too_short", "At least {min_length} characters are needed", {"min_length": self.min_length}
            )
        if len(value) > self.max_length:
            raise PydanticCustomError(
                "too_long", "At most {max_length} characters are allowed", {"max_length": self.max_length}
            )
        return value


@dataclass(frozen=True, slots=True)
class Text(Line):
    """Text of several lines: as `Line`, with line feeds and tabs; CR LF becomes LF."""

    refused_characters: ClassVar = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def refused(code: str, words: Words) -> PydanticCustomError:
    """What a validator of a service's own rules raises: the field's error code, and what to do, in both languages."""
    return PydanticCustomError(code, "{words}", {"words": words})


def read_by(parse: Callable[[str], str], wrong: type[ValueError], code: str, words: Words) -> Callable[[str], str]:
    """What makes the canonical form of a text by `parse`, and refuses with this code what is `wrong` to it."""

    def read(text: str) -> str:
        try:
            return parse(text)
        except wrong:
            raise refused(code, words) from None

    return read


def consented(words: Words) -> AfterValidator:
    """Refuse what nobody agreed to, with these words: for a field that is a strict `bool`."""

    def checked(consent: bool) -> bool:  # pydantic passes it so
        if not consent:
            raise refused("consent_required", words)
        return consent

    return AfterValidator(checked)


def _written(moment: object) -> object:
    """Refuse numbers, which pydantic would take for seconds since 1970."""
    if isinstance(moment, int | float) or (isinstance(moment, str) and "-" not in moment[1:]):
        raise PydanticCustomError("datetime_type", "A time is text")
    return moment


def _utc_of_our_era(moment: datetime) -> datetime:
    _refuse_buddhist_year(moment)
    if moment.year < FIRST_YEAR:
        raise PydanticCustomError("too_early", "No year before {first_year}", {"first_year": FIRST_YEAR})
    return moment.astimezone(UTC)


def _refuse_buddhist_year(day: date) -> date:
    if day.year > FIRST_BUDDHIST_YEAR:
        raise PydanticCustomError("buddhist_year", "Years are counted in the common era")
    return day


Timestamp = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_utc_of_our_era)]
"""A moment: RFC 3339 with any offset in, UTC is kept. No offset, a Buddhist year and one before 1970 are refused."""

Day = Annotated[date, AfterValidator(_refuse_buddhist_year)]
"""A date of the common era, as YYYY-MM-DD."""
