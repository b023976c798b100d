"""The Centre in this process, on a database of its own for each test; the agency's side is played by hand."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import orjson
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from center1111.app import MIGRATIONS, create_app
from center1111.exchange import effects
from center1111.settings import Settings
from exchange import generate_keys, read_batch, take, write_keys
from exchange.tables import outbox
from schemas import Message, Receipt, Wire, type_of
from servicekit import development_issuer
from servicekit.ids import uuid7
from servicekit.migrating import upgrade
from servicekit.testing import Databases, Template
from servicekit.testing_mail import Mailbox, running_mail_server

AGENCY = "chumchon"
Json = dict[str, Any]

LETTER: Json = {
    "channel": "letter",
    "kind": "inquiry",
    "subject": "ขอทราบระเบียบการโอนเงินโครงการชุมชนพอเพียง",
    "details": "ชุมชนได้รับอนุมัติโครงการแล้ว แต่ยังไม่ได้รับโอนเงินงบประมาณ ขอทราบขั้นตอนและระยะเวลา",
    "received_at": "2026-10-05T09:30:00+07:00",
    "complainant": {
        "title": "นาง",
        "first_name": "สมศรี",
        "last_name": "ใจดี",
        "national_id": "1-1017-00230-70-8",
        "phone": "081 234 5678",
        "email": "somsri@example.org",
        "address": "12 หมู่ 3 ต.บ้านกลาง อ.เมือง จ.ลำพูน",
    },
    "confidential": False,
    "place": {"province": "ลำพูน", "district": "เมืองลำพูน", "subdistrict": None, "community": "บ้านกลาง"},
    "evidence": {"postmarked_on": "2026-10-01", "registered_number": "EF582568151TH", "pages": 3},
}
HOTLINE: Json = {
    "channel": "hotline",
    "kind": "complaint",
    "subject": "ร้องเรียนการจัดซื้อราคาสูงผิดปกติ",
    "details": "มีผู้เสนอขายเครื่องสีข้าวในราคาสูงกว่าท้องตลาด",
    "evidence": {"caller_number": "0812345678", "call_started_at": "2026-10-05T02:00:00Z"},
}
WALK_IN: Json = {
    "channel": "walk_in",
    "kind": "request",
    "subject": "ขอเข้ารับการฝึกอบรม",
    "details": "ขอทราบกำหนดการฝึกอบรมเศรษฐกิจพอเพียง",
    "evidence": {"counter": "3", "id_checked": True},
}
WEBSITE: Json = {
    "channel": "website",
    "kind": "suggestion",
    "subject": "เสนอให้ปรับปรุงเว็บไซต์",
    "details": "ขอให้เผยแพร่คู่มือเป็นภาษาที่เข้าใจง่าย",
    "evidence": {"consent": True},
}
CHANNELS = {"letter": LETTER, "hotline": HOTLINE, "walk_in": WALK_IN, "website": WEBSITE}


@dataclass
class Issuer:
    """Tokens for the Centre, minted once each."""

    key_file: Path
    tokens: dict[tuple[str, ...], str] = field(default_factory=dict)

    def token(self, *roles: str, subject: str | None = None, client_id: str | None = None) -> str:
        """A token of somebody with these roles; `subject` defaults to the first role."""
        name = subject or roles[0]
        key = (*roles, name, client_id or "")
        if key not in self.tokens:
            self.tokens[key] = development_issuer.mint(
                self.key_file, audience="center1111", subject=name, roles=list(roles), client_id=client_id
            )
        return self.tokens[key]


@pytest.fixture(scope="session")
def secrets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    development_issuer.make_key_file(folder / "issuer-key.json")
    development_issuer.write_public_keys(folder / "issuer-key.json", folder / "issuer.json")
    write_keys(folder / "exchange.json", generate_keys())
    return folder


@pytest.fixture(scope="session")
def issuer(secrets_folder: Path) -> Issuer:
    return Issuer(secrets_folder / "issuer-key.json")


def settings_for(database_url: str, secrets_folder: Path) -> Settings:
    return Settings(
        environment="development",
        database_url=database_url,
        database_pool_size=4,
        issuer=development_issuer.ISSUER,
        issuer_jwks=str(secrets_folder / "issuer.json"),
        exchange_keys_file=secrets_folder / "exchange.json",
        peers={AGENCY: {"url": "http://127.0.0.1:1"}},
        relay_in_service=False,
        attachments_url=f"file://{secrets_folder / 'attachments'}",
    )


@pytest.fixture(scope="session")
def centre_template(databases: Databases) -> Template:
    return databases.template("center1111", lambda url: upgrade(MIGRATIONS, url))


@pytest.fixture
def database_url(centre_template: Template) -> Iterator[str]:
    with centre_template.clone() as url:
        yield url


@dataclass
class Centre:
    """The Centre as its callers see it, and the agency's part of the exchange."""

    app: FastAPI
    issuer: Issuer
    settings: Settings
    sent: Iterator[int] = field(default_factory=lambda: count(1))
    sequences: dict[UUID, int] = field(default_factory=dict)

    def as_(self, *roles: str, subject: str | None = None, client_id: str | None = None) -> TestClient:
        """A client with these roles."""
        token = self.issuer.token(*roles, subject=subject, client_id=client_id)
        return TestClient(self.app, headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"})

    @property
    def anyone(self) -> TestClient:
        """A client without a token."""
        return TestClient(self.app, headers={"Accept-Language": "en"})

    def session(self) -> Session:
        """A session on the Centre's database."""
        session: Session = self.app.state.sessions()
        return session

    def registered(self, **changes: object) -> Json:
        """A complaint as registered; a letter unless `channel` says otherwise."""
        content = CHANNELS[str(changes.get("channel", "letter"))] | changes
        return made(self.as_("intake").post("/v1/complaints", json=content))

    def verified(self, **changes: object) -> Json:
        """A verified complaint, as read."""
        complaint = self.registered(**changes)
        path = f"/v1/complaints/{complaint['id']}/verification"
        return ok(self.as_("verifier").put(path, json={"outcome": "accepted"}))

    def referred(self, complaint: Json | None = None) -> Json:
        """A referral of a complaint to the agency."""
        complaint = complaint or self.verified()
        path = f"/v1/complaints/{complaint['id']}/referrals"
        return made(self.as_("officer").post(path, json={"to": AGENCY, "question": "ขอทราบกำหนดโอนเงิน"}))

    def answered(self) -> Json:
        """A complaint that the Centre answered itself, as read."""
        complaint = self.verified()
        made(self.as_("officer").post(f"/v1/complaints/{complaint['id']}/answers", json={"text": "โอนภายใน 30 วัน"}))
        return self.complaint(complaint["id"])

    def complaint(self, id_: str) -> Json:
        """A complaint, as read."""
        return ok(self.as_("officer").get(f"/v1/complaints/{id_}"))

    def referral(self, id_: str) -> Json:
        """A referral, as read."""
        return ok(self.as_("officer").get(f"/v1/referrals/{id_}"))

    def published(self, **content: object) -> Json:
        """A published article, as read."""
        article = made(self.as_("km_editor", subject="author").post("/v1/articles", json=content))
        return ok(self.as_("km_editor", subject="editor").post(f"/v1/articles/{article['id']}/publication"))

    def owed(self, referral_id: str) -> list[Json]:
        """The messages owed about a referral, in order."""
        with self.session() as session:
            rows = session.execute(
                sa.select(outbox.c.content).where(outbox.c.subject == UUID(referral_id)).order_by(outbox.c.sequence)
            )
            return [orjson.loads(content) for (content,) in rows]

    def told(self, referral_id: str, body: Wire, *, source: str = AGENCY) -> Receipt:
        """The receipt for the agency's next message about a referral."""
        subject = UUID(referral_id)
        self.sequences[subject] = self.sequences.get(subject, 0) + 1
        message = Message(
            id=uuid7(),
            source=source,
            type=type_of(body).name,
            subject=subject,
            sequence=self.sequences[subject],
            time=datetime.now(UTC),
            data=body.model_dump(mode="json", exclude_none=True),
        )
        batch = orjson.dumps({"messages": [message.model_dump(mode="json", exclude_none=True)]})
        arrived, does = read_batch(batch, source), effects(self.app.state.deadlines)
        (receipt,) = take(self.app.state.sessions, arrived, source=source, effects=does, now=datetime.now(UTC))
        return receipt


def mailing(centre: Centre, mailbox: Mailbox, **changes: object) -> Settings:
    """The settings of a Centre that sends its mails to this server."""
    server = {"smtp_host": "127.0.0.1", "smtp_port": mailbox.port, "smtp_security": "none", "smtp_timeout_seconds": 5}
    mail_from = {"mail_from": "ศูนย์ 1111 <no-reply@1111.example>"}
    return centre.settings.model_copy(update=server | mail_from | changes)


def mail_text(mail: EmailMessage) -> str:
    """What a mail says."""
    body = mail.get_body()
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server."""
    with running_mail_server() as mailbox:
        yield mailbox


def ok(response: httpx2.Response) -> Json:
    """The body of an answer that must be 200."""
    assert 200 == response.status_code, response.text
    body: Json = response.json()
    return body


def made(response: httpx2.Response) -> Json:
    """The body of an answer that must be 201."""
    assert 201 == response.status_code, response.text
    body: Json = response.json()
    return body


def refused(response: httpx2.Response, status: int) -> Json:
    """The problem of an answer that must have this status."""
    assert status == response.status_code, response.text
    assert "application/problem+json" == response.headers["content-type"]
    body: Json = response.json()
    return body


def pointers(problem: Json) -> dict[str, str]:
    """The error codes of a problem by pointer."""
    return {error["pointer"]: error["code"] for error in problem["errors"]}


@contextlib.contextmanager
def running(database_url: str, secrets_folder: Path, issuer: Issuer) -> Iterator[Centre]:
    settings = settings_for(database_url, secrets_folder)
    app = create_app(settings)
    yield Centre(app, issuer, settings)
    app.state.sessions.kw["bind"].dispose()
    app.state.read_sessions.kw["bind"].dispose()
    app.state.exchange.close()


@pytest.fixture
def centre(database_url: str, secrets_folder: Path, issuer: Issuer) -> Iterator[Centre]:
    """A Centre with an empty database."""
    with running(database_url, secrets_folder, issuer) as centre:
        yield centre


@pytest.fixture(scope="session")
def busy_centre(centre_template: Template, secrets_folder: Path, issuer: Issuer) -> Iterator[Centre]:
    """A Centre that tests share which look at nothing but complaints of their own."""
    with centre_template.clone() as url, running(url, secrets_folder, issuer) as centre:
        yield centre


@pytest.fixture(scope="session")
def quiet_centre(centre_template: Template, secrets_folder: Path, issuer: Issuer) -> Iterator[Centre]:
    """A Centre that all share whose calls must change nothing: it has no complaint, and still none at the end."""
    with centre_template.clone() as url, running(url, secrets_folder, issuer) as centre:
        yield centre
        assert 0 == ok(centre.as_("officer").get("/v1/complaints?count=true"))["total"]
