"""Where files are kept: a local folder, or an object store such as S3, by its URL."""

import contextlib
import functools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import LocalStore, ObjectStore, from_url

_READ_AT_ONCE: Final = 256 * 1024


class FileStore:
    """Keeps files under keys that we make, and that tell nothing of the file.

    `url` is `file:///folder`, `s3://bucket/prefix` (endpoint and credentials by the environment's `AWS_…` variables),
    `gs://…` or `az://…`.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    @functools.cached_property
    def _store(self) -> ObjectStore:
        parts = urlsplit(self._url)
        if parts.scheme == "file":
            return LocalStore(Path(unquote(parts.path)), mkdir=True)
        return from_url(self._url)

    def keep(self, key: str, file: BinaryIO) -> None:
        """Store the whole file, or nothing of it. Reads it in parts."""
        file.seek(0)
        obstore.put(self._store, key, file)

    def read(self, key: str) -> Iterator[bytes]:
        """The file, block by block. Raises `FileNotFoundError` at once when there is none."""
        return (bytes(block) for block in obstore.get(self._store, key).stream(min_chunk_size=_READ_AT_ONCE))

    async def stream(self, key: str) -> AsyncIterator[bytes]:
        """The file, block by block, for an answer. Raises `FileNotFoundError` at once when there is none."""
        found = await obstore.get_async(self._store, key)

        async def blocks() -> AsyncIterator[bytes]:
            async for block in found.stream(min_chunk_size=_READ_AT_ONCE):
                yield bytes(block)

        return blocks()

    def forget(self, key: str) -> None:
        """Remove the file, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, key)
