"""Numbers that people read out and type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thaikit.numbers import (
    InvalidNumber,
    parse_checked,
    parse_national_id,
    parse_phone,
    with_check_character,
    written_phone,
)


@pytest.mark.parametrize("written", ["1234567890121", "1-2345-67890-12-1", "๑๒๓๔๕๖๗๘๙๐๑๒๑", " 1 2345 67890 12 1 "])
def test_a_national_id_has_one_form(written: str) -> None:
    """However it is written, an id with a right check digit becomes its 13 digits."""
    assert parse_national_id(written) == "1234567890121"


@pytest.mark.parametrize("written", ["1234567890122", "123456789012", "0234567890120", "abc", ""])
def test_a_wrong_national_id_is_refused(written: str) -> None:
    """A wrong check digit, length or first digit is refused."""
    with pytest.raises(InvalidNumber):
        parse_national_id(written)


@pytest.mark.parametrize(
    ("typed", "canonical", "shown"),
    [
        ("02-629-9227", "+6626299227", "02 629 9227"),
        ("๐๘๑ ๒๓๔ ๕๖๗๘", "+66812345678", "081 234 5678"),
        ("+66 81 234 5678", "+66812345678", "081 234 5678"),
        ("02 629 9226 ต่อ 12", "+6626299226;ext=12", "02 629 9226 ต่อ 12"),
        ("1111", "1111", "1111"),
        ("1300", "1300", "1300"),
        ("1 2 1 2", "1212", "1212"),
        ("1441", "1441", "1441"),
        ("191", "191", "191"),
        ("+1 650-253-0000", "+16502530000", "+1 650-253-0000"),
    ],
)
def test_telephone_numbers(typed: str, canonical: str, shown: str) -> None:
    """Thai and foreign numbers, extensions, and hotlines of three and four digits."""
    assert canonical == parse_phone(typed)
    assert shown == written_phone(canonical)


@pytest.mark.parametrize("typed", ["", "ไม่มี", "12", "9999", "0812345", "02-629-9227-99999"])
def test_what_is_no_telephone_number_is_refused(typed: str) -> None:
    """Text, and numbers that cannot be dialled, are refused."""
    with pytest.raises(InvalidNumber):
        parse_phone(typed)


BODIES = st.builds("1111-{}-{:06d}".format, st.integers(2560, 2600), st.integers(0, 999_999))


@given(BODIES)
def test_a_reference_survives_being_read_out(body: str) -> None:
    """With spaces for hyphens, in lower case or Thai digits, it is the same number."""
    number = with_check_character(body)
    assert number == parse_checked(number.replace("-", " ").lower().translate(str.maketrans("0123", "๐๑๒๓")))


@given(BODIES, st.data())
def test_a_wrong_digit_is_noticed(body: str, data: st.DataObject) -> None:
    """Any single digit read or typed wrong makes the number invalid."""
    at = data.draw(st.sampled_from([place for place, letter in enumerate(body) if letter.isdigit()]))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != body[at]]))
    number = with_check_character(body)
    # 0 and O, 1 and I are one check character to readers, so a change that swaps them cannot be seen.
    changed = with_check_character(body[:at] + wrong + body[at + 1 :])[-1]
    if {changed, number[-1]} not in ({"0", "O"}, {"1", "I"}):
        with pytest.raises(InvalidNumber):
            parse_checked(number[:at] + wrong + number[at + 1 :])


@pytest.mark.parametrize("written", ["", "1111-2569-000123", "1111-2569-000123-?", "x-1", "1111-2569-000123-A"])
def test_what_is_no_reference_is_refused(written: str) -> None:
    """Without its check character, or with another, it is no reference."""
    with pytest.raises(InvalidNumber):
        parse_checked(written)
