"""Bytes of mails as text. What a mail says of its charset is often wrong, and in Thailand in a few known ways.

TIS-620, ISO 8859-11 and Windows-874 are read as Windows-874, which contains the other two; Python knows it by the name
cp874 alone. Thai labelled as a western charset, as UTF-8 or as nothing, is recognised by what it holds.
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

_NO_CHARSETS: Final = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"})
"""What Python decodes to text, and no text is sent in."""

_MIN_THAI_BYTES: Final = 3
_HIGH: Final = bytes(range(0x80, 0x100))
# Syllables as Thai is written: vowels before their consonant, marks above and below it, vowels behind it. Accented
# letters of the west have the same bytes and stand alone, or in an order that no Thai word has.
_THAI_RUN: Final = re.compile(
    rb"(?:[\xe0-\xe4]{0,2}[\xa1-\xc3\xc5\xc7-\xce][\xd1\xd4-\xda\xe7-\xee]{0,3}[\xcf\xd0\xd2\xd3\xe6]{0,3}"
    rb"|[\xc4\xc6]\xe5?)+"
)
# What stands alone in Thai texts, too, and says nothing: space, quotation marks, paiyannoi, baht, repetition, digits.
_NEUTRAL: Final = b"\x80\x85\x91\x92\x93\x94\x95\x96\x97\xa0\xcf\xdf\xe6" + bytes(range(0xEF, 0xFC))
_BROKEN: Final = 0.1
"""The share of the bytes above ASCII that may be out of place in text that is UTF-8 for all that."""
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
    if codec != _THAI and _is_broken_utf_8(content):
        return content.decode("utf-8", "replace")
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
    """Python's name of the charset; None where it is missing or unknown, or a codec that is no charset (base64)."""
    if not charset:
        return None
    if "".join(filter(str.isalnum, charset.lower())) in _THAI_NAMES:
        return _THAI
    try:
        codec = codecs.lookup(charset.strip("\"' ")).name
        b"text".decode(codec, "replace")
    except (LookupError, ValueError):
        return None
    return None if codec in _NO_CHARSETS else codec


def _strictly(content: bytes, codec: str) -> str | None:
    try:
        return content.decode(codec)
    except UnicodeDecodeError:
        return None


def _is_thai_or_ascii(text: str) -> bool:
    """Whether bytes that were called TIS-620 make sense as UTF-8: by chance, a short word may be valid UTF-8."""
    return all(c.isascii() or ord(c) in _THAI_BLOCK or ord(c) in _PUNCTUATION for c in text)


def _looks_thai(content: bytes) -> bool:
    """Whether bytes that were called something else are Thai: most of those above ASCII stand in runs of Thai.

    ASCII says nothing: a mail in HTML has more of it than of any language.
    """
    telling = _count(content, _HIGH) - _count(content, _NEUTRAL)
    runs = (run for run in _THAI_RUN.findall(content) if len(run) >= _MIN_THAI_BYTES and len(set(run)) > 1)
    in_runs = sum(len(run) - _count(run, _NEUTRAL) for run in runs)
    return in_runs > telling / 2


def _is_broken_utf_8(content: bytes) -> bool:
    """Whether bytes are UTF-8 but for a few: cut off within a character, or damaged on their way."""
    kept = content.decode("utf-8", "ignore").encode()
    return _count(kept, _HIGH) > (1 - _BROKEN) * _count(content, _HIGH)


def _count(content: bytes, of: bytes) -> int:
    return len(content) - len(content.translate(None, of))


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
