"""Numbers that people read out and type: national ids, telephones, references with a check character.

Each parser takes Thai digits, spaces and hyphens as people write them and gives the one canonical form.
"""

import re
from functools import cache
from importlib import resources
from typing import Final

import phonenumbers
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36
from stdnum.th import pin

from thaikit.text import normalise

_EXTENSION: Final = re.compile(r"\s*(?:ต่อ|กด|#)\s*(?=\d)")
_GAPS: Final = re.compile(r"[\s-]+")
_LOOK_ALIKES: Final = str.maketrans("OI", "01")
_REFERENCE: Final = re.compile(r"(?P<body>\d+(?:-\d+)*)-(?P<check>[0-9A-Z])")


class InvalidNumber(ValueError):
    """Not a number of the kind asked for."""


def parse_national_id(text: str) -> str:
    """The 13 digits of a Thai national id, the last of which checks the others.

    Raises InvalidNumber. A right check digit does not prove that the id was ever given to anyone.
    """
    try:
        return str(pin.validate(normalise(text)))
    except ValidationError:
        raise InvalidNumber("not a Thai national id of 13 digits with a right check digit") from None


@cache
def _hotlines() -> frozenset[str]:
    lines = resources.files(__package__).joinpath("hotlines.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line.split()[0] for line in lines if line and not line.startswith("#"))


def parse_phone(text: str) -> str:
    """A telephone number: a hotline as it is dialled (1111), any other in E.164.

    An extension follows after `;ext=`. Numbers without a country are Thai; ต่อ and # begin an extension.
    Raises InvalidNumber.
    """
    written = normalise(text)
    if (dialled := _GAPS.sub("", written)) in _hotlines():
        return dialled
    try:
        number = phonenumbers.parse(_EXTENSION.sub(" ext. ", written), "TH")
    except phonenumbers.NumberParseException:
        raise InvalidNumber("not a telephone number") from None
    if phonenumbers.is_valid_number(number):
        extension = f";ext={number.extension}" if number.extension else ""
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) + extension
    if phonenumbers.is_valid_short_number_for_region(number, "TH"):
        return dialled
    raise InvalidNumber("not a telephone number that exists")


def written_phone(canonical: str) -> str:
    """A canonical telephone number as people in Thailand write it: 02 629 9226 ต่อ 12."""
    if not canonical.startswith("+"):
        return canonical
    number = phonenumbers.parse(canonical.replace(";ext=", " ext. "))
    extension, number.extension = number.extension, None
    written = phonenumbers.format_out_of_country_calling_number(number, "TH")
    return f"{written} ต่อ {extension}" if extension else written


def with_check_character(body: str) -> str:
    """A reference number of digits in groups (1111-2569-000123) with its check character as the last group.

    ISO 7064 mod 37,36: it finds every single wrong character and nearly every swap of two neighbours.
    """
    return f"{body}-{mod_37_36.calc_check_digit(body.replace('-', ''))}"


def parse_checked(text: str) -> str:
    """A reference number in its canonical form, its check character being right; raises InvalidNumber.

    O and 0, I and 1 are taken for each other there: nobody can tell them apart on paper.
    """
    written = _GAPS.sub("-", normalise(text).upper()).strip("-")
    found = _REFERENCE.fullmatch(written)
    if found is None:
        raise InvalidNumber("not a number with a check character")
    canonical = with_check_character(found["body"])
    if canonical.translate(_LOOK_ALIKES) != written.translate(_LOOK_ALIKES):
        raise InvalidNumber("not a number with its right check character")
    return canonical
