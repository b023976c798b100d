"""What operators see of mailbox and folders: mails that became no case, readers that fell silent, mails that wait."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from chumchon.channels.desk import Desk
from chumchon.channels.folders import FolderReader, WatchedFolder
from chumchon.channels.mailbox import MailboxAccount, MailReader
from chumchon.channels.reporting import Report, begin
from chumchon.channels.tags import Tags
from chumchon.channels.taking import Place, receive, take_mail
from chumchon.cli import cli
from chumchon.codes import MailOutcome
from chumchon.journey import Channel
from chumchon.watching import watches
from exchange.alarms import alarms_raised, look
from servicekit.clock import utc_now
from servicekit.files.storing import FileStore
from servicekit.ids import uuid7
from servicekit.mail_queue import owe_mail
from servicekit.testing import eventually

from .conftest import Json, Keys, Office
from .test_watching import LIMITS

MAILS = Path(__file__).parent / "channels" / "mails"
Take = Callable[..., MailOutcome]


@pytest.fixture
def desk(office: Office, tmp_path: Path) -> Desk:
    """A desk at which mails are kept and nobody is answered."""
    office.app.state.store = store = FileStore((tmp_path / "files").as_uri())
    office.app.state.desk = made = Desk(
        store=store,
        deadlines=office.app.state.deadlines,
        tags=Tags(["a key of the tests, long enough for anybody"]),
        own_addresses=frozenset({"info@chumchon.go.th"}),
    )
    return made


@pytest.fixture
def take(office: Office, desk: Desk) -> Take:
    """Take a mail in."""

    def take_it(raw: bytes) -> MailOutcome:
        with office.app.state.sessions.begin() as session:
            return take_mail(
                session, receive(raw, desk, received_at=None), Place("x", 1, hash(raw)), desk, now=utc_now()
            )

    return take_it


def automatic(header: str = "Auto-Submitted: auto-replied", number: int = 1) -> bytes:
    """A mail that says of itself that a program wrote it."""
    return (
        f"From: somjai@example.com\r\nTo: info@chumchon.go.th\r\nMessage-ID: <automatic.{number}@example.com>\r\n"
        f"Subject: about the transfer\r\n{header}\r\n\r\nWhere is the second instalment?\r\n"
    ).encode()


def mails(office: Office, **wanted: str) -> list[Json]:
    found: list[Json] = office.done("GET", "/received-mails", role="operator", **wanted)["items"]
    return found


@pytest.mark.parametrize(
    ("header", "outcome", "reason"),
    [
        ("Auto-Submitted: auto-replied", "automatic", "auto_submitted"),
        ("X-Autoreply: yes", "automatic", "autoresponder"),
        ("Precedence: auto_reply", "automatic", "precedence"),
        ("Content-Type: multipart/report; report-type=disposition-notification", "automatic", "other_report"),
        ("Content-Type: multipart/report; report-type=delivery-status", "bounce", "delivery_report"),
        ("Return-Path: <>", "bounce", "empty_return_path"),
    ],
)
def test_what_became_no_case_is_listed_with_the_reason(
    office: Office, take: Take, header: str, outcome: str, reason: str
) -> None:
    """And nothing of what it says; the original is there, byte for byte."""
    raw = automatic(header)
    take(raw)
    (mail,) = mails(office, outcome="automatic,bounce", reason=reason)
    assert (outcome, reason, None, None) == tuple(
        mail[name] for name in ("outcome", "reason", "case_id", "case_number")
    )
    original = office.ask("GET", f"/received-mails/{mail['id']}/original", role="operator")
    assert (raw, f'attachment; filename="{mail["id"]}.eml"') == (
        original.content,
        original.headers["content-disposition"],
    )
    assert [] == mails(office, outcome="opened")


def test_an_echo_of_our_own_has_its_reason(office: Office, take: Take) -> None:
    """Otherwise nobody knew why it became no case."""
    take(automatic("X-Nothing: 1").replace(b"somjai@example.com", b"info@chumchon.go.th"))
    assert ["own_address"] == [mail["reason"] for mail in mails(office)]


def test_every_mail_is_listed_newest_first(office: Office, take: Take) -> None:
    """Those that became cases lead to them; pages follow each other, and times are half-open."""
    take((MAILS / "utf8_base64.eml").read_bytes())
    for number in range(3):
        take(automatic(number=number))
    page = office.done("GET", "/received-mails", role="auditor", limit=3)
    assert [None, None, None] == [mail["case_id"] for mail in page["items"]]
    rest = office.done("GET", "/received-mails", role="auditor", limit=3, cursor=page["next"])
    (case,) = office.done("GET", "/cases")["items"]
    assert [(case["id"], case["case_number"], "opened", None)] == [
        tuple(mail[name] for name in ("case_id", "case_number", "outcome", "reason")) for mail in rest["items"]
    ]
    assert [] == mails(office, to=rest["items"][0]["taken_at"])
    assert 4 == len(mails(office, **{"from": rest["items"][0]["taken_at"]}))


def test_a_case_is_made_of_a_mail_after_all(office: Office, take: Take) -> None:
    """Once; by the registrar, who found a person behind it; with the original among its files."""
    take(automatic())
    (mail,) = mails(office)
    opened = office.done("POST", f"/received-mails/{mail['id']}/opening")
    assert ("email", "about the transfer", "somjai@example.com") == (
        opened["channel"],
        opened["subject"],
        opened["complainant"]["email"],
    )
    assert ["original"] == [file["kind"] for file in office.done("GET", f"/cases/{opened['id']}/files")["items"]]
    (mail,) = mails(office)
    assert ("opened", None, opened["id"]) == (mail["outcome"], mail["reason"], mail["case_id"])
    assert (409, "mail-has-its-case") == office.refused("POST", f"/received-mails/{mail['id']}/opening")
    assert [] == office.done("GET", "/deliveries")["items"], "who wrote it is not answered by a program"


def test_who_may_look_at_mails(office: Office, take: Take) -> None:
    """Who looks after the mailbox, and the registrar; the auditor sees no mail's words."""
    take(automatic())
    (mail,) = mails(office)
    assert (403, "not-allowed") == office.refused("GET", "/received-mails", role="group_head.audit")
    assert (403, "not-allowed") == office.refused("GET", f"/received-mails/{mail['id']}/original", role="auditor")
    assert (403, "not-allowed") == office.refused("POST", f"/received-mails/{mail['id']}/opening", role="operator")
    missing = (404, "received-mail-not-found")
    for method, path in (("GET", "original"), ("POST", "opening")):
        assert missing == office.refused(method, f"/received-mails/{uuid7()}/{path}")
    office.app.state.store = office.app.state.desk = None
    for method, path in (("GET", "original"), ("POST", "opening")):
        assert (409, "files-not-kept") == office.refused(method, f"/received-mails/{mail['id']}/{path}")


