"""Bytes of mails as text. What a mail says of its charset is often wrong, and in Thailand in a few known ways.

TIS-620, ISO 8859-11 and Windows-874 are read as Windows-874, which contains the other two; Python knows it by the name
cp874 alone. Thai labelled as a western charset, or as nothing, is recognised by what it holds.
"""

import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import Final, NamedTuple

_THAI: Final = "cp874"
_THAI_NAMES: Final = frozenset(
    {"windows874", "xwindows874", "cp874", "xcp874", "ms874", "dos874", "ibm874", "tis620", "tis6202533", "iso885911"}
)
_GUESSED: Final = frozenset({"ascii", "iso8859-1", "iso8859-15", "cp1252"})
"""Charsets that mailers name without having looked."""

_MIN_THAI_BYTES: Final = 3
_PUNCTUATION: Final = range(0x2000, 0x2070)
_THAI_BLOCK: Final = range(0x0E00, 0x0E80)

# RFC 2047, and what breaks its rules without harm: spaces inside, a language after the charset.
_ENCODED_WORD: Final = re.compile(r"=\?([^?\s*]+)(?:\*[^?]*)?\?([bBqQ])\?([^?]*)\?=")
_SOFT_HEX: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
_BLANK_LINES: Final = re.compile(r"\n{3,}")


def decode(content: bytes, charset: str | None) -> str:
    """The text of these bytes, by its charset where that can be right; what cannot be read becomes U+FFFD."""
    codec = _codec(charset)
    if codec is not None and codec not in _GUESSED and codec not in {_THAI, "utf-8"}:
        return content.decode(codec, "replace")
    with_utf_8 = _strictly(content, "utf-8")
    if with_utf_8 is not None and (codec != _THAI or _is_thai_or_ascii(with_utf_8)):
        return with_utf_8
    if codec in {None, _THAI} or _looks_thai(content):
        return content.decode(_THAI, "replace")
    return content.decode("cp1252" if codec == "ascii" else codec, "replace")


def header_text(raw: str) -> str:
    """A header's value as people read it: encoded words decoded, raw 8-bit text recognised, on one line.

    `raw` is what the email package read from bytes: other than ASCII stands there as surrogates.
    """
    unfolded = raw.replace("\r", "").replace("\n", "")
    if not unfolded.isascii():
        unfolded = decode(unfolded.encode("utf-8", "surrogateescape"), None)
    return one_line("".join(_words(unfolded)))


def one_line(text: str) -> str:
    """Text on one line, without control characters."""
    return " ".join(readable(text).split())


def readable(text: str) -> str:
    """Text in NFC without control characters and lone surrogates, with line feeds, and no more than one empty line."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ").split("\n")
    kept = "\n".join(
        "".join(c for c in line if c == "\t" or unicodedata.category(c) not in _UNWANTED) for line in lines
    )
    stripped = "\n".join(line.rstrip() for line in unicodedata.normalize("NFC", kept).split("\n"))
    return _BLANK_LINES.sub("\n\n", stripped).strip()


_UNWANTED: Final = frozenset({"Cc", "Cs"})


def _codec(charset: str | None) -> str | None:
    """Python's name of the charset; None where it is missing or unknown."""
    if not charset:
        return None
    if "".join(filter(str.isalnum, charset.lower())) in _THAI_NAMES:
        return _THAI
    try:
        return codecs.lookup(charset.strip("\"' ")).name
    except (LookupError, ValueError):
        return None


def _strictly(content: bytes, codec: str) -> str | None:
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        return None


def _is_thai_or_ascii(text: str) -> bool:
    """Whether bytes that were called TIS-620 make sense as UTF-8: by chance, a short word may be valid UTF-8."""
    return all(c.isascii() or ord(c) in _THAI_BLOCK or ord(c) in _PUNCTUATION for c in text)


def _looks_thai(content: bytes) -> bool:
    """Whether bytes that were called western are Thai: most letters lie above ASCII, and each is Thai there."""
    high = sum(byte > 0x7F for byte in content)  # noqa: PLR2004  # the end of ASCII
    low = sum(chr(byte).isalpha() for byte in content if byte <= 0x7F)  # noqa: PLR2004  # as above
    return high >= _MIN_THAI_BYTES and high > low and _strictly(content, _THAI) is not None


class _Encoded(NamedTuple):
    charset: str
    content: bytes


def _words(text: str) -> Iterator[str]:
    """Encoded words decoded; neighbours of one charset together, because mailers cut Thai characters in two."""
    for charset, neighbours in groupby(_split(text), lambda word: word.charset.lower()):
        yield decode(b"".join(word.content for word in neighbours), charset)


def _split(text: str) -> Iterator[_Encoded]:
    end = 0
    for found in _ENCODED_WORD.finditer(text):
        between = text[end : found.start()]
        if between and not (end and between.isspace()):  # space between two encoded words is not part of the text
            yield _Encoded("utf-8", between.encode())
        yield _Encoded(found[1], _bytes_of(found[2], found[3], found[0]))
        end = found.end()
    if text[end:]:
        yield _Encoded("utf-8", text[end:].encode())


def _bytes_of(encoding: str, content: str, whole: str) -> bytes:
    plain = content.encode("utf-8", "replace")
    if encoding in "qQ":
        return _SOFT_HEX.sub(lambda found: bytes([int(found[1], 16)]), plain.replace(b"_", b" "))
    try:
        return binascii.a2b_base64(plain + b"==")
    except binascii.Error:
        return whole.encode("utf-8", "replace")
