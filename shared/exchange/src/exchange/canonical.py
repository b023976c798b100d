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


_SIMPLE = frozenset({str, bool, type(None)})


def _is_plain(value: object) -> bool:
    """Whether it holds no fractions, no integers beyond 2^53, and no keys outside of ASCII.

    Asked of every message that comes and goes: so no recursion, and what is simple is looked at once.
    """
    to_look_at = [value]
    while to_look_at:
        one: Any = to_look_at.pop()
        kind = type(one)
        if kind is dict:
            if not all(map(str.isascii, one)):
                return False
            to_look_at += [inner for inner in one.values() if type(inner) not in _SIMPLE]
        elif kind is list:
            to_look_at += [inner for inner in one if type(inner) not in _SIMPLE]
        elif kind is int:
            if not -_EXACT < one < _EXACT:
                return False
        elif kind not in _SIMPLE:
            return False
    return True
