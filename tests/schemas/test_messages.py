"""The wire's promises: samples stay valid for ever, schemas are published, bad input is refused."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import TYPES, Batch, JsonObject, Message, PartyKind, Wire, sample, sent_by, type_of
from schemas.generating import FOLDER, documents, generate

EVERY_TYPE = sorted(TYPES)


def body_of(message: JsonObject) -> Wire:
    return TYPES[message["type"]].body.model_validate(message["data"])


def codes(refused: pytest.ExceptionInfo[ValidationError]) -> set[tuple[str, str]]:
    return {("/".join(map(str, error["loc"])), error["type"]) for error in refused.value.errors()}


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_the_kept_sample_is_valid(name: str) -> None:
    """What a partner once built against goes on to be read, and is sent again as it came."""
    kept = sample(name)
    message = Message.model_validate_json(json.dumps(kept))
    body = body_of(kept)
    assert name == message.type
    assert TYPES[name] == type_of(body)
    assert kept == message.model_dump(mode="json", exclude_none=True) | {"data": kept["data"]}
    assert kept["data"] == body.model_dump(mode="json", exclude_unset=True)


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_unknown_fields_are_ignored(name: str) -> None:
    """A newer sender may add fields to a type that older receivers read."""
    kept = sample(name)
    newer = kept | {"tracestate": "x", "data": kept["data"] | {"added_later": [1, {"a": None}]}}
    assert body_of(kept) == body_of(newer)
    assert kept["id"] == str(Message.model_validate(newer).id)


@pytest.mark.parametrize("name", EVERY_TYPE)
def test_each_required_field_is_required(name: str) -> None:
    """A body that lacks a field of its contract is refused, and the refusal names it."""
    kept = sample(name)
    model = TYPES[name].body
    for field in (field for field, info in model.model_fields.items() if info.is_required()):
        with pytest.raises(ValidationError) as refused:
            model.model_validate({key: value for key, value in kept["data"].items() if key != field})
        assert (field, "missing") in codes(refused)


def test_the_json_schemas_are_the_models() -> None:
    """Partners read the committed schemas, so those are always what the models say."""
    committed = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert dict(documents()) == committed, "run: python -m schemas generate"


def test_generating_removes_what_is_no_more(tmp_path: Path) -> None:
    """The folder of schemas holds the present types alone."""
    (tmp_path / "referral.misspelt.v1.json").write_text("{}")
    generate(tmp_path)
    assert {name for name, _ in documents()} == {path.name for path in tmp_path.iterdir()}


def test_the_command_explains_itself() -> None:
    """An unknown word on the command line gets the usage and changes nothing."""
    done = subprocess.run([sys.executable, "-m", "schemas", "create"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "usage: python -m schemas generate\n")


def test_each_side_sends_its_own_types() -> None:
    """Only the Centre refers, only the Office answers; both may erase and give up."""
    centre = {kind.name for kind in sent_by(PartyKind.CENTRE)}
    office = {kind.name for kind in sent_by(PartyKind.OFFICE)}
    either = {"referral.void.v1", "personal_data.erased.v1", "personal_data.erasure_confirmed.v1"}
    assert either == centre & office
    assert set(TYPES) == centre | office
    assert "referral.sent.v1" in centre
    assert "referral.answered.v1" in office


def changed(name: str, path: str, value: object) -> JsonObject:
    message = copy.deepcopy(sample(name))
    *parents, last = path.split(".")
    place: Any = message
    for step in parents:
        place = place[step]
    place[last] = value
    return message


@pytest.mark.parametrize(
    ("name", "path", "value", "code"),
    [
        ("referral.sent.v1", "data.subject", "ก" * 301, "too_long"),
        ("referral.sent.v1", "data.subject", " \u00a0 ", "too_short"),
        ("referral.sent.v1", "data.subject", "สอง\nบรรทัด", "control_character"),
        ("referral.sent.v1", "data.details", "ก" * 20_001, "too_long"),
        ("referral.sent.v1", "data.details", "นัล\u0000", "control_character"),
        ("referral.sent.v1", "data.details", "\ud800", "control_character"),
        ("referral.sent.v1", "data.channel", "fax", "enum"),
        ("referral.sent.v1", "data.received_at", "2026-10-05T02:15:00", "timezone_aware"),
        ("referral.sent.v1", "data.received_at", "2569-10-05T02:15:00+07:00", "buddhist_year"),
        ("referral.sent.v1", "data.received_at", "0001-01-01T00:00:00+07:00", "datetime_range"),
        ("referral.sent.v1", "data.received_at", 1_790_000_000, "datetime_type"),
        ("referral.sent.v1", "data.confidential", True, "confidential"),
        ("referral.sent.v1", "data.confidential", "no", "bool_type"),
        ("referral.sent.v1", "data.referral_number", "1111-2570-000123-8/0", "referral_number"),
        ("referral.sent.v1", "data.referral_number", "1111-2570-000124-6/1", "referral_number"),
        ("referral.answered.v1", "data.version", 0, "greater_than_equal"),
        ("referral.answered.v1", "data.version", "1", "int_type"),
        ("referral.returned.v1", "data.reason", "lazy", "enum"),
        ("referral.accepted.v1", "data.work_group", "Audit", "string_pattern_mismatch"),
    ],
)
def test_a_wrong_body_is_refused(name: str, path: str, value: object, code: str) -> None:
    """What is pinned is checked: lengths, characters, codes, times with their offset in the common era."""
    with pytest.raises(ValidationError) as refused:
        body_of(changed(name, path, value))
    assert code in {found for _, found in codes(refused)}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("specversion", "0.3"),
        ("id", "6625f12c-78be-448b-9267-c990c543d005"),
        ("id", "1"),
        ("source", "Center 1111"),
        ("type", "referral.sent.v1\u0000"),
        ("subject", None),
        ("sequence", 0),
        ("sequence", 1.0),
        ("sequence", 2**53),
        ("time", "2026-10-05"),
        ("data", []),
        ("requestid", "x" * 129),
    ],
)
def test_a_wrong_envelope_is_refused(path: str, value: object) -> None:
    """An envelope is read by the exchange itself, so all of it is pinned."""
    with pytest.raises(ValidationError):
        Message.model_validate(changed("referral.sent.v1", path, value))


def test_other_as_a_reason_needs_its_note() -> None:
    """A return for another reason says which."""
    with pytest.raises(ValidationError) as refused:
        body_of(
            changed(
                "referral.returned.v1",
                "data",
                sample("referral.returned.v1")["data"] | {"reason": "other", "note": None},
            )
        )
    assert {("", "note_required")} == codes(refused)


def test_an_amendment_says_something() -> None:
    """A message that changes nothing is a mistake of its sender."""
    numbers = {key: sample("referral.amended.v1")["data"][key] for key in ("referral_number", "tracking_number")}
    with pytest.raises(ValidationError) as refused:
        body_of(changed("referral.amended.v1", "data", numbers))
    assert {("", "nothing_amended")} == codes(refused)


@pytest.mark.parametrize("count", [0, 101])
def test_a_batch_has_1_to_100_messages(count: int) -> None:
    """Neither an empty batch nor one of more than 100 messages is read."""
    with pytest.raises(ValidationError):
        Batch.model_validate({"messages": [sample("referral.sent.v1")] * count})


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=320))
def test_a_line_is_taken_as_it_is_or_refused(text: str) -> None:
    """No text is repaired in silence: what is accepted comes out as it went in."""
    fits = 0 < len(text) <= 300 and not text.isspace() and not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text)
    message = changed("referral.sent.v1", "data.subject", text)
    if fits:
        assert {"subject": text} == body_of(message).model_dump(include={"subject"})
    else:
        with pytest.raises(ValidationError):
            body_of(message)
