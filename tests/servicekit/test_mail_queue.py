"""Owed mails: sent at least once, each under one Message-ID, however often the server or a postman fails."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from servicekit import mail
from servicekit.database import Sessions, make_engine, make_sessions
from servicekit.ids import uuid7
from servicekit.mail import Mail, MailServer
from servicekit.mail_queue import (
    RETRIED_FOR,
    MailState,
    Postman,
    Round,
    creation_1,
    owe_mail,
    owe_mail_again,
    owed_mails,
    removal_1,
)
from servicekit.testing import Databases, eventually
from servicekit.testing_mail import Mailbox, running_mail_server

NOW = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
SENDER = Address(display_name="ศูนย์ 1111", addr_spec="no-reply@1111.example")


@dataclass
class Desk:
    """A service with owed mails: what it would write, and what it was told."""

    sessions: Sessions
    mailbox: Mailbox
    said: dict[UUID, Mail | None] = field(default_factory=dict)
    settled: list[tuple[UUID, MailState, str | None]] = field(default_factory=list)

    def owe(self, said: Mail | None = Mail("somsri@example.org", "แจ้งผล", "โอนภายใน 30 วัน")) -> UUID:
        """Owe a mail; what it is about."""
        about = uuid7()
        self.said[about] = said
        with self.sessions.begin() as session:
            owe_mail(session, about=about, now=NOW)
        return about

    def postman(self, **changes: object) -> Postman:
        """A postman who looks often."""
        server = {"host": "127.0.0.1", "port": self.mailbox.port, "security": "none", "sender": SENDER}
        return Postman(
            self.sessions,
            MailServer(**server | {"timeout_seconds": 5} | changes),  # type: ignore[arg-type]  # a test's own values
            write=lambda _session, about, _now: self.said[about],
            settle=self._settle,
            poll_seconds=0.01,
        )

    def row(self, about: UUID) -> sa.Row[tuple[object, ...]]:
        """The mail as the queue has it."""
        with self.sessions() as session:
            return session.execute(sa.select(owed_mails).where(owed_mails.c.about == about)).one()

    def _settle(self, _session: Session, about: UUID, state: MailState, problem: str | None, _now: datetime) -> None:
        self.settled.append((about, state, problem))


@pytest.fixture
def desk(databases: Databases) -> Iterator[Desk]:
    with databases.empty() as url, running_mail_server() as mailbox:
        engine = make_engine(url, pool_size=4)
        with engine.begin() as connection:
            for statement in creation_1():
                connection.execute(sa.text(statement))
        yield Desk(make_sessions(engine), mailbox)
        with engine.begin() as connection:
            for statement in removal_1():
                connection.execute(sa.text(statement))
        engine.dispose()


def test_an_owed_mail_is_sent_once(desk: Desk) -> None:
    """Its Message-ID is made of its id; afterwards nothing is due."""
    about = desk.owe()
    postman = desk.postman()
    assert [Round.SETTLED, Round.IDLE] == [postman.round(NOW), postman.round(NOW)]
    (taken,) = desk.mailbox.mails
    row = desk.row(about)
    assert f"<{row.id}@1111.example>" == taken["Message-ID"]
    assert ("sent", NOW, None) == (row.state, row.settled_at, row.lease)
    assert [(about, MailState.SENT, None)] == desk.settled


def test_what_is_rolled_back_is_not_owed(desk: Desk) -> None:
    """A mail is owed in the transaction of its change, or not at all."""
    with desk.sessions() as session:
        owe_mail(session, about=uuid7(), now=NOW)
        session.rollback()
    assert Round.IDLE is desk.postman().round(NOW)


def test_a_mail_whose_connection_dropped_is_sent_again_under_the_same_message_id(desk: Desk) -> None:
    """The server may have it, so the recipient's program must be able to tell."""
    about = desk.owe()
    desk.mailbox.drops = 1
    postman = desk.postman()
    assert Round.SETTLED is postman.round(NOW)
    assert ("owed", 1) == (desk.row(about).state, desk.row(about).attempts)
    assert Round.SETTLED is postman.round(NOW + timedelta(seconds=1))
    first, second = desk.mailbox.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert [(about, MailState.SENT, None)] == desk.settled


