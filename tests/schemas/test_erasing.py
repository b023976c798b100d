"""The erased form of bodies: valid for their types, and without a word of what people wrote."""

import json

import pytest

from schemas import ERASED_TEXT, TYPES, JsonObject, Wire, erased, sample
from schemas.erasing import _STAYS

EVERY_TYPE = sorted(TYPES)


def body_of(name: str) -> Wire:
    return TYPES[name].body.model_validate(sample(name)["data"])


def texts(value: object) -> set[str]:
    """Every text in a JSON value."""
    if isinstance(value, dict):
        return {text for part in value.values() for text in texts(part)}
    if isinstance(value, list):
        return {text for part in value for text in texts(part)}
    return {value} if isinstance(value, str) else set()


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_the_erased_form_is_valid_and_stays_as_it_is(name: str) -> None:
    """A receiver that has never seen the original applies it like any other."""
    once = erased(body_of(name))
    assert once == erased(once)
    assert once == TYPES[name].body.model_validate_json(once.model_dump_json())


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_nothing_thai_is_left_but_the_sentence_that_says_so(name: str) -> None:
    """What people wrote in the samples is Thai; places as far as the district, numbers and legal bases stay."""
    kept: JsonObject = sample(name)["data"]
    left = texts(json.loads(erased(body_of(name)).model_dump_json()))
    may_stay = {kept.get("case_number"), kept.get("legal_basis"), ERASED_TEXT}
    place = kept.get("place") or kept.get("corrections", {}).get("place") or {}
    may_stay |= {place.get(part) for part in ("province", "district")}
    assert {text for text in left - may_stay if not text.isascii()} == set()


def test_a_referral_loses_who_wrote_what_about_where() -> None:
    """Its numbers, codes and deadlines stay, for the counts of reports."""
    original = sample("referral.sent.v1")["data"]
    left = json.loads(erased(body_of("referral.sent.v1")).model_dump_json())
    assert (ERASED_TEXT, ERASED_TEXT, ERASED_TEXT) == (left["subject"], left["details"], left["question"])
    assert (None, []) == (left["complainant"], left["attachments"])
    assert original["referral_number"] == left["referral_number"]
    assert (original["channel"], original["due_at"]) == (left["channel"], left["due_at"])


def test_every_body_says_what_stays_of_it() -> None:
    """A new type cannot be forgotten."""
    assert {kind.body for kind in TYPES.values()} <= set(_STAYS)
