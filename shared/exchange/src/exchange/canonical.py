"""Canonical JSON (RFC 8785) and the digest over it: what both sides mean by "the same message"."""

import hashlib
from typing import Any

import orjson
import rfc8785

_EXACT = 2**53


class NotCanonicalError(ValueError):
    """The value has no canonical JSON: a number that not every reader holds exactly, or text that is not Unicode."""


def canonical(value: object) -> bytes:
    """The canonical JSON of a value made of what JSON has.

    Raises:
        NotCanonicalError: there is none.
    """
    try:
        if _is_plain(value):
            # For such values orjson writes the same bytes, 15 times as fast: RFC 8785 sorts keys by UTF-16, which is
            # the order of bytes for ASCII keys, and prints numbers as ECMAScript does, which is the same for integers.
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        json: Any = value
        return rfc8785.dumps(json)
    except (ValueError, TypeError, RecursionError) as error:
        raise NotCanonicalError(str(error)) from None


def digest_of(content: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _is_plain(value: object) -> bool:
    """Whether it holds no fractions, no integers beyond 2^53, and no keys outside of ASCII."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if isinstance(value, int):
        return -_EXACT < value < _EXACT
    if isinstance(value, dict):
        return all(type(key) is str and key.isascii() and _is_plain(inner) for key, inner in value.items())
    return isinstance(value, list) and all(map(_is_plain, value))
