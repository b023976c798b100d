"""A file store is the same in a folder and in S3."""

import asyncio
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from servicekit.files.storing import FileStore, StoreUnavailable, key_of

from .s3 import ACCESS_KEY, BUCKET, FakeS3, running_s3

LARGE = bytes(range(256)) * 50_000
"""More than one part of an upload."""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    """A server, and the environment that leads to it."""
    with running_s3() as server:
        for name, value in {
            "ENDPOINT": server.url,
            "ALLOW_HTTP": "true",
            "REGION": "ap-southeast-7",
            "ACCESS_KEY_ID": ACCESS_KEY,
            "SECRET_ACCESS_KEY": "a secret",
        }.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        yield server


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    """A store of either kind; a folder is made when it is not there."""
    if request.param == "folder":
        return FileStore((tmp_path / "แฟ้ม" / "x").as_uri())
    request.getfixturevalue("s3")
    return FileStore(f"s3://{BUCKET}/files")


@pytest.mark.parametrize("content", [b"", b"scan", LARGE], ids=["empty", "small", "in parts"])
def test_a_store_gives_back_what_it_kept(store: FileStore, content: bytes) -> None:
    """In blocks, to threads and to the event loop; until it is to forget it, which may be said twice."""

    async def streamed() -> bytes:
        return b"".join([block async for block in await store.stream("0190")])

    store.keep("0190", io.BytesIO(b"before"))
    file = io.BytesIO(content)
    file.read()
    store.keep("0190", file)
    blocks = list(store.read("0190"))
    assert content == b"".join(blocks)
    assert all(len(block) < 2 * 1024 * 1024 for block in blocks)
    assert content == asyncio.run(streamed())
    store.forget("0190")
    store.forget("0190")
    with pytest.raises(FileNotFoundError):
        store.read("0190")
    with pytest.raises(FileNotFoundError):
        asyncio.run(streamed())


def test_the_same_content_is_kept_once(store: FileStore) -> None:
    """Under its SHA-256: a repeat after a crash leaves no second copy, and forgetting takes the one that there is."""
    digests = {store.keep_by_digest(io.BytesIO(b"scan")) for _ in range(2)}
    assert {hashlib.sha256(b"scan").hexdigest()} == digests
    (digest,) = digests
    assert b"scan" == b"".join(store.read(key_of(digest)))
    store.forget(key_of(digest))
    with pytest.raises(FileNotFoundError):
        store.read(key_of(digest))


def test_large_files_go_up_in_parts(s3: FakeS3) -> None:
    """So that memory holds a part and not the file; it is there whole, under the prefix, or not at all."""
    FileStore(f"s3://{BUCKET}/files").keep("0190", io.BytesIO(LARGE))
    assert {"files/0190": LARGE} == s3.objects
    assert s3.largest < len(LARGE)


@pytest.mark.usefixtures("s3")
def test_a_store_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is no such bucket, nobody answers, or the folder cannot be written to: it is one error."""
    (tmp_path / "file").touch()
    stores = [FileStore("s3://elsewhere/files"), FileStore((tmp_path / "file" / "x").as_uri())]
    for store in stores:
        with pytest.raises(StoreUnavailable):
            store.keep("0190", io.BytesIO(b"scan"))
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
    nobody = FileStore(f"s3://{BUCKET}/files")
    with pytest.raises(StoreUnavailable):
        nobody.keep("0190", io.BytesIO(b"scan"))
    with pytest.raises(StoreUnavailable):
        nobody.read("0190")
    with pytest.raises(StoreUnavailable):
        nobody.forget("0190")