def readers(office: Office) -> dict[str, Json]:
    return {reader["name"]: reader for reader in office.done("GET", "/channels", role="operator")["readers"]}


def metric(office: Office, name: str) -> float:
    """The value of a metric as it is exposed."""
    lines = office.http.get("/metrics").text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ") or f"{name}{{" in line)


def test_a_folders_reader_tells_how_it_fares(office: Office, desk: Desk, tmp_path: Path) -> None:
    """What it has taken, and by which kind of error it fails while its folder is away."""
    path = tmp_path / "fax"
    path.mkdir()
    (path / "fax.txt").write_bytes(b"fax")
    sessions = office.app.state.sessions
    report = Report(sessions, "fax-reader")
    reader = FolderReader(sessions, desk, WatchedFolder(Channel.FAX, path, 0), report=report)
    stop = threading.Event()
    begin(sessions, {"fax-reader"}, now=utc_now())
    thread = threading.Thread(target=reader.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: readers(office)["fax-reader"]["taken"] == 1)
        assert 1 == metric(office, 'channel_taken_total{reader="fax-reader"}')
        path.rename(tmp_path / "gone")
        failed = eventually(lambda: seen if (seen := readers(office)["fax-reader"])["failures"] else None)
        assert ("FileNotFoundError", "poll", False) == (failed["problem"], failed["waiting"], failed["silent"])
    finally:
        stop.set()
        thread.join()


def test_a_mailbox_that_cannot_be_reached_is_told(office: Office, desk: Desk) -> None:
    """By the kind of error, never by its words."""
    sessions = office.app.state.sessions
    nowhere = MailboxAccount("127.0.0.1", 1, "none", "info", "secret")
    stop = threading.Event()
    reader = MailReader(sessions, desk, nowhere, report=Report(sessions, "mail-reader"))
    thread = threading.Thread(target=reader.run, args=(stop,))
    thread.start()
    try:
        failed = eventually(lambda: readers(office).get("mail-reader"))
        assert ("ConnectionRefusedError", None, 0) == (failed["problem"], failed["succeeded_at"], failed["taken"])
        assert 1 <= metric(office, 'channel_failures{reader="mail-reader"}')
    finally:
        stop.set()
        thread.join()


def test_a_reader_that_goes_on_as_before_says_so_seldom(office: Office) -> None:
    """An idle mailbox costs the database next to nothing; whatever is new is told at once."""
    report = Report(office.app.state.sessions, "mail-reader")
    report.looked(taken=0, left=0, waiting="idle")
    first = readers(office)["mail-reader"]["succeeded_at"]
    report.looked(taken=0, left=0, waiting="idle")
    assert first == readers(office)["mail-reader"]["succeeded_at"]
    report.looked(taken=2, left=1, waiting="idle")
    told = readers(office)["mail-reader"]
    assert (2, 1, "idle", True) == (told["taken"], told["left_over"], told["waiting"], told["succeeded_at"] > first)


def test_silence_is_an_alarm_until_it_is_broken(office: Office, session: Any) -> None:  # noqa: ANN401  # a Session
    """Of a reader that died with its process as well; one that is no longer set up is forgotten."""
    sessions, now = office.app.state.sessions, utc_now()
    begin(sessions, {"mail-reader", "fax-reader"}, now=now - timedelta(minutes=31))
    Report(sessions, "fax-reader").looked(taken=0, left=0, waiting="poll")

    def raised() -> list[str]:
        look(session, watches(LIMITS), (), now=now)
        return [alarm.about for alarm in alarms_raised(session, limit=10, watch="channel_silent")]

    assert ["mail-reader"] == raised()
    assert {"mail-reader": True, "fax-reader": False} == {name: it["silent"] for name, it in readers(office).items()}
    Report(sessions, "mail-reader").looked(taken=0, left=0, waiting="idle")
    assert [] == raised()
    begin(sessions, {"fax-reader"}, now=now)
    assert {"fax-reader"} == readers(office).keys()


def test_mails_that_no_server_takes_are_an_alarm(office: Office, session: Any) -> None:  # noqa: ANN401  # as above
    """Where one was tried: without a mail server they wait for people, and that is a list of its own."""
    now = utc_now()
    with office.app.state.sessions.begin() as writing:
        owe_mail(writing, about=uuid7(), now=now - timedelta(hours=1))
    outgoing = office.done("GET", "/channels", role="auditor")["outgoing"]
    assert (1, 0) == (outgoing["owed"], outgoing["most_attempts"])
    assert 1 == metric(office, "mails_owed")

    def raised() -> list[str]:
        look(session, watches(LIMITS), (), now=now)
        return [alarm.about for alarm in alarms_raised(session, limit=10, watch="channel_silent")]

    assert [] == raised()
    with office.app.state.sessions.begin() as writing:
        writing.execute(sa.text("UPDATE owed_mails SET last_problem = 'ConnectionRefusedError'"))
    assert ["mail-sender"] == raised()


def test_the_command_shows_it_and_fails_when_one_is_silent(
    office: Office, office_url: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it can be a container's health check."""
    told = {
        "ENVIRONMENT": "development",
        "DATABASE_URL": office_url,
        "ISSUER": "urn:development-issuer",
        "ISSUER_JWKS": str(keys.issuer_public),
        "EXCHANGE_KEYS_FILE": str(keys.exchange),
    }
    for name, value in told.items():
        monkeypatch.setenv(f"CHUMCHON_{name}", value)
    sessions = office.app.state.sessions
    begin(sessions, {"mail-reader"}, now=utc_now())
    Report(sessions, "mail-reader").looked(taken=3, left=0, waiting="idle")
    well = CliRunner().invoke(cli, ["channels"])
    assert (0, True) == (well.exit_code, "mail-reader    reads" in well.output), well.output
    with sessions.begin() as writing:
        writing.execute(sa.text("UPDATE channel_readers SET succeeded_at = now() - interval '1 day'"))
    silent = CliRunner().invoke(cli, ["channels"])
    assert (1, True) == (silent.exit_code, "SILENT" in silent.output), silent.output
