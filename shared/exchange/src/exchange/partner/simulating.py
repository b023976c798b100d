"""A partner that keeps the exchange's promises over a line and with habits that are as bad as one asks for.

It plays the Office: it takes what a Centre sends, accepts each referral and answers it. Its faults are chosen by a
seed, so that a run can be repeated. Nothing of it is for production: it keeps everything in memory.
"""

import contextlib
import random
import socket
import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from uuid import UUID

import orjson
import structlog

from exchange.delivering import Courier, Delivered
from exchange.inbox import MalformedBatch
from exchange.keys import JWKS_PATH
from exchange.parties import MESSAGES_PATH, Exchange
from exchange.partner.inbox_in_memory import MemoryInbox
from exchange.partner.playing import JSON_TYPE
from exchange.signing import IncomingRequest, SignatureError, sign_receipts, verify_body, verify_request
from schemas import BATCH_BYTES, Message, Receipt, Receipts, ReferralSent, sample
from servicekit.ids import uuid7

STATE_PATH = "/simulator"

log = structlog.get_logger(__name__)


class Fault(StrEnum):
    """What may go wrong; the first six with a request that comes in, the last two with what the partner sends."""

    SLOW = "slow"
    """The answer comes after `slow_seconds`."""
    DOWN = "down"
    """The connection is cut before anything is read."""
    ERROR_AFTER_APPLYING = "error_after_applying"
    """The messages are applied, and the answer is 500."""
    CUT_AFTER_APPLYING = "cut_after_applying"
    """The messages are applied, and the connection is cut."""
    BUSY = "busy"
    """429 with Retry-After; nothing is applied."""
    HALF_AN_ANSWER = "half_an_answer"
    """The messages are applied, and half of the receipts arrive."""
    DUPLICATE = "duplicate"
    """What it sends, it sends twice."""
    REORDERED = "reordered"
    """What it sends of a subject comes in the wrong order."""


_SENDING = frozenset({Fault.DUPLICATE, Fault.REORDERED})


class Faults:
    """Which request suffers which fault: each with the probability `share`, chosen by the seed."""

    def __init__(self, chosen: Collection[Fault], *, share: float = 0.3, seed: str = "") -> None:
        self._taking = sorted(set(chosen) - _SENDING)
        self._sending = set(chosen) & _SENDING
        self.share = share
        """May be changed at any time."""
        self._chance = random.Random(seed)  # noqa: S311  # to be repeated, not to be secret
        self._lock = threading.Lock()
        self.happened: Counter[Fault] = Counter()

    def of_request(self) -> Fault | None:
        """The fault of the next request that comes in."""
        with self._lock:
            if not self._taking or self._chance.random() >= self.share:
                return None
            fault = self._chance.choice(self._taking)
            self.happened[fault] += 1
            return fault

    def of_sending(self, fault: Fault) -> bool:
        """Whether the next thing that it sends suffers this one."""
        with self._lock:
            if fault not in self._sending or self._chance.random() >= self.share:
                return False
            self.happened[fault] += 1
            return True