def test_a_postman_killed_after_the_server_s_yes_loses_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lease ends, and another sends the mail again under the same Message-ID."""
    about = desk.owe()
    killed = desk.postman()

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(killed, "_record", dies)
    with pytest.raises(KeyboardInterrupt):
        killed.round(NOW)
    other = desk.postman()
    assert Round.IDLE is other.round(NOW)  # it cannot know that the first is dead
    assert Round.SETTLED is other.round(NOW + timedelta(seconds=51))
    assert 1 == len({taken["Message-ID"] for taken in desk.mailbox.mails})
    assert "sent" == desk.row(about).state


def test_a_postman_who_comes_back_late_changes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another has settled since stays as it is, and is told of once."""
    about = desk.owe()
    other = desk.postman()
    write = mail.write

    def slow(*arguments: object, **named: object) -> object:
        monkeypatch.setattr(mail, "write", write)
        assert Round.SETTLED is other.round(NOW + timedelta(seconds=51))
        return write(*arguments, **named)  # type: ignore[arg-type]  # as they were given

    monkeypatch.setattr(mail, "write", slow)
    desk.postman().round(NOW)
    assert [(about, MailState.SENT, None)] == desk.settled


def test_a_refused_mail_is_not_tried_again_until_somebody_says_so(desk: Desk) -> None:
    """The service is told why; sent again, it keeps its Message-ID."""
    about = desk.owe()
    desk.mailbox.rcpt = "550 5.1.1 no such user"
    postman = desk.postman()
    assert [Round.SETTLED, Round.IDLE] == [postman.round(NOW), postman.round(NOW + timedelta(days=1))]
    assert [(about, MailState.REFUSED, "SMTP 550 5.1.1")] == desk.settled
    before = desk.row(about)
    desk.mailbox.rcpt = "250 OK"
    with desk.sessions.begin() as session:
        assert owe_mail_again(session, about=about, now=NOW)
        assert not owe_mail_again(session, about=about, now=NOW)
    assert Round.SETTLED is postman.round(NOW)
    assert [f"<{before.id}@1111.example>"] == [taken["Message-ID"] for taken in desk.mailbox.mails]


def test_a_mail_put_off_holds_back_no_other(desk: Desk) -> None:
    """It waits longer each time, and is given up after three days."""
    first = desk.owe()
    desk.mailbox.data = "451 4.3.0 try again"
    postman = desk.postman()
    assert Round.SETTLED is postman.round(NOW)
    assert ("owed", 1, "SMTP 451 4.3.0") == tuple(
        getattr(desk.row(first), name) for name in ("state", "attempts", "last_problem")
    )
    assert Round.SETTLED is postman.round(NOW + RETRIED_FOR)
    assert [(first, MailState.GIVEN_UP, "SMTP 451 4.3.0")] == desk.settled
    assert "given_up" == desk.row(first).state


def test_while_the_server_is_down_no_mail_loses_its_chance(desk: Desk) -> None:
    """Nobody's attempts are counted; when it is back, all are sent."""
    abouts = [desk.owe(), desk.owe()]
    nobody = desk.postman(port=1)
    assert [Round.SERVER_DOWN] * 3 == [nobody.round(NOW) for _ in range(3)]
    assert {0} == {desk.row(about).attempts for about in abouts}
    postman = desk.postman()
    assert [Round.SETTLED, Round.SETTLED, Round.IDLE] == [postman.round(NOW) for _ in range(3)]


def test_a_mail_about_which_there_is_nothing_more_to_say_is_dropped(desk: Desk) -> None:
    """The service is asked at the last moment."""
    about = desk.owe(None)
    desk.postman().round(NOW)
    assert [(about, MailState.DROPPED, None)] == desk.settled
    assert [] == desk.mailbox.mails


def test_postmen_at_work_send_each_mail_once(desk: Desk) -> None:
    """Two of them share the queue, wake by themselves, and end when told to."""
    stop = threading.Event()
    threads = [threading.Thread(target=desk.postman().run, args=(stop,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    with desk.sessions.begin() as session:
        for _ in range(10):
            about = uuid7()
            desk.said[about] = Mail("somsri@example.org", "แจ้งผล", "โอนภายใน 30 วัน")
            owe_mail(session, about=about, now=datetime.now(UTC) - timedelta(seconds=1))
    eventually(lambda: 10 == len(desk.settled))
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert 10 == len({taken["Message-ID"] for taken in desk.mailbox.mails}) == len(desk.mailbox.mails)
