"""JSON Merge Patch (RFC 7396)."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationInfo, field_validator

from servicekit.merge_patch import merged, patched
from servicekit.problems import InvalidInput


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": ["c", None]}, {"a": ["c", None]}),
        ({"a": {"b": "c", "d": "e"}}, {"a": {"b": None, "f": 1}}, {"a": {"d": "e", "f": 1}}),
        ({"a": "b"}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"a": "b"}, ["c"], ["c"]),
    ],
)
def test_a_patch_names_what_changes(target: Any, patch: Any, result: Any) -> None:  # noqa: ANN401  # any JSON
    """Null takes away, objects are merged at any depth, all else is replaced."""
    assert result == merged(target, patch)


class Parcel(BaseModel):
    """What is patched here."""

    label: str
    grams: int

    @field_validator("grams")
    @classmethod
    def _not_too_heavy(cls, grams: int, info: ValidationInfo) -> int:
        if grams > (info.context or {}).get("limit", grams):
            raise ValueError
        return grams


def test_the_result_is_checked_as_a_whole() -> None:
    """All that is wrong is named at once, by pointers into the patched record."""
    with pytest.raises(InvalidInput) as refused:
        patched(Parcel, {"label": "A", "grams": 5}, {"label": None, "grams": "much"})
    assert {"/label", "/grams"} == {error.pointer for error in refused.value.errors}


def test_the_check_may_know_its_circumstances() -> None:
    """The context reaches the model's validators."""
    assert Parcel(label="A", grams=9) == patched(Parcel, {"label": "A", "grams": 5}, {"grams": 9})
    with pytest.raises(InvalidInput):
        patched(Parcel, {"label": "A", "grams": 5}, {"grams": 9}, context={"limit": 8})
