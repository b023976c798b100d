"""Where files are kept beside the database: a local folder, or an object store such as S3, by its URL.

A file is kept before the transaction that names it commits. What that leaves behind when it fails is named by nobody,
and harms nobody; kept by its digest it is the very same file when it is tried again.
"""

import contextlib
import functools
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from servicekit.files.receiving import digest_of
from servicekit.problems import DomainError, Problem
from servicekit.words import Words

STORE_URL: Final = r"^(file:///|s3://|gs://|az://).+"
"""For settings: what the URL of a store looks like."""

_READ_AT_ONCE: Final = 256 * 1024
_PART_BYTES: Final = 5 * 1024 * 1024
_PARTS_AT_ONCE: Final = 2
_RETRIES: Final = 3
_RETRIED_FOR: Final = timedelta(seconds=20)
_FOLDER_LETTERS: Final = 2


class StoreUnavailable(DomainError):
    """The store does not answer, or refuses what it is asked."""


PROBLEMS: Final[Mapping[type[DomainError], Problem]] = {
    StoreUnavailable: Problem(
        "file-store-unavailable",
        HTTPStatus.SERVICE_UNAVAILABLE,
        Words("ที่เก็บแฟ้มไม่ตอบ", "The file store does not answer"),
        Words("ยังไม่ได้เก็บหรือเปิดแฟ้ม โปรดลองใหม่ภายหลัง", "Nothing was kept or opened: try again later."),
    ),
}


class FileStore:
    """Keeps files under keys that tell nothing of them. Any number of processes may use it at once.

    `url` is `file:///folder`, `s3://bucket/prefix` (endpoint and credentials by the environment's `AWS_…` variables),
    `gs://…` or `az://…`. A folder is made when it is not there. Files are read and written in blocks: memory holds a
    few of them, however large the file is.

    All but `forget` of a file that is not there raise `StoreUnavailable` when the store does not do what it is asked.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @functools.cached_property
    def _store(self) -> ObjectStore:
        parts = urlsplit(self._url)
        if parts.scheme == "file":
            return LocalStore(Path(unquote(parts.path)), mkdir=True)
        return from_url(self._url, retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRIED_FOR})

    def keep(self, key: str, file: BinaryIO) -> None:
        """Store the whole file, or nothing of it, in place of what has this key."""
        file.seek(0)
        try:
            with _asked():
                obstore.put(self._store, key, file, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)
        except FileNotFoundError as error:  # the bucket is not there
            raise StoreUnavailable from error

    def keep_by_digest(self, file: BinaryIO) -> str:
        """Store the whole file, or nothing of it, under its content; its SHA-256, which `key_of` makes its key again.

        The same content is kept once, whoever keeps it: before it is forgotten, nobody else may name it.
        """
        _, digest = digest_of(file)
        self.keep(key_of(digest), file)
        return digest

    def read(self, key: str) -> Iterator[bytes]:
        """The file, block by block.

        Raises:
            FileNotFoundError: there is none; at once, before the first block.
        """
        with _asked():
            found = obstore.get(self._store, key)

        def blocks() -> Iterator[bytes]:
            with _asked():
                for block in found.stream(min_chunk_size=_READ_AT_ONCE):
                    yield bytes(block)

        return blocks()

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The file, block by block, for an answer.

        Raises:
            FileNotFoundError: there is none; at once, before the first block.
        """
        with _asked():
            found = await obstore.get_async(self._store, key)

        async def blocks() -> AsyncIterator[bytes]:
            with _asked():
                async for block in found.stream(min_chunk_size=_READ_AT_ONCE):
                    yield bytes(block)

        return blocks()

    def forget(self, key: str, *, unless_written_since: datetime | None = None) -> bool:
        """Remove the file, if it is there; False, and nothing is done, when it was written again since then."""
        with _asked(), contextlib.suppress(FileNotFoundError):
            if unless_written_since and obstore.head(self._store, key)["last_modified"] > unless_written_since:
                return False
            obstore.delete(self._store, key)
        return True


def key_of(digest: str) -> str:
    """The key of a file that was kept by its digest; the first letters spread the files of a folder over 256."""
    return f"{digest[:_FOLDER_LETTERS]}/{digest}"


@contextlib.contextmanager
def _asked() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise StoreUnavailable from error
