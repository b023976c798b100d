"""Files kept beside the database, named by their content: SHA-256 in lower-case hexadecimal.

A file is written before the transaction that names it commits. A program that dies between the two leaves a file that
nobody names, and writes the very same one when it tries again: nothing is lost, and nothing is kept twice.
"""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

from obstore.store import LocalStore

FOLDER_LETTERS: Final = 2
"""Files are spread over 256 folders by the first letters of their names."""


class BlobNotFound(Exception):
    """There is no file with this content."""


class Blobs:
    """The files in a folder, which is made when it is not there. Any number of processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        self._store = LocalStore(prefix=folder, mkdir=True)

    def put(self, content: bytes) -> str:
        """Keep the content, whole or not at all; its digest, by which it is found again."""
        digest = hashlib.sha256(content).hexdigest()
        self._store.put(_path(digest), content)
        return digest

    def get(self, digest: str) -> bytes:
        """The content with this digest.

        Raises:
            BlobNotFound: there is none.
        """
        try:
            return self._store.get(_path(digest)).bytes().to_bytes()
        except FileNotFoundError:
            raise BlobNotFound(digest) from None

    def forget(self, digest: str, *, unless_written_since: datetime) -> bool:
        """Remove the content, if it is there; False, and nothing is done, when it was written again lately."""
        try:
            if self._store.head(_path(digest))["last_modified"] > unless_written_since:
                return False
            self._store.delete(_path(digest))
        except FileNotFoundError:
            pass
        return True


def _path(digest: str) -> str:
    return f"{digest[:FOLDER_LETTERS]}/{digest}"
