"""Filters of lists: a comma means OR, and a code that the list does not know is refused."""

from collections.abc import Sequence
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BeforeValidator

Code = TypeVar("Code")


def _split(values: Sequence[str] | str | None) -> Sequence[str] | None:
    """Parts of what a query says once or often, or JSON as a text or a list; anything else is left to be refused."""
    if isinstance(values, str):
        values = [values]
    if not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
        return values
    return [part.strip() for value in values for part in value.split(",")]


CommaIsOr = BeforeValidator(_split)
"""As in `Annotated[list[Name] | None, CommaIsOr, Query(...)]`, for a filter that is described in its own words."""

CodesOf = Annotated[list[Code] | None, CommaIsOr, Query(description="Codes, separated by commas: any of them.")]
"""As in `state: CodesOf[State] = None`: `state=received,verified` is a list of two codes."""

IdsOf = Annotated[list[UUID] | None, CommaIsOr, Query(description="Ids, separated by commas: any of them.")]
"""A filter by ids."""
