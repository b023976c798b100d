"""The channels at work: who reads the mailbox and the folders, and who sends mails, as the settings say."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal

from chumchon.channels.desk import Desk
from chumchon.channels.folders import FolderReader, WatchedFolder
from chumchon.channels.mailbox import MailboxAccount, MailReader
from chumchon.channels.reporting import Report, begin
from chumchon.channels.sending import settle, writer
from chumchon.channels.tags import Tags
from chumchon.journey import Channel
from chumchon.settings import Settings
from servicekit.alongside import Work
from servicekit.clock import utc_now
from servicekit.database import Sessions
from servicekit.files.storing import FileStore
from servicekit.mail_queue import Postman

MAIL_READER: Final = "mail-reader"
MAIL_SENDER: Final = "mail-sender"
"""Its queue tells how it fares."""


def workers(settings: Settings, sessions: Sessions) -> Mapping[str, Work]:
    """Who is to work, by name; nobody where nothing is set up."""
    store = None if settings.files_url is None else FileStore(settings.files_url)
    found: dict[str, Work] = {}
    if settings.mail_server is not None:
        write = writer(_tags(settings), store, most_bytes=settings.mail_files_max_bytes)
        found[MAIL_SENDER] = Postman(sessions, settings.mail_server, write=write, settle=settle).run
    if store is None:
        return found
    desk = desk_of(settings, store)
    account = _account(settings)
    if account is not None:
        found[MAIL_READER] = MailReader(sessions, desk, account, report=Report(sessions, MAIL_READER)).run
    folders: tuple[tuple[Literal[Channel.FAX, Channel.PO_BOX], Path | None], ...] = (
        (Channel.FAX, settings.fax_folder),
        (Channel.PO_BOX, settings.po_box_folder),
    )
    for channel, path in folders:
        if path is not None:
            folder = WatchedFolder(channel, path, settings.folder_settle_seconds)
            name = f"{channel}-reader"
            found[name] = FolderReader(sessions, desk, folder, report=Report(sessions, name)).run
    return found


def announce(found: Mapping[str, Work], sessions: Sessions) -> None:
    """Say who reads from now on, so that it is seen when one of them falls silent."""
    begin(sessions, found.keys() - {MAIL_SENDER}, now=utc_now())


def desk_of(settings: Settings, store: FileStore) -> Desk:
    """The desk at which mails, faxes and scans arrive."""
    return Desk(
        store=store,
        deadlines=settings.deadlines(),
        tags=_tags(settings),
        own_addresses=frozenset(map(str.lower, settings.own_mail_addresses)),
        fax_gateways=frozenset(map(str.lower, settings.fax_gateway_addresses)),
        acknowledges=settings.mail_server is not None,
        ocr_command=settings.ocr_program,
        ocr_timeout=timedelta(seconds=settings.ocr_timeout_seconds),
    )


def _account(settings: Settings) -> MailboxAccount | None:
    if settings.imap_host is None or settings.imap_username is None or settings.imap_password is None:
        return None
    return MailboxAccount(
        host=settings.imap_host,
        port=settings.imap_port,
        security=settings.imap_security,
        username=settings.imap_username,
        password=settings.imap_password.get_secret_value(),
        inbox=settings.imap_folder,
        taken=settings.imap_taken_folder,
        automatic=settings.imap_automatic_folder,
        unreadable=settings.imap_unreadable_folder,
        poll_seconds=settings.imap_poll_seconds,
        max_bytes=settings.imap_max_bytes,
    )


def _tags(settings: Settings) -> Tags:
    return Tags([key.get_secret_value() for key in (settings.mail_tag_key, settings.mail_tag_key_before) if key])
