"""A real IMAP server for tests: Dovecot, as the system's packages have it, on a port and in folders of its own."""

import contextlib
import fcntl
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import imap_tools
import pytest

from chumchon.channels.mailbox import MailboxAccount
from servicekit import guard
from servicekit.testing import eventually

USER = "info"
PASSWORD = "of-the-tests"

_CONFIGURATION = """
base_dir = {run}
state_dir = {run}
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 0
mail_location = maildir:{folder}/mail/%u
mail_fsync = never
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """A running server; every user's mailbox is made when it is first opened, and all have one password."""

    port: int

    def account(self, user: str = USER) -> MailboxAccount:
        """What a reader needs to know of a mailbox."""
        return MailboxAccount("127.0.0.1", self.port, "none", user, PASSWORD, poll_seconds=30)

    @contextlib.contextmanager
    def box(self, user: str = USER) -> Iterator[imap_tools.MailBoxUnencrypted]:
        """A mailbox, to look into it or to put mails there."""
        with imap_tools.MailBoxUnencrypted("127.0.0.1", self.port) as box:
            box.login(user, PASSWORD)
            yield box

    def put(self, user: str, *mails: bytes) -> None:
        """Let mails arrive."""
        with self.box(user) as box:
            for raw in mails:
                box.append(raw, "INBOX")

    def count(self, user: str, folder: str = "INBOX") -> int:
        """How many mails a folder has; a folder that was not made yet has none."""
        with self.box(user) as box:
            if not box.folder.exists(folder):
                return 0
            return int(box.folder.status(folder, ["MESSAGES"])["MESSAGES"])


@contextlib.contextmanager
def running_dovecot() -> Iterator[Dovecot]:
    """Dovecot for the length of the `with`; the test is skipped where it is not installed."""
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("no IMAP server: install dovecot-imapd, and the mailbox is read for real")
    with tempfile.TemporaryDirectory(prefix="dovecot-") as made, socket.socket() as probe:
        folder = Path(made)
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        root = os.geteuid() == 0
        me = pwd.getpwuid(os.geteuid())
        user = pwd.getpwnam("dovecot") if root else me
        (folder / "mail").mkdir()
        if root:
            folder.chmod(0o755)
            os.chown(folder / "mail", user.pw_uid, user.pw_gid)
        configuration = folder / "dovecot.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder,
                run=folder / "run",
                internal=user.pw_name,
                group=grp.getgrgid(user.pw_gid).gr_name,
                login="dovenull" if root else me.pw_name,
                uid=user.pw_uid,
                gid=user.pw_gid,
                password=PASSWORD,
                port=port,
            ),
            "utf-8",
        )
        lifeline = folder / "lifeline"
        with lifeline.open("ab") as needed:
            fcntl.flock(needed, fcntl.LOCK_SH)
            command = guard.guarded([program, "-F", "-c", str(configuration)], lifeline, stop_signal=signal.SIGTERM)
            with subprocess.Popen(command, start_new_session=True) as process:
                try:
                    eventually(lambda: _greets(port, process))
                    yield Dovecot(port)
                finally:
                    process.terminate()


def _greets(port: int, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "Dovecot ended; its log says why"
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as line:
        return line.recv(100).startswith(b"* OK")
    return False
