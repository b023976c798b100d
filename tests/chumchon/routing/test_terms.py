"""Finding terms: all at once, and as if each had been looked for by itself."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from chumchon.routing.rules import first_rules
from chumchon.routing.terms import LONG_TERM, Terms
from chumchon.routing.texts import READ_CHARACTERS, CaseText
from thaikit.text import MARKS, normalise, segment, without_marks

RULES = first_rules()
TERMS = sorted({term for terms in RULES.topics.values() for term in terms} | set(RULES.ignored))
FOUND = Terms(TERMS)


def one_by_one(text: str) -> Iterator[tuple[str, bool]]:
    """What the promise says, term by term and letter by letter."""
    letters = [(at, letter) for at, letter in enumerate(text) if letter not in MARKS]
    bare = "".join(letter for _, letter in letters)
    origins = [at for at, _ in letters] + [len(text)]
    ends = {0}
    for piece in segment(text):
        ends.add(max(ends) + len(piece))
    taken: list[tuple[int, int]] = []
    for term in sorted(TERMS, key=lambda it: (-len(without_marks(normalise(it))), normalise(it))):
        normal = normalise(term)
        length = len(without_marks(normal))
        spelt = []
        for start in range(len(bare) - length + 1):
            span = (start, start + length)
            if bare[slice(*span)] != without_marks(normal) or any(a <= span[0] and span[1] <= b for a, b in taken):
                continue
            first, last = origins[span[0]], origins[span[1]]
            exact = text[first:last] == normal
            if length >= LONG_TERM or (exact and {first, last} <= ends):
                taken.append(span)
                spelt.append(exact)
        if spelt:
            yield term, any(spelt)


def spoilt(term: str) -> st.SearchStrategy[str]:
    """A term as people type it: whole, without its marks, or cut off."""
    return st.sampled_from([term, without_marks(term), term[: len(term) // 2 + 1], term + "์"])


TEXTS = st.lists(
    st.sampled_from(TERMS).flatmap(spoilt) | st.sampled_from(["", " ", "\n", "การ", "ที่", "ไม่", "ของชุมชน", "123", "x"])
).map("".join)


@settings(max_examples=200, deadline=None)  # what it is compared with is slow
@given(TEXTS)
def test_terms_are_found_as_if_each_was_looked_for_by_itself(text: str) -> None:
    """Looking for all in one pass, and cutting into words only when it matters, changes nothing of what is found."""
    normal = normalise(text[:READ_CHARACTERS])
    assert list(one_by_one(normal)) == list(FOUND.found(CaseText(text)))


def test_a_term_inside_of_a_longer_one_is_not_counted() -> None:
    """The longer term says it all; beside it, the shorter one counts."""
    terms = Terms(["ตรวจสอบ", "ขอให้ตรวจสอบ"])
    assert [("ขอให้ตรวจสอบ", True)] == list(terms.found(CaseText("ขอให้ตรวจสอบ")))
    assert [("ขอให้ตรวจสอบ", True), ("ตรวจสอบ", True)] == list(terms.found(CaseText("ขอให้ตรวจสอบ และตรวจสอบ")))


def test_a_short_term_counts_as_a_word_of_its_own_only() -> None:
    """Three letters stand by chance in many a word."""
    terms = Terms(["มติ"])
    assert [("มติ", True)] == list(terms.found(CaseText("ขอมติที่ประชุม")))
    assert [] == list(terms.found(CaseText("สมมติว่าได้")))


def test_a_long_term_is_found_with_wrong_marks() -> None:
    """Tone marks are what people mistype first."""
    assert [("ใต้ต้นโพธิ์ใหญ่", False)] == list(Terms(["ใต้ต้นโพธิ์ใหญ่"]).found(CaseText("ไปที่ใต้ตนโพธิใหญ")))
