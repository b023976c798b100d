"""The Office in one process on a database of its own, the people who work there, and the Centre's messages."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from chumchon.app import MIGRATIONS, create_app
from chumchon.deadlines import Deadlines
from chumchon.exchange import BULK_HANDLERS, handlers
from chumchon.problems import PROBLEMS
from chumchon.settings import Settings
from exchange import Effects, generate_keys, read_batch, take, write_keys
from schemas import Receipt, Wire, type_of
from schemas.bodies import ReferralSent
from servicekit import development_issuer
from servicekit.clock import utc_now
from servicekit.ids import uuid7
from servicekit.migrating import upgrade
from servicekit.testing import Databases, Template

Json = dict[str, Any]

CENTRE = "center1111"
GROUPS = ("information", "participation", "administration", "audit", "academic")

TRANSFER = {
    "subject": "ขอทราบระเบียบการโอนเงินโครงการ",
    "details": "ชุมชนทำสัญญาแล้วแต่ยังไม่ได้รับเงินงวดที่สอง ขอทราบกำหนดการโอนเงินเข้าบัญชีโครงการ",
}
"""A text that the first rules send to `transfers_and_changes`, so to `participation`."""

UNCLEAR = {"subject": "สอบถาม", "details": "สวัสดีครับ ติดต่อเรื่องที่คุยกันไว้"}
"""A text that the first rules leave to people."""

EVIDENCE: Mapping[str, Json] = {
    "po_box": {"postmarked_on": "2026-01-05", "registered_number": "RL123456785TH", "pages": 2},
    "fax": {"sender_number": "035000000", "received_on_number": "02-629-9227", "pages": 1},
    "telephone": {
        "caller_number": "081-234-5678",
        "called_number": "02-629-9226",
        "call_started_at": "2026-01-05T09:30:00+07:00",
    },
    "website": {"consent": True},
    "email": {"message_id": "<first@example.com>", "from_address": "somjai@example.com"},
}


def new_case(channel: str = "telephone", **changes: Any) -> Json:  # noqa: ANN401  # any JSON
    """A case to be recorded."""
    return {
        "channel": channel,
        "kind": "inquiry",
        **TRANSFER,
        "complainant": {"first_name": "สมใจ", "last_name": "ตัวอย่างดี", "phone": "081-234-5678"},
        "place": {"province": "ขอนแก่น"},
        "evidence": dict(EVIDENCE[channel]),
        **changes,
    }


@pytest.fixture(scope="session")
def office_template(databases: Databases) -> Template:
    """A migrated database, to be copied."""
    return databases.template("chumchon", lambda url: upgrade(MIGRATIONS, url))


@pytest.fixture
def office_url(office_template: Template) -> Iterator[str]:
    """A database of the test's own."""
    with office_template.clone() as url:
        yield url


