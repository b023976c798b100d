"""The mailbox, read over IMAP from a real server, and by readers that die."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from chumchon.channels import mailbox
from chumchon.channels.desk import Desk
from chumchon.channels.mailbox import MailReader
from chumchon.channels.reporting import Report
from chumchon.channels.taking import Arrival, take_mail
from chumchon.channels.working import announce
from servicekit.alongside import beside
from servicekit.testing import eventually

from ..conftest import Json, Office  # noqa: TID252  # the tests are no package that has a name
from .conftest import TAG_KEY, mail_bytes
from .dovecot import PASSWORD, Dovecot, running_dovecot

DYING_READER = Path(__file__).parent / "dying_reader.py"
THREE = ("utf8_base64", "html_only", "multipart")


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
def user() -> str:
    """A mailbox of the test's own."""
    return f"info-{uuid4().hex[:8]}"


@pytest.fixture
def reader(office: Office, desk: Desk, dovecot: Dovecot, user: str) -> MailReader:
    sessions = office.app.state.sessions
    return MailReader(sessions, desk, dovecot.account(user), report=Report(sessions, "mail-reader"))


@dataclass(frozen=True)
class DiesAt:
    """A reader in a process of its own, which kills itself at its second mail."""

    told: Json
    dovecot: Dovecot

    def put(self, *mails: bytes) -> None:
        """Let mails arrive."""
        self.dovecot.put(self.told["user"], *mails)

    def count(self, folder: str) -> int:
        """How many mails a folder has."""
        return self.dovecot.count(self.told["user"], folder)

    def run(self, step: str, moment: str) -> int:
        """Let it read; its exit status."""
        told = json.dumps({**self.told, "step": step, "moment": moment})
        return subprocess.run([sys.executable, DYING_READER, told], check=False).returncode


@pytest.fixture
def dies_at(office_url: str, dovecot: Dovecot, user: str, tmp_path: Path) -> DiesAt:
    told = {
        "database": office_url,
        "files": str(tmp_path / "files"),
        "port": dovecot.port,
        "user": user,
        "password": PASSWORD,
        "tag_key": TAG_KEY,
    }
    return DiesAt(told, dovecot)


def cases(office: Office) -> list[Json]:
    return list(office.done("GET", "/cases", limit=100)["items"])


