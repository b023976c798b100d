"""Filters of lists: a comma means OR, and a code that the list does not know is refused."""

from collections.abc import Sequence
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BeforeValidator

Code = TypeVar("Code")


def _split(values: Sequence[str] | None) -> list[str] | None:
    if values is None:
        return None
    return [part.strip() for value in values for part in value.split(",")]


CommaIsOr = BeforeValidator(_split)
"""As in `Annotated[list[Name] | None, CommaIsOr, Query(...)]`, for a filter that is described in its own words."""

CodesOf = Annotated[list[Code] | None, CommaIsOr, Query(description="Codes, separated by commas: any of them.")]
"""As in `state: CodesOf[State] = None`: `state=received,verified` is a list of two codes."""

IdsOf = Annotated[list[UUID] | None, CommaIsOr, Query(description="Ids, separated by commas: any of them.")]
"""A filter by ids."""
