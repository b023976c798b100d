"""Files kept beside the database."""

import hashlib
from pathlib import Path

import pytest

from servicekit.blobs import BlobNotFound, Blobs


def test_a_file_is_found_by_its_digest(tmp_path: Path) -> None:
    """The digest is SHA-256 of the content, and another process that opens the folder finds it too."""
    digest = Blobs(tmp_path / "new" / "folder").put(b"scan")
    assert hashlib.sha256(b"scan").hexdigest() == digest
    assert b"scan" == Blobs(tmp_path / "new" / "folder").get(digest)


def test_the_same_content_is_kept_once(tmp_path: Path) -> None:
    """A repeat after a crash leaves no second copy."""
    blobs = Blobs(tmp_path)
    assert blobs.put(b"scan") == blobs.put(b"scan")
    assert 1 == sum(path.is_file() for path in tmp_path.rglob("*"))


def test_unknown_content_is_not_found(tmp_path: Path) -> None:
    """An error of our own, not the file system's."""
    with pytest.raises(BlobNotFound):
        Blobs(tmp_path).get("0" * 64)