@dataclass(frozen=True)
class Keys:
    """The issuer's and the Office's keys, made once for all tests."""

    issuer: Path
    issuer_public: Path
    exchange: Path
    tokens: dict[tuple[str, str, str | None], str] = field(default_factory=dict)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Keys for all tests of the run."""
    folder = tmp_path_factory.mktemp("keys")
    made = Keys(folder / "issuer.json", folder / "issuer.public.json", folder / "exchange.json")
    development_issuer.make_key_file(made.issuer)
    development_issuer.write_public_keys(made.issuer, made.issuer_public)
    write_keys(made.exchange, generate_keys())
    return made


class Office:
    """The Office, with a client for each person."""

    def __init__(self, app: FastAPI, keys: Keys) -> None:
        self.app = app
        self._keys = keys
        self.http = TestClient(app, base_url="http://office.test", raise_server_exceptions=False)
        self.standing_case: Json = {}

    @contextmanager
    def closing(self) -> Iterator[Self]:
        """Its connections are closed at the end."""
        yield self
        for sessions in (self.app.state.sessions, self.app.state.read_sessions):
            sessions.kw["bind"].dispose()

    def token(self, role: str, subject: str | None = None) -> str:
        """A token for a role, such as `registrar`, `group_head.audit` or `agency_client`."""
        known = (role, subject or role, None)
        if known not in self._keys.tokens:
            name, _, group = role.partition(".")
            self._keys.tokens[known] = development_issuer.mint(
                self._keys.issuer,
                audience="chumchon",
                subject=subject or role,
                roles=[name],
                work_group=group or None,
                client_id=(subject or "an-agency") if name == "agency_client" else None,
            )
        return self._keys.tokens[known]

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: str | None = "registrar",
        subject: str | None = None,
        headers: Mapping[str, str] | None = None,
        **params: Any,  # noqa: ANN401  # query parameters
    ) -> httpx2.Response:
        """One call; `path` without /v1."""
        sent = dict(headers or {})
        if role is not None:
            sent["Authorization"] = f"Bearer {self.token(role, subject)}"
        if role == "agency_client" and method == "POST":
            sent.setdefault("Idempotency-Key", str(uuid4()))
        return self.http.request(method, f"/v1{path}", json=body, headers=sent, params=params)

    def done(self, method: str, path: str, body: object = None, **options: Any) -> Json:  # noqa: ANN401  # as `ask`
        """The answer's JSON; the call must succeed."""
        answer = self.ask(method, path, body, **options)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    def refused(self, method: str, path: str, body: object = None, **options: Any) -> tuple[int, str]:  # noqa: ANN401
        """The status and the slug of the problem; the call must fail."""
        answer = self.ask(method, path, body, **options)
        assert "application/problem+json" == answer.headers["content-type"], answer.text
        return answer.status_code, answer.json()["type"].removeprefix("/problems/")

    def faults(self, method: str, path: str, body: object = None, **options: Any) -> set[tuple[str, str]]:  # noqa: ANN401
        """Pointer and code of every error of a bad input."""
        answer = self.ask(method, path, body, **options)
        assert 400 == answer.status_code, answer.text
        return {(error["pointer"], error["code"]) for error in answer.json()["errors"]}

    def record(self, channel: str = "telephone", **changes: Any) -> Json:  # noqa: ANN401  # any JSON
        """A case of our own, as recorded."""
        return self.done("POST", "/cases", new_case(channel, **changes))

    def accept(self, case: Json) -> Json:
        """An officer of the case's group takes it on."""
        return self.done("POST", f"/cases/{case['id']}/acceptance", {}, role=f"group_officer.{case['work_group']}")

    def draft(self, case: Json, text: str, **options: Any) -> Json:  # noqa: ANN401  # as `ask`
        """An officer of the case's group drafts the answer."""
        version = self.done("GET", f"/cases/{case['id']}")["version"]
        options.setdefault("role", f"group_officer.{case['work_group']}")
        return self.done(
            "PUT", f"/cases/{case['id']}/draft", {"text": text}, headers={"If-Match": f'"{version}"'}, **options
        )

    def approve(self, case: Json) -> Json:
        """The group's head approves the draft."""
        return self.done("POST", f"/cases/{case['id']}/answers", {}, role=f"group_head.{case['work_group']}")

    def answered(self, case: Json, text: str) -> Json:
        """See a routed case to its answer."""
        self.accept(case)
        self.draft(case, text)
        return self.approve(case)

    def case(self, case_id: object) -> Json:
        """The case as the registrar sees it."""
        return self.done("GET", f"/cases/{case_id}")


def office_on(url: str, keys: Keys) -> Office:
    """The Office on a database; its lifespan is not started, so nothing is sent."""
    settings = Settings(
        environment="development",
        database_url=url,
        database_pool_size=2,
        issuer=development_issuer.ISSUER,
        issuer_jwks=str(keys.issuer_public),
        exchange_keys_file=keys.exchange,
        relay_in_service=False,
    )
    return Office(create_app(settings), keys)


@pytest.fixture
def office(office_url: str, keys: Keys) -> Iterator[Office]:
    """The Office on a database of the test's own."""
    with office_on(office_url, keys).closing() as opened:
        yield opened


