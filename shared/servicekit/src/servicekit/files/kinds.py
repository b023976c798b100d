"""The kinds of files that are taken, each known by its name, its media type and its content, which must agree."""

import codecs
import mmap
import zipfile
from collections.abc import Mapping
from enum import StrEnum
from typing import BinaryIO, Final

import puremagic

_HEAD_BYTES: Final = 8192
_BLOCK_BYTES: Final = 65536
_TEXT_ENCODINGS: Final = ("utf-8", "cp874")
_TEXT_CONTROLS: Final = frozenset("\t\n\r\f")


class MediaType(StrEnum):
    """What may be attached."""

    PDF = "application/pdf"
    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    MP3 = "audio/mpeg"
    MP4 = "video/mp4"
    TEXT = "text/plain"


EXTENSIONS: Final[Mapping[MediaType, tuple[str, ...]]] = {
    MediaType.PDF: ("pdf",),
    MediaType.JPEG: ("jpg", "jpeg"),
    MediaType.PNG: ("png",),
    MediaType.WEBP: ("webp",),
    MediaType.DOCX: ("docx",),
    MediaType.XLSX: ("xlsx",),
    MediaType.MP3: ("mp3",),
    MediaType.MP4: ("mp4",),
    MediaType.TEXT: ("txt",),
}

_OFFICE_PART: Final = {MediaType.DOCX: "word/document.xml", MediaType.XLSX: "xl/workbook.xml"}
_SAME_CONTENT: Final[Mapping[MediaType, frozenset[str]]] = {
    MediaType.MP3: frozenset({"audio/mpeg", "audio/mp3", "audio/mpeg3", "audio/x-mpeg"}),
}


def named_as(media_type: MediaType, filename: str) -> bool:
    """Whether the name ends as names of files of this kind do."""
    return filename.rpartition(".")[2].lower() in EXTENSIONS[media_type]


def holds(media_type: MediaType, file: BinaryIO) -> bool:
    """Whether the file's content is of this kind, whatever it is called. Reads it in blocks, never as a whole."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    found = _signatures(head)
    if media_type is MediaType.TEXT:
        return found.isdisjoint(set(MediaType) - {MediaType.TEXT}) and any(
            _is_text(file, encoding) for encoding in _TEXT_ENCODINGS
        )
    if media_type in _OFFICE_PART:
        return head.startswith(b"PK\x03\x04") and _has_part(file, _OFFICE_PART[media_type])
    return not found.isdisjoint(_SAME_CONTENT.get(media_type, frozenset({media_type.value})))


def mapped(file: BinaryIO) -> mmap.mmap:
    """The file as bytes that the operating system brings in page by page."""
    file.seek(0)
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _signatures(head: bytes) -> set[str]:
    try:
        return {match.mime_type for match in puremagic.magic_string(head)}
    except (puremagic.PureError, ValueError):
        return set()


def _has_part(file: BinaryIO, part: str) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return part in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _is_text(file: BinaryIO, encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while block := file.read(_BLOCK_BYTES):
            if not _is_readable(decoder.decode(block)):
                return False
        return _is_readable(decoder.decode(b"", final=True))
    except UnicodeDecodeError:
        return False


def _is_readable(text: str) -> bool:
    return not any(character < " " and character not in _TEXT_CONTROLS for character in text)
