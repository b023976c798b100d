"""What a file must be to be attached: its name, its announcement and its content agree."""

from collections.abc import Iterator
from typing import Final

from servicekit.files.cleaning import wrong_content
from servicekit.files.kinds import EXTENSIONS, MediaType, holds
from servicekit.files.receiving import Received
from servicekit.problems import FieldError
from servicekit.words import Words

_OTHER_SIZE: Final = Words(
    "แฟ้มมีขนาดไม่เท่าที่แจ้งไว้ใน bytes โปรดส่งแฟ้มทั้งแฟ้มอีกครั้ง",
    "The file is not as long as announced in bytes: send the whole file again.",
)
_OTHER_DIGEST: Final = Words(
    "SHA-256 ของแฟ้มไม่ตรงกับที่แจ้งไว้ โปรดส่งแฟ้มอีกครั้ง", "The file has another SHA-256 than announced: send it again."
)


def extensions_of(media_type: MediaType) -> str:
    """The endings that names of this kind may have, for people."""
    return " ".join(f".{extension}" for extension in EXTENSIONS[media_type])


def faults_of(came: Received, *, media_type: MediaType, bytes_: int, sha256: str | None) -> Iterator[FieldError]:
    """What is wrong with the file that came, against what was announced."""
    if came.bytes != bytes_:
        yield FieldError("", "wrong_size", _OTHER_SIZE)
    if sha256 is not None and came.sha256 != sha256:
        yield FieldError("", "wrong_digest", _OTHER_DIGEST)
    if came.bytes == bytes_ and not holds(media_type, came.file):
        yield wrong_content()
