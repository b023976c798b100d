"""As much of S3 as a file store asks for: whole objects, uploads in parts, and deletion of many."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

BUCKET: Final = "complaints"
ACCESS_KEY: Final = "an-access-key"


class FakeS3(ThreadingHTTPServer):
    """A server with one bucket; path style, as S3 is addressed by a custom endpoint."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.largest = 0
        """The bytes of the largest request."""

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def running_s3() -> Iterator[FakeS3]:
    """The server in a thread."""
    with FakeS3() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeS3

    def do_GET(self) -> None:
        content = self.server.objects.get(self._key)
        self._answer(404 if content is None else 200, content or b"")

    def do_PUT(self) -> None:
        content = self._content()
        if not self._is_ours:
            self._answer(404)
        elif "uploadId" in self._query:
            self.server.parts[self._query["uploadId"]][int(self._query["partNumber"])] = content
            self._answer(200)
        else:
            self.server.objects[self._key] = content
            self._answer(200)

    def do_POST(self) -> None:
        content = self._content()
        if not self._is_ours:
            self._answer(404)
        elif "uploads" in self._query:
            identity = str(len(self.server.parts))
            self.server.parts[identity] = {}
            self._answer(
                200,
                f"<InitiateMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>k</Key><UploadId>{identity}</UploadId>"
                "</InitiateMultipartUploadResult>".encode(),
            )
        elif "uploadId" in self._query:
            parts = self.server.parts.pop(self._query["uploadId"])
            self.server.objects[self._key] = b"".join(parts[number] for number in sorted(parts))
            self._answer(
                200,
                b"<CompleteMultipartUploadResult><Location>l</Location><Bucket>b</Bucket><Key>k</Key><ETag>e</ETag>"
                b"</CompleteMultipartUploadResult>",
            )
        else:
            keys = re.findall("<Key>(.*?)</Key>", content.decode())
            for key in keys:
                self.server.objects.pop(key, None)
            deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    @property
    def _key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix(f"/{BUCKET}/")

    @property
    def _query(self) -> dict[str, str]:
        found = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in found.items()}

    @property
    def _is_ours(self) -> bool:
        """Whether it is for the bucket, and signed with the key."""
        signed = self.headers["Authorization"].startswith(f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/")
        return signed and urlsplit(self.path).path.split("/")[1] == BUCKET

    def _content(self) -> bytes:
        length = int(self.headers["Content-Length"])
        self.server.largest = max(self.server.largest, length)
        return self.rfile.read(length)

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Thu, 01 Oct 2026 02:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""
