"""Codes and what people call them. A list of codes may grow: clients must expect new ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from servicekit.words import Words


@dataclass(frozen=True, slots=True)
class Code:
    """One code: its labels, and what it rests on (a legal citation, an explanation) where there is something."""

    label: Words
    source: Words | None = None


CodeList: TypeAlias = Mapping[str, Code]
"""Code -> what is said of it."""
