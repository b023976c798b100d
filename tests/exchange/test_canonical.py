"""Both sides compute the same digest of the same message, whatever their JSON libraries do."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from exchange.canonical import NotCanonicalError, canonical, digest_of

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


@given(JSON)
def test_it_is_rfc_8785(value: object) -> None:
    """The fast way gives the bytes of the reference, whatever the value."""
    assert rfc8785.dumps(value) == canonical(value)  # type: ignore[arg-type]  # hypothesis knows no JSON type


def test_the_digest_is_known() -> None:
    """A fixed message has a fixed digest, so partners can compare their own."""
    content = canonical({"b": "ก", "a": [1, None, True]})
    assert '{"a":[1,null,true],"b":"ก"}'.encode() == content
    assert "bac9b8d72675916f24a194f79a61db0e3bd7534c06607050ec7cb45964cf2342" == digest_of(content)


@pytest.mark.parametrize("value", [2**53 + 1, float("nan"), float("inf"), "\ud800", {"\ud800": 1}, {1: 1}, object()])
def test_what_not_every_reader_holds_has_no_canonical_form(value: object) -> None:
    """Numbers that lose digits, and text that is not Unicode, are refused rather than changed."""
    with pytest.raises(NotCanonicalError):
        canonical({"value": value})


def test_endless_nesting_is_refused() -> None:
    """A message nested deeper than any reader goes is refused, and nothing breaks."""
    value: object = 1.5
    for _ in range(100_000):
        value = [value]
    with pytest.raises(NotCanonicalError):
        canonical(value)