def count(office: Office, table: str) -> int:
    with office.app.state.sessions() as session:
        return int(session.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608  # our own names


def test_each_mail_becomes_one_case_and_is_moved(
    office: Office, reader: MailReader, dovecot: Dovecot, user: str
) -> None:
    """What people wrote, what machines wrote and what cannot be read lie apart afterwards; nothing is deleted."""
    dovecot.put(user, *(mail_bytes(name) for name in (*THREE, "bounce", "not_a_mail")))
    assert 5 == reader.read_once()
    assert 4 == len(cases(office))
    assert [0, 3, 1, 1] == [dovecot.count(user, name) for name in ("INBOX", "Taken", "Automatic", "Unreadable")]
    assert 0 == reader.read_once()


def test_mail_put_back_is_not_taken_twice(office: Office, reader: MailReader, dovecot: Dovecot, user: str) -> None:
    """Somebody who drags it into the inbox again makes no second case; a restored mailbox, with new UIDs, neither."""
    dovecot.put(user, mail_bytes("utf8_base64"))
    reader.read_once()
    with dovecot.box(user) as box:
        box.folder.set("Taken")
        box.move(box.uids(), "INBOX")
    reader.read_once()
    assert 1 == len(cases(office))
    assert [0, 1] == [dovecot.count(user, name) for name in ("INBOX", "Taken")]


def test_the_arrival_is_the_servers_time(office: Office, reader: MailReader, dovecot: Dovecot, user: str) -> None:
    """Not what the sender's clock says: the deadline counts from it."""
    dovecot.put(user, mail_bytes("utf8_base64").replace(b"2026 09:00:00", b"2031 09:00:00"))
    reader.read_once()
    (case,) = cases(office)
    assert case["received_at"] <= case["recorded_at"]


def test_a_mail_too_large_is_a_case_that_says_so(office: Office, desk: Desk, dovecot: Dovecot, user: str) -> None:
    """It is not fetched, and stays in the mailbox."""
    dovecot.put(user, mail_bytes("utf8_base64") + b"\r\n" * 2000)
    account = replace(dovecot.account(user), max_bytes=2000)
    MailReader(office.app.state.sessions, desk, account).read_once()
    (case,) = cases(office)
    assert "เกินกำหนด" in office.case(case["id"])["details"]
    assert 1 == dovecot.count(user, "Unreadable")


def test_news_come_by_idle(office: Office, reader: MailReader, dovecot: Dovecot, user: str) -> None:
    """A mail that arrives while the reader waits is taken at once, long before it would look again."""
    dovecot.put(user, mail_bytes("utf8_base64"))
    sessions = office.app.state.sessions
    announce({"mail-reader": reader.run}, sessions)
    with beside(reader.run, name="mail-reader") as check:
        eventually(lambda: 1 == dovecot.count(user, "Taken"))
        dovecot.put(user, mail_bytes("html_only"))
        eventually(lambda: 2 == dovecot.count(user, "Taken"), within_seconds=15)
        assert None is check()
        told = eventually(
            lambda: (
                found[0]
                if (found := office.done("GET", "/channels", role="operator")["readers"])[0]["taken"] == 2
                else None
            )
        )
        assert ("mail-reader", "idle", 0, 0) == tuple(told[n] for n in ("name", "waiting", "left_over", "failures"))
    assert 2 == len(cases(office))


def test_one_bad_mail_does_not_keep_back_the_others(
    office: Office, reader: MailReader, dovecot: Dovecot, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its taking in fails, it becomes a case as one that cannot be read."""

    def failing(session: object, arrival: Arrival, *arguments: object, **named: object) -> object:
        if arrival.mail and arrival.mail.message_id == "<html.1@example.com>":
            raise ValueError("what nobody foresaw")
        return take_mail(session, arrival, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(mailbox, "take_mail", failing)
    dovecot.put(user, *(mail_bytes(name) for name in THREE))
    assert 3 == reader.read_once()
    assert 3 == len(cases(office))
    assert [2, 1] == [dovecot.count(user, name) for name in ("Taken", "Unreadable")]


def test_two_readers_take_each_mail_once(office: Office, desk: Desk, dovecot: Dovecot, user: str) -> None:
    """They may meet at the same mail; it is one case."""
    dovecot.put(user, *(mail_bytes("utf8_base64").replace(b"<utf8.1@", b"<many.%d@" % at) for at in range(8)))
    readers = [MailReader(office.app.state.sessions, desk, dovecot.account(user)) for _ in range(2)]
    threads = [threading.Thread(target=reader.read_once) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    readers[0].read_once()
    assert 8 == len(cases(office))
    assert 0 == dovecot.count(user)


@pytest.mark.parametrize(
    ("step", "moment"),
    [("read", "before"), ("read", "after"), ("take", "after"), ("commit", "after"), ("move", "after")],
)
def test_a_reader_killed_at_any_point_loses_and_doubles_nothing(
    office: Office, reader: MailReader, dies_at: DiesAt, step: str, moment: str
) -> None:
    """SIGKILL before and after its bytes are kept, before and after the commit, after the move: the next goes on."""
    dies_at.put(*map(mail_bytes, THREE))
    assert -signal.SIGKILL == dies_at.run(step, moment)
    assert (1 if step in {"read", "take"} else 2) == len(cases(office))
    reader.read_once()
    assert (3, 3, 3) == (len(cases(office)), count(office, "owed_mails"), count(office, "received_mails"))
    assert (0, 3) == (dies_at.count("INBOX"), dies_at.count("Taken"))
