"""Lost updates are refused: a resource's version is its strong `ETag`, and a change names the one it was made from."""

import re
from collections.abc import Collection
from typing import Annotated

from fastapi import Depends, Header

from servicekit.problems import FieldError, InvalidInput, VersionMismatch, VersionRequired
from servicekit.words import Words

_ENTITY_TAG = re.compile(r'"(\d{1,18})"')

Versions = frozenset[int] | None
"""The versions that a caller accepts; None accepts any."""


def entity_tag(version: int) -> str:
    """The strong entity tag of a version (RFC 9110, 8.8.3)."""
    return f'"{version}"'


def parse_if_match(value: str | None) -> Versions:
    """The versions that an `If-Match` header names; None where there is none, or `*`."""
    if value is None or value.strip() == "*":
        return None
    tags = [_ENTITY_TAG.fullmatch(tag.strip()) for tag in value.split(",")]
    if not all(tags):
        raise InvalidInput(
            FieldError(
                "/if-match",
                "wrong_form",
                Words("ต้องเป็น ETag ที่ได้จากการอ่านข้อมูล", "It must be the ETag that reading the resource gave."),
                "header",
            )
        )
    return frozenset(int(tag[1]) for tag in tags if tag)


def check_version(present: int, wanted: Versions) -> None:
    """Refuse a change that was made from another version than the present one.

    Raises:
        VersionMismatch: somebody has changed it since.
    """
    if wanted is not None and present not in wanted:
        raise VersionMismatch


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the caller already has `tag`, so that 304 is answer enough (weak comparison, RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    known: Collection[str] = {entry.strip().removeprefix("W/") for entry in if_none_match.split(",")}
    return tag in known or "*" in known


_IfMatchHeader = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1000, description="The `ETag` of the version that is to be changed."),
]


async def _if_match(if_match: _IfMatchHeader = None) -> Versions:
    return parse_if_match(if_match)


async def _if_match_required(if_match: _IfMatchHeader = None) -> Versions:
    if if_match is None:
        raise VersionRequired
    return parse_if_match(if_match)


IfMatch = Annotated[Versions, Depends(_if_match)]
"""The versions of the resource (for a sub-resource: of its parent) that the caller accepts; optional."""

IfMatchRequired = Annotated[Versions, Depends(_if_match_required)]
"""As `IfMatch`, and 428 without it."""
