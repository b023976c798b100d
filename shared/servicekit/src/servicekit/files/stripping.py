"""Images without what they tell beside the picture: where and when it was taken, and with whose camera.

The picture itself is copied byte for byte, so it loses nothing; of EXIF data a photograph's orientation alone is kept,
or it would lie on its side. What stands after the picture's end is dropped. Sources: ITU-T T.81 (JPEG), the PNG
specification, RFC 9649 (WebP).
"""

import mmap
import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

from servicekit.files.kinds import MediaType, mapped

_COPIED_AT_ONCE: Final = 1 << 20

_MARKS: Final = 0xFF
_START, _END, _SCAN, _COMMENT, _EXIF = 0xD8, 0xD9, 0xDA, 0xFE, 0xE1
_APPLICATION: Final = range(0xE0, 0xF0)
_WITHOUT_LENGTH: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_APPLICATION_KEPT: Final = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = 1
_ORIENTATIONS: Final = range(2, 9)

_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset(
    (b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"bKGD", b"pHYs", b"acTL", b"fcTL", b"fdAT")
)
_WEBP_KEPT: Final = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_EXIF_AND_XMP: Final = 0x08 | 0x04


class MalformedImage(ValueError):
    """The file begins as an image of its kind does, and does not go on so."""


def strip_metadata(media_type: MediaType, source: BinaryIO, target: BinaryIO) -> bool:
    """Copy an image without its metadata; False, and nothing is copied, when the kind is none of an image.

    Raises:
        MalformedImage: it cannot be told where the picture ends and the metadata begin.
    """
    strip = _STRIPPERS.get(media_type)
    if strip is None:
        return False
    with mapped(source) as data:
        try:
            strip(data, target)
        except (IndexError, struct.error) as error:
            raise MalformedImage from error
    return True


def _strip_jpeg(data: mmap.mmap, target: BinaryIO) -> None:
    if data[:2] != bytes((_MARKS, _START)):
        raise MalformedImage
    target.write(data[:2])
    position = 2
    while True:
        code, begin, position = _next_marker(data, position)
        if code == _END:
            target.write(bytes((_MARKS, _END)))
            return
        if code in _WITHOUT_LENGTH:
            continue
        end = position + struct.unpack_from(">H", data, position)[0]
        if end > len(data):
            raise MalformedImage
        if code == _SCAN:
            end = _end_of_scan(data, end)
        if _is_picture(code, data, position + 2):
            _copy(data, begin, end, target)
        elif code == _EXIF:
            target.write(_upright(data[position + 2 : end]))
        position = end


def _next_marker(data: mmap.mmap, position: int) -> tuple[int, int, int]:
    """A marker's code, where it begins, and where its segment does; fill bytes may stand before it."""
    if data[position] != _MARKS:
        raise MalformedImage
    while data[position] == _MARKS:
        position += 1
    return data[position], position - 1, position + 1


def _is_picture(code: int, data: mmap.mmap, begin: int) -> bool:
    if code in _APPLICATION:
        name = _APPLICATION_KEPT.get(code)
        return name is not None and data[begin : begin + len(name)] == name
    return code != _COMMENT


def _end_of_scan(data: mmap.mmap, position: int) -> int:
    """Where the compressed data end: at the next marker that is neither a stuffed byte nor a restart."""
    while True:
        position = data.find(b"\xff", position)
        if position < 0:
            raise MalformedImage
        code = data[position + 1]
        if code not in {0x00, _MARKS} and code not in _WITHOUT_LENGTH:
            return position
        position += 1 if code == _MARKS else 2


def _upright(exif: bytes) -> bytes:
    """The segment that says how to turn the picture, and nothing else; empty when it stands upright."""
    turned = _orientation(exif)
    if turned not in _ORIENTATIONS:
        return b""
    entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, turned, 0)
    body = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + struct.pack(">I", 0)
    return struct.pack(">BBH", _MARKS, _EXIF, len(body) + 2) + body


def _orientation(exif: bytes) -> int:
    if not exif.startswith(b"Exif\0\0"):
        return _UPRIGHT
    tiff = exif[6:]
    order = {b"MM": ">", b"II": "<"}.get(tiff[:2])
    if order is None:
        return _UPRIGHT
    try:
        (directory,) = struct.unpack_from(order + "I", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for entry in range(directory + 2, directory + 2 + 12 * entries, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return int(value)
    except struct.error:
        return _UPRIGHT
    return _UPRIGHT


def _strip_png(data: mmap.mmap, target: BinaryIO) -> None:
    if data[:8] != _PNG_SIGNATURE:
        raise MalformedImage
    target.write(_PNG_SIGNATURE)
    position = 8
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise MalformedImage
        critical = kind[:1].isupper()
        if critical or kind in _PNG_KEPT:
            _copy(data, position, end, target)
        position = end
        if kind == b"IEND":
            return


def _strip_webp(data: mmap.mmap, target: BinaryIO) -> None:
    riff, size, webp = struct.unpack_from("<4sI4s", data, 0)
    end_of_all = min(8 + size, len(data))
    if (riff, webp) != (b"RIFF", b"WEBP"):
        raise MalformedImage
    target.write(struct.pack("<4sI4s", riff, 0, webp))
    position, kept = 12, 4
    while position + 8 <= end_of_all:
        kind, length = struct.unpack_from("<4sI", data, position)
        end = position + 8 + length + length % 2
        if end > len(data):
            raise MalformedImage
        if kind in _WEBP_KEPT:
            if kind == b"VP8X":
                target.write(data[position : position + 8] + bytes((data[position + 8] & ~_WEBP_EXIF_AND_XMP,)))
                _copy(data, position + 9, end, target)
            else:
                _copy(data, position, end, target)
            kept += end - position
        position = end
    target.seek(4)
    target.write(struct.pack("<I", kept))


def _copy(data: mmap.mmap, begin: int, end: int, target: BinaryIO) -> None:
    target.writelines(data[at : min(end, at + _COPIED_AT_ONCE)] for at in range(begin, end, _COPIED_AT_ONCE))


_STRIPPERS: Final[Mapping[MediaType, Callable[[mmap.mmap, BinaryIO], None]]] = {
    MediaType.JPEG: _strip_jpeg,
    MediaType.PNG: _strip_png,
    MediaType.WEBP: _strip_webp,
}
