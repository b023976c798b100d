"""Makes what is read out of typst's PDFs be what was written.

A Thai letter with its vowel and tone mark is one cluster of several glyphs. Typst says a cluster's text once, as the
ActualText (ISO 32000-2, 14.9.4) of a span around its glyphs; but it leaves those marks outside of the span that stand
a little higher than the others, and says the text again with them: นั้น is read as นั้นั้น. And it tells only of a
cluster's first glyph which characters it stands for, those of the whole cluster: programs that do not know ActualText
read nonsense. Here the marks that were left outside say themselves alone, and each glyph says its own characters.
"""

import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from pypdf import PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    ContentStream,
    DecodedStreamObject,
    DictionaryObject,
    NameObject,
    TextStringObject,
)

_SARA_AM: Final = "ำ"
_NIKHAHIT: Final = "ํ"
_SARA_AA: Final = "า"
_TONES: Final = "่้๊๋"
_GLYPH_BYTES: Final = 2
_USUAL_WIDTH: Final = 1000
_SPAN: Final = NameObject("/Span")

_Operation = tuple[Any, bytes]


@dataclass
class _Font:
    """What is known of one font: how wide its glyphs are, and which characters each stands for."""

    dictionary: DictionaryObject
    widths: Mapping[int, float]
    usual_width: float
    known: dict[int, str] = field(default_factory=dict)

    def are_marks(self, glyphs: Iterable[int]) -> bool:
        """Whether all the glyphs stand above or below others, and take no room."""
        return all(self.widths.get(glyph, self.usual_width) == 0 for glyph in glyphs)


@dataclass
class _Cluster:
    """Glyphs that together show a text."""

    font: _Font
    glyphs: list[int]
    text: str
    span: DictionaryObject

    def leave(self, marks: list[int]) -> DictionaryObject:
        """Leave the text's last characters to marks that stand outside of the span; the span that says these."""
        said = str(self.span["/ActualText"])
        self.glyphs += marks
        self.span.update(_saying(said[: -len(marks)]))
        return _saying(said[-len(marks) :])

    def teach(self) -> None:
        """Tell the font which characters its glyphs stand for: one each, as the shaper has decomposed the text."""
        characters = _decomposed(self.text)
        if len(self.glyphs) + 1 == len(characters) and _NIKHAHIT in characters:  # the ring and its tone are one glyph
            at = characters.index(_NIKHAHIT)
            characters[at : at + 2] = ["".join(characters[at : at + 2])]
        if len(self.glyphs) == len(characters):
            for glyph, character in zip(self.glyphs, characters, strict=True):
                self.font.known.setdefault(glyph, character)


def made_readable(pdf: bytes) -> bytes:
    """The PDF, looking the same, whose text can be taken out as it was written; with ActualText and without."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    fonts: dict[int, _Font] = {}
    for page in writer.pages:
        stream = page.get_contents()
        if stream is None:
            continue
        dictionaries = cast("DictionaryObject", cast("DictionaryObject", page["/Resources"])["/Font"])
        on_page = {name: _font(fonts, dictionaries[name]) for name in dictionaries}
        content = ContentStream(stream, writer)
        content.operations = list(_once_each(content.operations, on_page))
        page.replace_contents(content)
        page.compress_content_streams()
    for font in fonts.values():
        before = cast("DecodedStreamObject", font.dictionary["/ToUnicode"]).get_data()
        cmap = DecodedStreamObject()
        cmap.set_data(_write_to_unicode(_read_to_unicode(before) | font.known))
        font.dictionary[NameObject("/ToUnicode")] = writer._add_object(cmap.flate_encode())  # noqa: SLF001  # the only way
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _font(fonts: dict[int, _Font], dictionary: Any) -> _Font:  # noqa: ANN401  # a font's dictionary
    """The font of a page, which is the same for all pages."""
    key = id(dictionary)
    if key not in fonts:
        descendant = cast("ArrayObject", dictionary["/DescendantFonts"])[0].get_object()
        fonts[key] = _Font(
            dictionary, dict(_widths(descendant.get("/W", ArrayObject()))), float(descendant.get("/DW", _USUAL_WIDTH))
        )
    return fonts[key]


def _widths(array: ArrayObject) -> Iterator[tuple[int, float]]:
    """The widths of a CID font's glyphs (ISO 32000-2, 9.7.4.3): `first [width …]` and `first last width`."""
    entries = iter(array)
    for first in entries:
        second = next(entries)
        if isinstance(second, ArrayObject):
            yield from ((int(first) + offset, float(width)) for offset, width in enumerate(second))
        else:
            width = float(next(entries))
            yield from ((glyph, width) for glyph in range(int(first), int(second) + 1))


