"""A desk at which mails and papers arrive, on a database of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chumchon.channels.desk import Desk
from chumchon.channels.tags import Tags
from chumchon.channels.taking import Place, receive, take_mail
from chumchon.codes import MailOutcome
from servicekit.clock import utc_now
from servicekit.files.storing import FileStore

from ..conftest import Office  # noqa: TID252  # the tests are no package that has a name

MAILS = Path(__file__).parent / "mails"
TAG_KEY = "a key of the tests, long enough for anybody"
OUR_ADDRESS = "info@chumchon.go.th"
FAX_GATEWAY = "fax@gateway.chumchon.example"

TakeMail = Callable[..., MailOutcome]


def mail_bytes(name: str, **placed: str) -> bytes:
    """A kept mail, with what it names in braces put in."""
    raw = (MAILS / f"{name}.eml").read_bytes()
    for key, value in placed.items():
        raw = raw.replace(b"{%b}" % key.encode(), value.encode())
    return raw


@pytest.fixture
def desk(office: Office, tmp_path: Path) -> Desk:
    """A desk that acknowledges, and reads no scans."""
    office.app.state.store = store = FileStore((tmp_path / "files").as_uri())
    return Desk(
        store=store,
        deadlines=office.app.state.deadlines,
        tags=Tags([TAG_KEY]),
        own_addresses=frozenset({OUR_ADDRESS}),
        fax_gateways=frozenset({FAX_GATEWAY}),
        acknowledges=True,
    )


@pytest.fixture
def take(office: Office, desk: Desk) -> TakeMail:
    """Take a mail in, as if it lay at the next place of the mailbox."""
    uid = 0

    def take_it(raw: bytes, *, uid_validity: int = 1) -> MailOutcome:
        nonlocal uid
        uid += 1
        arrival = receive(raw, desk, received_at=None)
        with office.app.state.sessions.begin() as session:
            return take_mail(session, arrival, Place("inbox", uid_validity, uid), desk, now=utc_now())

    return take_it
