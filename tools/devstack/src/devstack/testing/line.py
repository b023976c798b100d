"""The line between two services, in the hands of a test."""

import contextlib
import http.client
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from devstack.ports import HOST


@dataclass(frozen=True)
class Sent:
    """A request as it came along the line."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Line:
    """A proxy in front of a service: keeps the exchange's requests, and can hold back their answers.

    Its URL is what the service is to know as its own public one, because signatures cover it.
    """

    def __init__(self, target_port: int) -> None:
        self.batches: list[Sent] = []
        """Every batch of messages that came along, as it was signed."""
        self.answered = threading.Event()
        """Set when the service has answered a batch while answers are held back."""
        self._target_port = target_port
        self._open = threading.Event()
        self._open.set()
        line = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass_on(self) -> None:
                line._pass_on(self)

            do_GET = do_POST = _pass_on  # noqa: N815  # http.server's names

            def log_message(self, *_: object) -> None:
                """Say nothing: what happened is kept."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self.url = f"http://{HOST}:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def hold_answers(self) -> None:
        """From now on the service gets what is sent, and the sender gets no answer."""
        self.answered.clear()
        self._open.clear()

    def release(self) -> None:
        """Let answers pass again, the held ones first."""
        self._open.set()

    def _pass_on(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        is_batch = handler.command == "POST"
        if is_batch:
            self.batches.append(Sent(handler.command, handler.path, dict(handler.headers), body))
        connection = http.client.HTTPConnection(HOST, self._target_port, timeout=30)
        with contextlib.closing(connection):
            try:
                connection.request(handler.command, handler.path, body, dict(handler.headers))
                answer = connection.getresponse()
                content = answer.read()
            except OSError:  # nobody there: the sender finds its connection closed, without an answer
                handler.close_connection = True
                return
        if is_batch and not self._open.is_set():
            self.answered.set()
            self._open.wait()
        with contextlib.suppress(OSError):  # who waited for the answer may have been killed
            handler.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"transfer-encoding", "content-length", "connection"}:
                    handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