class Simulator:
    """A partner on a port of this machine; use it as a context manager.

    `GET /simulator` tells what it has taken and sent, and which faults happened.
    """

    def __init__(
        self,
        exchange: Exchange,
        faults: Faults,
        *,
        address: tuple[str, int],
        inbox: MemoryInbox | None = None,
        slow_seconds: float = 15.0,
        retry_after_seconds: int = 1,
        answers: bool = True,
    ) -> None:
        """`slow_seconds` is longer than our relays wait; `answers` decides whether referrals are answered."""
        self.exchange = exchange
        self.faults = faults
        self.inbox = inbox or MemoryInbox()
        self._slow_seconds = slow_seconds
        self._retry_after_seconds = retry_after_seconds
        self._answers = answers
        self._outbox: dict[UUID, list[dict[str, Any]]] = {}
        self._delivered: Counter[str] = Counter()
        self._seen = 0
        self._courier = Courier(exchange, timeout_seconds=10.0)
        self._stop = threading.Event()
        simulator = self

        class Handler(_Handler):
            partner = simulator

        self._server = ThreadingHTTPServer(address, Handler)
        self._server.daemon_threads = True
        self._threads = [
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}),
            threading.Thread(target=self._send),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()
        self._courier.close()
        self.exchange.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    def state(self) -> Mapping[str, object]:
        """What happened so far."""
        taken = Counter(it.disposition.value for it in self.inbox.taken.values())
        return {
            "taken": dict(taken),
            "applied": [{"type": it.type, "subject": str(it.subject)} for it in list(self.inbox.applied)],
            "sent": dict(self._delivered),
            "waiting": sum(map(len, self._outbox.values())),
            "faults": {fault.value: count for fault, count in self.faults.happened.items()},
        }

    def verify(self, incoming: IncomingRequest, body: bytes) -> str:
        """Who signed the request.

        Raises:
            SignatureError: no peer did, or not this body, not now, not for us.
        """
        keys = self.exchange.peer_keys
        if keys.stale():
            keys.refresh()
        verified = verify_request(incoming, keys.holders)
        verify_body(incoming, verified.result, body)
        return verified.peer

    def receipts(self, receipts: Sequence[Receipt], incoming: IncomingRequest) -> tuple[bytes, Mapping[str, str]]:
        """The answer with receipts, and its signed headers."""
        answer = Receipts(receipts=tuple(receipts)).model_dump_json(exclude_none=True).encode()
        headers = sign_receipts(
            answer,
            content_type=JSON_TYPE,
            status=HTTPStatus.OK,
            request=incoming,
            keys=self.exchange.keys,
            created=datetime.now(UTC),
        )
        return answer, headers

    def be_slow(self) -> None:
        """Wait as long as a slow partner lets wait."""
        self._stop.wait(self._slow_seconds)

    @property
    def retry_after(self) -> str:
        """What a busy partner asks for."""
        return str(self._retry_after_seconds)

    def _send(self) -> None:
        """Accept and answer what came in, until it is delivered."""
        while not self._stop.wait(0.1):
            self._take_notice()
            for subject in list(self._outbox):
                self._send_of(subject)

    def _take_notice(self) -> None:
        applied = list(self.inbox.applied)
        for message in applied[self._seen :]:
            if self._answers and message.type == "referral.sent.v1":
                self._outbox[message.subject] = self._answers_to(message)
        self._seen = len(applied)

    def _answers_to(self, sent: Message) -> list[dict[str, Any]]:
        data = ReferralSent.model_validate(sent.data)
        made = []
        for sequence, kind in enumerate(("referral.accepted.v1", "referral.answered.v1"), start=1):
            message = sample(kind)
            numbers = {"referral_number": data.referral_number, "tracking_number": data.tracking_number}
            made.append(
                message
                | {
                    "id": str(uuid7()),
                    "source": self.exchange.party,
                    "subject": str(sent.subject),
                    "sequence": sequence,
                    "time": datetime.now(UTC).isoformat(),
                    "data": message["data"] | numbers,
                    "to": sent.source,
                }
            )
        return made

    def _send_of(self, subject: UUID) -> None:
        messages = self._outbox[subject]
        peer = self.exchange.peers[messages[0]["to"]]
        contents = [orjson.dumps({name: it for name, it in one.items() if name != "to"}).decode() for one in messages]
        if self.faults.of_sending(Fault.REORDERED):
            batches = [[content] for content in reversed(contents)]
        else:
            batches = [contents]
        if self.faults.of_sending(Fault.DUPLICATE):
            batches *= 2
        for batch in batches:
            answer = self._courier.deliver(peer, batch, now=datetime.now(UTC))
            if not isinstance(answer, Delivered):
                log.info("not delivered", reason=answer.reason)
                self._stop.wait(1.0)
                return
            self._delivered.update(receipt.disposition.value for receipt in answer.receipts.values())
        del self._outbox[subject]


class _Handler(BaseHTTPRequestHandler):
    """One connection. `partner` is whom it serves."""

    partner: Simulator
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # http.server's name
        if self.path == JWKS_PATH:
            self._answer(HTTPStatus.OK, orjson.dumps(self.partner.exchange.keys.published))
        elif self.path == STATE_PATH:
            self._answer(HTTPStatus.OK, orjson.dumps(self.partner.state()))
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"{}")

    def do_POST(self) -> None:  # http.server's name
        partner = self.partner
        fault = partner.faults.of_request()
        if fault is Fault.DOWN:
            self._cut()
            return
        length = int(self.headers.get("Content-Length") or 0)
        if length > BATCH_BYTES:
            self.close_connection = True
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"{}")
            return
        body = self.rfile.read(length)
        if self.path != MESSAGES_PATH:
            self._answer(HTTPStatus.NOT_FOUND, b"{}")
        elif fault is Fault.BUSY:
            self._answer(HTTPStatus.TOO_MANY_REQUESTS, b"{}", {"Retry-After": partner.retry_after})
        else:
            self._take(body, fault)

    def _take(self, body: bytes, fault: Fault | None) -> None:
        partner = self.partner
        lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        incoming = IncomingRequest("POST", partner.exchange.public_url + MESSAGES_PATH, lines)
        try:
            source = partner.verify(incoming, body)
        except SignatureError as error:
            log.info("refused", reason=str(error))
            self._answer(HTTPStatus.UNAUTHORIZED, b"{}", {"WWW-Authenticate": "Signature"})
            return
        if (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower() != JSON_TYPE:
            self._answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, b"{}")
            return
        try:
            receipts = partner.inbox.take(body, source)
        except MalformedBatch:
            self._answer(HTTPStatus.BAD_REQUEST, b"{}")
            return
        answer, headers = partner.receipts(receipts, incoming)
        self._answer_badly(answer, headers, fault)

    def _answer_badly(self, answer: bytes, headers: Mapping[str, str], fault: Fault | None) -> None:
        if fault is Fault.CUT_AFTER_APPLYING:
            self._cut()
        elif fault is Fault.ERROR_AFTER_APPLYING:
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"{}")
        elif fault is Fault.HALF_AN_ANSWER:
            self._answer(HTTPStatus.OK, answer, headers, of=len(answer) // 2)
            self._cut()
        else:
            if fault is Fault.SLOW:
                self.partner.be_slow()
            self._answer(HTTPStatus.OK, answer, headers)

    def _answer(
        self, status: HTTPStatus, body: bytes, headers: Mapping[str, str] | None = None, *, of: int | None = None
    ) -> None:
        """Answer; with `of`, only so many bytes of the body."""
        with contextlib.suppress(OSError):  # who is gone needs no answer
            self.send_response_only(status)
            for name, value in ({"Content-Type": JSON_TYPE} | dict(headers or {})).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:of])
            self.wfile.flush()

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Say nothing: what happened is kept."""
