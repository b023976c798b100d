"""The line between two services, in the hands of a test."""

import contextlib
import http.client
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple, Self

import httpx2
import orjson

from devstack.ports import HOST
from exchange import OwnKeys
from exchange.partner.simulating import Fault, Faults
from exchange.signing import sign_request

_RETRY_AFTER_SECONDS = "1"
_OWN_OF_A_CONNECTION = frozenset({"transfer-encoding", "content-length", "connection"})


@dataclass(frozen=True)
class Sent:
    """A request as it came along the line."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class _Answer(NamedTuple):
    """What the service said."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Line:
    """A proxy in front of a service: keeps the exchange's requests, can hold back their answers, and has faults.

    Its URL is what the service is to know as its own public one, because signatures cover it.
    """

    def __init__(self, target_port: int, *, senders_keys: Path | None = None) -> None:
        """`senders_keys` sign what arrives in another order than it was sent in."""
        self.batches: list[Sent] = []
        """Every batch of messages that came along, as it was signed."""
        self.faults = Faults(())
        """What happens to requests from now on; may be replaced at any time."""
        self.slow_seconds = 1.0
        """How long a slow answer takes, and when a duplicate arrives."""
        self._senders_keys = senders_keys
        self._stopping = threading.Event()
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
        self._stopping.set()
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
        sent = Sent(handler.command, handler.path, dict(handler.headers), body)
        fault = self.faults.of_request()
        if fault is Fault.DOWN:
            _cut(handler)
        elif fault is Fault.BUSY:
            _tell(handler, _Answer(HTTPStatus.TOO_MANY_REQUESTS, [("Retry-After", _RETRY_AFTER_SECONDS)], b"{}"))
        else:
            answer = self._bring(sent)
            if answer is None:  # nobody there, or nobody who heard: the sender's connection ends without an answer
                _cut(handler)
            else:
                self._answer(handler, answer, fault)

    def _bring(self, sent: Sent) -> _Answer | None:
        """What the service says to a request; a batch may arrive twice, or in pieces and in the wrong order."""
        if sent.method != "POST":
            return self._ask(sent)
        self.batches.append(sent)
        messages = orjson.loads(sent.body)["messages"] if self._senders_keys else []
        if len(messages) > 1 and self.faults.of_sending(Fault.REORDERED):
            for message in reversed(messages):
                self._ask(self._signed_again(sent, orjson.dumps({"messages": [message]})))
            return None
        answer = self._ask(sent)
        if self.faults.of_sending(Fault.DUPLICATE):
            later = threading.Timer(self.slow_seconds, self._ask, [sent])
            later.daemon = True
            later.start()
        if not self._open.is_set():
            self.answered.set()
            self._open.wait()
        return answer

    def _answer(self, handler: BaseHTTPRequestHandler, answer: _Answer, fault: Fault | None) -> None:
        match fault:
            case Fault.CUT_AFTER_APPLYING:
                _cut(handler)
            case Fault.ERROR_AFTER_APPLYING:
                _tell(handler, _Answer(HTTPStatus.INTERNAL_SERVER_ERROR, [], b"{}"))
            case Fault.HALF_AN_ANSWER:
                _tell(handler, answer, of=len(answer.body) // 2)
                _cut(handler)
            case Fault.SLOW:
                self._stopping.wait(self.slow_seconds)
                _tell(handler, answer)
            case _:
                _tell(handler, answer)

    def _ask(self, sent: Sent) -> _Answer | None:
        connection = http.client.HTTPConnection(HOST, self._target_port, timeout=30)
        with contextlib.closing(connection):
            try:
                connection.request(sent.method, sent.path, sent.body, dict(sent.headers))
                answer = connection.getresponse()
                return _Answer(answer.status, answer.getheaders(), answer.read())
            except (OSError, http.client.HTTPException):  # it does not run, or was killed just then
                return None

    def _signed_again(self, sent: Sent, body: bytes) -> Sent:
        """Another body, signed by the same sender."""
        assert self._senders_keys is not None  # noqa: S101  # else nothing is signed here
        request = httpx2.Request(
            "POST", self.url + sent.path, content=body, headers={"Content-Type": sent.headers["Content-Type"]}
        )
        sign_request(request, OwnKeys.read(self._senders_keys), created=datetime.now(UTC))
        return Sent("POST", sent.path, dict(request.headers), body)


def _tell(handler: BaseHTTPRequestHandler, answer: _Answer, *, of: int | None = None) -> None:
    """Pass an answer on; with `of`, only so many bytes of its body."""
    with contextlib.suppress(OSError):  # who waited for the answer may have been killed
        handler.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _OWN_OF_A_CONNECTION:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body[:of])


def _cut(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)
