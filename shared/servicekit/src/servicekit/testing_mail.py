"""A real SMTP server for tests, on a port of its own: it keeps what it takes, and refuses what it is told to."""

from __future__ import annotations

import contextlib
import email
import email.policy
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from servicekit.clock import utc_now
from servicekit.mail_queue import Postman, Round

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from aiosmtpd.smtp import SMTP, Envelope, LoginPassword, Session


@dataclass
class Mailbox:
    """What a mail server has taken, and how it is to behave.

    Attributes:
        port: where it listens, on 127.0.0.1.
        mails: what it has taken, in order.
        rcpt: its reply to a recipient; a mail is taken only after `250 …`.
        data: its reply to a mail's content.
        drops: how many times it hangs up instead of replying to a mail's content, having kept it all the same.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    rcpt: str = "250 OK"
    data: str = "250 OK"
    drops: int = 0

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Reply to RCPT TO."""
        if self.rcpt.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # as above
        """Reply to a mail's content."""
        if self.data.startswith("2"):
            message = email.message_from_bytes(cast("bytes", envelope.content), policy=email.policy.default)
            self.mails.append(message)
        if self.drops:
            self.drops -= 1
            cast("Any", server.transport).abort()
        return self.data


class _OnAnyPort(Controller):
    """A server on a port that the system chose, which it knows when it first calls itself."""

    def _trigger_server(self) -> None:
        self.port = cast("Any", self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd's own


@contextlib.contextmanager
def running_mail_server(
    *, login: tuple[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[Mailbox]:
    """A mail server for the length of the `with`.

    Args:
        login: the name and password without which it takes nothing; only with `tls`.
        tls: it takes nothing before STARTTLS with this.
    """
    mailbox = Mailbox()

    def knows(_server: object, _session: object, _envelope: object, _mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login.decode(), data.password.decode()) == login, handled=False)

    options: dict[str, Any] = {}
    if login is not None:
        options |= {"authenticator": knows, "auth_required": True}
    if tls is not None:
        options |= {"tls_context": tls, "require_starttls": True}
    controller = _OnAnyPort(mailbox, hostname="127.0.0.1", port=0, **options)
    controller.start()
    try:
        mailbox.port = controller.port
        yield mailbox
    finally:
        controller.stop()


def send_due(postman: Postman) -> None:
    """Send every mail that is due now, and none twice: one put off meanwhile is due later than this moment."""
    now = utc_now()
    while postman.round(now) is Round.SETTLED:
        pass
