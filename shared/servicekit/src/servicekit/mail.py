"""E-mail by SMTP (RFC 5321): one mail is written, handed to the operator's mail server, and what came of it is told.

What a server says of a failure often quotes addresses, so only its codes are kept.
"""

import contextlib
import re
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from http import HTTPStatus
from typing import Literal, Self
from uuid import UUID

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings

_TOO_LARGE = 552
_PERMANENT = HTTPStatus.INTERNAL_SERVER_ERROR
"""SMTP's replies from 500 on are final, as HTTP's are not."""

_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}")


class MailRefused(Exception):
    """This mail will never be taken: its address does not exist, or what it holds is not wanted."""


class MailDeferred(Exception):
    """This mail was not taken now; later it may be.

    `server_is_down` tells that no other mail would be taken either: nobody answers, or it does not let us in.
    """

    def __init__(self, reason: str, *, server_is_down: bool) -> None:
        super().__init__(reason)
        self.server_is_down = server_is_down


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes our mails, how to speak with it, and as whom we write."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: Address
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float = 30.0


class MailSettings(BaseSettings):
    """The settings of a service that sends mails; mix them into its own."""

    smtp_host: str | None = Field(None, description="The mail server; without it, nothing is sent by e-mail.")
    smtp_port: int = Field(587, ge=1, le=65535, description="587 with starttls, 465 with tls, 25 with none.")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is encrypted; none only to a server on the same machine."
    )
    smtp_username: str | None = Field(None, description="With smtp_password, if the server wants to know who sends.")
    smtp_password: SecretStr | None = None
    smtp_timeout_seconds: float = Field(30.0, gt=0, description="How long any one answer of the server may take.")
    mail_from: str = Field("", description="As whom: `ศูนย์รับเรื่องราวร้องทุกข์ 1111 <no-reply@1111.go.th>`.")

    @property
    def mail_server(self) -> MailServer | None:
        """The mail server, if the operator named one."""
        if self.smtp_host is None:
            return None
        name, address = parseaddr(self.mail_from)
        return MailServer(
            host=self.smtp_host,
            port=self.smtp_port,
            security=self.smtp_security,
            sender=Address(display_name=name, addr_spec=address),
            username=self.smtp_username,
            password=None if self.smtp_password is None else self.smtp_password.get_secret_value(),
            timeout_seconds=self.smtp_timeout_seconds,
        )

    @model_validator(mode="after")
    def _says_who_sends(self) -> Self:
        if self.smtp_host is not None and "@" not in parseaddr(self.mail_from)[1]:
            raise ValueError("smtp_host needs mail_from: the name and address as whom mails are sent")
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError("smtp_username and smtp_password go together")
        return self


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail; its name may be Thai."""

    filename: str
    content: bytes
    media_type: str = "application/pdf"


@dataclass(frozen=True, slots=True)
class Mail:
    """What is said to whom; plain text, with what goes with it, and further headers (its thread, for example)."""

    to: str
    subject: str
    text: str
    attachments: tuple[Attachment, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def write(mail: Mail, *, sender: Address, id_: UUID, at: datetime) -> EmailMessage:
    """The mail as a message whose Message-ID is made of `id_`: sent twice, it is known for the same.

    Raises:
        MailRefused: its address cannot be written.
    """
    message = EmailMessage(policy=SMTP)
    message["Message-ID"] = f"<{id_}@{sender.domain}>"
    message["Date"] = format_datetime(at)
    message["From"] = sender
    message["Subject"] = " ".join(mail.subject.split())
    # RFC 3834: so that absence notes do not answer.
    for name, value in {"Auto-Submitted": "auto-generated", **mail.headers}.items():
        message[name] = value
    try:
        message["To"] = Address(addr_spec=mail.to)
    except (ValueError, IndexError, MessageError) as error:
        raise MailRefused("the address cannot be written") from error
    message.set_content(mail.text, cte="base64")
    for attached in mail.attachments:
        main, _, sub = attached.media_type.partition("/")
        message.add_attachment(attached.content, maintype=main, subtype=sub, filename=attached.filename)
    return message


def send(server: MailServer, message: EmailMessage) -> None:
    """Hand the message to the server; when this returns, the server has taken it.

    Blocks for as long as the server takes to answer.

    Raises:
        MailRefused: it will never be taken.
        MailDeferred: it was not taken now.
    """
    with _connected(server) as smtp:
        try:
            smtp.send_message(message)
        except smtplib.SMTPNotSupportedError as error:
            raise MailRefused("the server takes no such address (SMTPUTF8)") from error
        except smtplib.SMTPSenderRefused as error:
            # Whom we write as is a setting, so any mail would fare so; but its size is announced here too.
            if error.smtp_code == _TOO_LARGE:
                raise MailRefused(_said(error.smtp_code, error.smtp_error)) from error
            raise MailDeferred(_said(error.smtp_code, error.smtp_error), server_is_down=True) from error
        except smtplib.SMTPRecipientsRefused as error:
            ((code, reply),) = error.recipients.values()
            raise _judged(code, reply) from error
        except smtplib.SMTPResponseException as error:
            raise _judged(error.smtp_code, error.smtp_error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise MailDeferred(type(error).__name__, server_is_down=False) from error


@contextlib.contextmanager
def _connected(server: MailServer) -> Iterator[smtplib.SMTP]:
    try:
        smtp = _greeted(server)
    except smtplib.SMTPResponseException as error:
        raise MailDeferred(_said(error.smtp_code, error.smtp_error), server_is_down=True) from error
    except (smtplib.SMTPException, OSError) as error:
        raise MailDeferred(type(error).__name__, server_is_down=True) from error
    try:
        yield smtp
        with contextlib.suppress(smtplib.SMTPException, OSError):  # it has the mail, however it takes our leave
            smtp.quit()
    finally:
        smtp.close()


def _greeted(server: MailServer) -> smtplib.SMTP:
    """A connection on which the server knows us."""
    if server.security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=server.timeout_seconds, context=ssl.create_default_context()
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=server.timeout_seconds)
    try:
        if server.security == "starttls":
            smtp.starttls(context=ssl.create_default_context())
        if server.username is not None and server.password is not None:
            smtp.login(server.username, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


def _judged(code: int, reply: bytes | str) -> MailRefused | MailDeferred:
    said = _said(code, reply)
    return MailRefused(said) if code >= _PERMANENT else MailDeferred(said, server_is_down=False)


def _said(code: int, reply: bytes | str) -> str:
    """The codes of a reply (RFC 5321, RFC 3463) without its text."""
    found = _ENHANCED.match(reply if isinstance(reply, bytes) else reply.encode())
    return f"SMTP {code}" + (f" {found[0].decode()}" if found else "")
