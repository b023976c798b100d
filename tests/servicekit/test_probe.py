"""The images' health check tells well from unwell, and never hangs or traces."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from servicekit.probe import main


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """200 at /well, else 503."""
        self.send_response(200 if self.path == "/well" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A server that is well at one path only."""
    with HTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_well_is_0_and_unwell_is_1(url: str) -> None:
    """Exit codes as Docker reads them."""
    assert (main(f"{url}/well"), main(f"{url}/unwell")) == (0, 1)


def test_nobody_there_is_1() -> None:
    """A service that is not up yet is unwell."""
    assert main("http://127.0.0.1:1/readyz") == 1
