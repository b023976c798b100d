"""Texts under the labels that people gave them: what routing learns from."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Example:
    """A text that a person has put under a label."""

    text: str
    label: str


@cache
def first_examples() -> tuple[Example, ...]:
    """What routing knows before anybody has confirmed anything: texts written for it, of no real person."""
    lines = resources.files(__package__).joinpath("first_examples.jsonl").read_text("utf-8").splitlines()
    return tuple(Example(case["text"], case["topic"]) for case in map(json.loads, lines))
