"""Filters of lists: a comma means OR, and a code that the list does not know is refused."""

from collections.abc import Sequence

from pydantic import BeforeValidator


def _split(values: Sequence[str] | None) -> list[str] | None:
    if values is None:
        return None
    return [part.strip() for value in values for part in value.split(",")]


CommaIsOr = BeforeValidator(_split)
"""As in `Annotated[list[State] | None, CommaIsOr, Query(...)]`: `state=received,verified` is a list of two codes."""