def _once_each(operations: Iterable[_Operation], fonts: Mapping[str, _Font]) -> Iterator[_Operation]:
    """The operations, in which each cluster says its text once; the fonts learn from every cluster."""
    font: _Font | None = None
    span: DictionaryObject | None = None
    cluster: _Cluster | None = None
    for operands, operator in operations:
        if operator == b"Tf":
            font = fonts[operands[0]]
        elif operator == b"BDC" and operands[0] == _SPAN and "/ActualText" in operands[1]:
            span = operands[1]
        elif operator == b"EMC":
            span = None
        elif operator in {b"Tj", b"TJ"} and font is not None:
            glyphs = _glyphs(operands[0])
            if cluster is not None and cluster.font is font and font.are_marks(glyphs):
                marks = cluster.leave(glyphs)
                if span is None:
                    yield from (([_SPAN, marks], b"BDC"), (operands, operator), ([], b"EMC"))
                    continue
                span.update(marks)
            else:
                if cluster is not None:
                    cluster.teach()
                cluster = None if span is None else _Cluster(font, glyphs, str(span["/ActualText"]), span)
        yield operands, operator
    if cluster is not None:
        cluster.teach()


def _saying(text: str) -> DictionaryObject:
    return DictionaryObject({NameObject("/ActualText"): TextStringObject(text)})


def _glyphs(shown: Any) -> list[int]:  # noqa: ANN401  # a string, or an array of strings and shifts
    strings = shown if isinstance(shown, ArrayObject) else [shown]
    codes = b"".join(string.original_bytes for string in strings if hasattr(string, "original_bytes"))
    return [int.from_bytes(codes[at : at + _GLYPH_BYTES], "big") for at in range(0, len(codes), _GLYPH_BYTES)]


def _decomposed(text: str) -> list[str]:
    """The characters as the shaper shows them: ำ as its ring, which goes before a tone mark, and า."""
    characters: list[str] = []
    for character in text:
        if character != _SARA_AM:
            characters.append(character)
            continue
        before_tone = len(characters) - bool(characters and characters[-1] in _TONES)
        characters.insert(before_tone, _NIKHAHIT)
        characters.append(_SARA_AA)
    return characters


def _read_to_unicode(cmap: bytes) -> dict[int, str]:
    """What a CMap that typst wrote says of single glyphs."""
    return {
        int(glyph, 16): bytes.fromhex(text.decode()).decode("utf-16-be")
        for section in _SINGLE.findall(cmap)
        for glyph, text in _PAIR.findall(section)
    }


def _write_to_unicode(known: Mapping[int, str]) -> bytes:
    """A CMap (ISO 32000-2, 9.10.3) that tells which characters each glyph stands for."""
    lines = [f"<{glyph:04X}> <{text.encode('utf-16-be').hex().upper()}>" for glyph, text in sorted(known.items())]
    sections = (lines[at : at + _SECTION] for at in range(0, len(lines), _SECTION))
    body = "\n".join(f"{len(section)} beginbfchar\n" + "\n".join(section) + "\nendbfchar" for section in sections)
    return _CMAP.format(body=body).encode("ascii")


_SINGLE: Final = re.compile(rb"beginbfchar(.*?)endbfchar", re.DOTALL)
_PAIR: Final = re.compile(rb"<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]+)>")
_SECTION: Final = 100
"""As many entries as a section may have."""

_CMAP: Final = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
{body}
endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""
