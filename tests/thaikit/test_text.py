"""Thai text made comparable."""

import gc
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythainlp.util.normalize import normalize as mended

from thaikit.text import (
    normalise,
    segment,
    skeleton,
    trigrams,
    warm_up,
    words,
)

THAI = st.text(st.sampled_from([chr(code) for code in range(0x0E01, 0x0E5C)] + list(" \n1a.\u200b")), max_size=300)
ANYTHING = st.text(max_size=200)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("น\u0e4dา", "น\u0e33"),
        ("น\u0e4d\u0e49า", "น\u0e49\u0e33"),
        ("เเก้", "แก้"),
        ("ที\u200bดิน", "ทีดิน"),
        ("๑๒๓ บาท", "123 บาท"),
        ("Website", "website"),
        ("นานมากกกกก", "นานมากก"),
        ("โทร 1111", "โทร 1111"),
        ("1000000 บาท", "1000000 บาท"),
        ("ก\u0e48\u0e35", "ก\u0e35\u0e48"),
        ("  เรื่อง   ร้องเรียน ", "เรื่อง ร้องเรียน"),
    ],
)
def test_look_alikes_have_one_spelling(written: str, normal: str) -> None:
    """Texts that look alike, or differ in what nobody means, are normalised to the same text."""
    assert normal == normalise(written)


@given(THAI | ANYTHING)
def test_normalising_again_changes_nothing(text: str) -> None:
    """What is normal stays as it is."""
    once = normalise(text)
    assert once == normalise(once)


@settings(max_examples=500, deadline=None)  # what it is compared with is slow
@given(THAI | st.text(st.sampled_from("กฤเแะาำๅัีฺุ็่้์ํ๎๑ \n\taA\u200b\u0301"), max_size=8))
def test_what_is_normal_nobody_would_mend(text: str) -> None:
    """Text that one look passes as normal is what all substitutions, one by one, would have left alone."""
    once = normalise(text)
    assert once == mended(unicodedata.normalize("NFC", once).lower())
    assert not re.search(r"[\u00ad\u200b-\u200d\u2060\ufeff\u0e50-\u0e59]|(\D)\1{3}", once)


@given(THAI | ANYTHING)
def test_segments_joined_are_the_text(text: str) -> None:
    """Segmentation neither loses nor changes a character."""
    assert text == "".join(segment(text))


def test_a_long_text_without_spaces_is_cut_whole() -> None:
    """Text far longer than the segmenter's window keeps every character, and its words."""
    text = "โอนเงินโครงการชุมชนพอเพียงไม่ครบ" * 600
    pieces = segment(text)
    assert text == "".join(pieces)
    assert 500 < pieces.count("ชุมชนพอเพียง")


def test_words_of_the_domain_stay_whole() -> None:
    """The project's own words and abbreviations are not cut apart, and punctuation is no word."""
    assert ["กทบ.", "และ", "ชุมชนพอเพียง", "ร้องเรียน", "1111"] == words("กทบ. และ ชุมชนพอเพียง (ร้องเรียน ๑๑๑๑)!")


def test_a_skeleton_forgets_what_people_mistype() -> None:
    """With and without its tone marks and thanthakhat, a word has one skeleton."""
    assert skeleton("ศูนยรับเรืองรองเรียน") == skeleton("ศูนย์รับเรื่องร้องเรียน")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", []), ("...", []), ("ไป", ["ไป"]), ("เงิน", ["เงิ", "งิน"]), ("ไป มา", ["ไป ", "ป ม", " มา"])],
)
def test_trigrams(text: str, expected: list[str]) -> None:
    """Every run of three characters, a short text as a whole, nothing of a text without letters."""
    assert expected == trigrams(text)


def test_the_garbage_collector_does_not_look_through_the_dictionary() -> None:
    """Hundreds of thousands of objects that stay for ever would be looked at again and again."""
    try:
        warm_up()
        assert gc.get_freeze_count() > 300_000
    finally:
        gc.unfreeze()