@pytest.fixture(scope="module")
def standing_office(office_template: Template, keys: Keys) -> Iterator[Office]:
    """An Office for all tests of a module that change nothing, with one routed case of our own."""
    with office_template.clone() as url, office_on(url, keys).closing() as opened:
        opened.standing_case = opened.record()
        yield opened


class Centre:
    """The Centre, as far as the Office sees it: messages that come, and those that are owed to it."""

    def __init__(self, office: Office) -> None:
        self._sessions = office.app.state.sessions
        self._deadlines: Deadlines = office.app.state.deadlines
        self._sequences: dict[UUID, int] = {}

    def send(self, subject: UUID, body: Wire, *, now: datetime | None = None) -> Receipt:
        """Deliver the next message of a referral; the Office's receipt."""
        (receipt,) = self.send_together((subject, body), now=now)
        return receipt

    def send_together(self, *messages: tuple[UUID, Wire], now: datetime | None = None) -> list[Receipt]:
        """Deliver the next messages of several referrals in one batch; the Office's receipts."""
        arrivals = read_batch(orjson.dumps({"messages": [self._message(*it) for it in messages]}), CENTRE)
        effects = Effects(handlers(self._deadlines), PROBLEMS, bulk=BULK_HANDLERS)
        return take(self._sessions, arrivals, source=CENTRE, effects=effects, now=now or utc_now())

    def _message(self, subject: UUID, body: Wire) -> Json:
        self._sequences[subject] = self._sequences.get(subject, 0) + 1
        return {
            "specversion": "1.0",
            "id": str(uuid7()),
            "source": CENTRE,
            "type": type_of(body).name,
            "subject": str(subject),
            "sequence": self._sequences[subject],
            "time": "2026-10-05T02:20:00Z",
            "data": body.model_dump(mode="json"),
        }

    def refer(self, **changes: Any) -> UUID:  # noqa: ANN401  # fields of the body
        """Refer a complaint; the referral's id."""
        subject = uuid7()
        receipt = self.send(subject, referral_sent(**changes))
        assert "applied" == receipt.disposition, receipt
        return subject

    def owed(self) -> list[Json]:
        """The messages that the Office owes, in the order in which they arose."""
        with self._sessions() as session:
            rows = session.execute(sa.text("SELECT content FROM exchange_outbox ORDER BY id")).scalars()
            return [orjson.loads(content) for content in rows]


def referral_sent(**changes: Any) -> ReferralSent:  # noqa: ANN401  # fields of the body
    """The record of a referred complaint."""
    return ReferralSent.model_validate(
        {
            **numbers(),
            "channel": "hotline",
            "kind": "inquiry",
            **TRANSFER,
            "place": {"province": "ขอนแก่น"},
            "complainant": {"first_name": "สมใจ", "phone": "0800000000"},
            "received_at": datetime(2026, 10, 5, 2, 15, tzinfo=UTC),
            "due_at": datetime(2026, 10, 27, 17, 0, tzinfo=UTC),
            "question": "ขอทราบกำหนดการโอนเงินเพื่อตอบผู้ร้อง",
            **changes,
        }
    )


def numbers(case_number: str | None = None) -> Json:
    """What every message about the referral carries."""
    return {
        "referral_number": "1111-2570-000123-8/1",
        "tracking_number": "1111-2570-000123-8",
        "case_number": case_number,
    }


@pytest.fixture
def centre(office: Office) -> Centre:
    """The Centre beside the Office."""
    return Centre(office)


@pytest.fixture
def session(office: Office) -> Iterator[Session]:
    """A session on the Office's database, rolled back at the end."""
    with office.app.state.sessions() as opened:
        yield opened


@pytest.fixture
def case_of(office: Office) -> Callable[[UUID], Json]:
    """The one case of a referral."""

    def find(referral_id: UUID) -> Json:
        (case,) = office.done("GET", "/cases", referral=str(referral_id))["items"]
        found: Json = case
        return found

    return find
