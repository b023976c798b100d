"""A file that came, as it is to be kept: of the kind that it says it is, and an image without its metadata."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

from servicekit.files.kinds import EXTENSIONS, MediaType, holds
from servicekit.files.stripping import MalformedImage, strip_metadata
from servicekit.problems import FieldError, InvalidInput
from servicekit.words import Words

_OTHER_CONTENT: Final = Words(
    "เนื้อหาของแฟ้มไม่ใช่ชนิดที่แจ้งไว้", "The file's content is not of the kind that it was said to be."
)
_OTHER_NAME: Final = Words(
    "ชื่อแฟ้มต้องลงท้ายด้วยชนิดที่รับ คือ {endings}", "The name must end as one of the kinds that are taken does: {endings}"
)


def kind_named(filename: str, *, parameter: str) -> MediaType:
    """The kind of file that a name says it is.

    Args:
        parameter: the request's parameter that holds the name.

    Raises:
        InvalidInput: it is none that is taken.
    """
    ending = filename.rpartition(".")[2].lower()
    for media_type, endings in EXTENSIONS.items():
        if ending in endings:
            return media_type
    taken = " ".join(f".{known}" for endings in EXTENSIONS.values() for known in endings)
    raise InvalidInput(FieldError(f"/{parameter}", "kind_not_taken", _OTHER_NAME, "query", {"endings": taken}))


def wrong_content() -> FieldError:
    """The content is of another kind, or damaged."""
    return FieldError("", "wrong_content", _OTHER_CONTENT)


@contextmanager
def cleaned(media_type: MediaType, file: BinaryIO) -> Iterator[BinaryIO]:
    """The file as it is to be kept: an image without its metadata, anything else as it came.

    Raises:
        InvalidInput: it is an image that ends too early.
    """
    with tempfile.TemporaryFile() as clean:
        target = cast("BinaryIO", clean)
        try:
            stripped = strip_metadata(media_type, file, target)
        except MalformedImage:
            raise InvalidInput(wrong_content()) from None
        target.flush()
        yield target if stripped else file


def must_hold(media_type: MediaType, file: BinaryIO) -> None:
    """See that there is content, and of this kind, whatever the file is called.

    Raises:
        InvalidInput: it is not.
    """
    if file.seek(0, io.SEEK_END) == 0 or not holds(media_type, file):
        raise InvalidInput(wrong_content())
