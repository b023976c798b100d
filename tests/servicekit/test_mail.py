"""Mails by SMTP, handed to a real server on this machine."""

import email
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from servicekit.mail import Attachment, Mail, MailDeferred, MailRefused, MailServer, MailSettings, send, write
from servicekit.testing_mail import Mailbox, running_mail_server

ID = UUID("019a5f0e-7c00-7000-8000-000000000001")
AT = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)
SENDER = Address(display_name="ศูนย์รับเรื่องราวร้องทุกข์ 1111", addr_spec="no-reply@1111.example")
MAIL = Mail(
    to="somsri@example.org",
    subject="แจ้งผลเรื่องร้องทุกข์ เลขที่ 1111-2569-000123-K เรื่อง ขอทราบระเบียบการโอนเงินโครงการชุมชนพอเพียงและกำหนดเวลา",
    text="เรียน นางสมศรี ใจดี\n\nสำนักงานจะโอนเงินภายใน 30 วันทำการ\n.\nจุดบรรทัดเดียวไม่จบจดหมาย\n",
    attachments=(Attachment("หนังสือแจ้งผล.pdf", b"%PDF-1.7 \x00\xff"),),
)


def at(mailbox: Mailbox, **changes: object) -> MailServer:
    settings = {"host": "127.0.0.1", "port": mailbox.port, "security": "none", "sender": SENDER, "timeout_seconds": 5}
    return MailServer(**settings | changes)  # type: ignore[arg-type]  # a test's own values


def message(mail: Mail = MAIL) -> EmailMessage:
    return write(mail, sender=SENDER, id_=ID, at=AT)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with running_mail_server() as mailbox:
        yield mailbox


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1 that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + signed.public_bytes(Encoding.PEM)
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context


def test_a_thai_mail_arrives_as_it_was_written(mailbox: Mailbox) -> None:
    """Subject, sender, text and the attachment with its Thai name; all of the message itself is ASCII."""
    send(at(mailbox), message())

    (taken,) = mailbox.mails
    assert MAIL.subject == taken["Subject"]
    (sent_as,) = email.message_from_bytes(taken.as_bytes()).get_all("From", [])  # the newer parser misreads long names
    assert f"{SENDER.display_name} <{SENDER.addr_spec}>" == str(make_header(decode_header(sent_as)))
    assert "somsri@example.org" == taken["To"]
    assert "auto-generated" == taken["Auto-Submitted"]
    body, attached = taken.get_body(), next(taken.iter_attachments())
    assert body is not None
    assert MAIL.text == body.get_content().replace("\r\n", "\n")  # as mails break lines
    assert ("หนังสือแจ้งผล.pdf", "application/pdf") == (attached.get_filename(), attached.get_content_type())
    assert b"%PDF-1.7 \x00\xff" == attached.get_content()
    assert message().as_bytes().isascii()


def test_written_twice_it_is_the_same_mail() -> None:
    """Its Message-ID is made of its id, so a repeat is known for one."""
    first, second = message(), message()
    assert f"<{ID}@1111.example>" == first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]


def test_no_header_can_be_smuggled_in() -> None:
    """Line breaks in a subject become spaces; an address with one is refused."""
    written = message(Mail("somsri@example.org", "เรื่อง\r\nBcc: everyone@example.org", "ข้อความ"))
    assert written["Bcc"] is None
    assert "เรื่อง Bcc: everyone@example.org" == written["Subject"]
    for address in ("a@example.org\r\nBcc: b@example.org", "a@example.org, b@example.org", "nobody", ""):
        with pytest.raises(MailRefused):
            message(Mail(address, "เรื่อง", "ข้อความ"))


@pytest.mark.parametrize(
    ("replies", "expected", "said"),
    [
        ({"rcpt": "550 5.1.1 <somsri@example.org>: no such user"}, MailRefused, "SMTP 550 5.1.1"),
        ({"rcpt": "451 4.3.0 somsri@example.org: try again"}, MailDeferred, "SMTP 451 4.3.0"),
        ({"data": "554 5.7.1 not wanted"}, MailRefused, "SMTP 554 5.7.1"),
        ({"data": "452 out of storage"}, MailDeferred, "SMTP 452"),
    ],
)
def test_what_a_server_refuses_for_good_and_what_it_puts_off(
    mailbox: Mailbox, replies: dict[str, str], expected: type[Exception], said: str
) -> None:
    """5xx is final, 4xx is not; of the reply only its codes are kept, as its text quotes addresses."""
    for name, reply in replies.items():
        setattr(mailbox, name, reply)
    with pytest.raises(expected) as caught:
        send(at(mailbox), message())
    assert said == str(caught.value)
    assert [] == mailbox.mails


def test_a_connection_that_drops_puts_the_mail_off(mailbox: Mailbox) -> None:
    """Nobody knows whether it was taken: it is to be sent again, under the same Message-ID."""
    mailbox.drops = 1
    with pytest.raises(MailDeferred) as caught:
        send(at(mailbox), message())
    assert not caught.value.server_is_down
    send(at(mailbox), message())
    assert 1 == len({mail["Message-ID"] for mail in mailbox.mails})


def test_a_server_that_does_not_answer_is_down() -> None:
    """Any other mail would fare the same."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        with pytest.raises(MailDeferred) as caught:
            send(at(Mailbox(port=taken.getsockname()[1])), message())
    assert caught.value.server_is_down


def test_a_server_that_never_speaks_is_down_after_the_time_limit() -> None:
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(MailDeferred) as caught:
        send(at(Mailbox(port=silent.getsockname()[1]), timeout_seconds=0.05), message())
    assert caught.value.server_is_down


def test_a_server_is_told_who_we_are_and_only_where_nobody_listens(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With name and password it takes the mail; with wrong ones or none, or one that we do not trust, it is down."""
    right = {"security": "starttls", "username": "centre", "password": "s3cret-1111"}
    with running_mail_server(login=("centre", "s3cret-1111"), tls=certificate) as mailbox:
        send(at(mailbox, **right), message())
        for wrong in ({"username": None}, {"password": "1111"}, {"security": "none"}):
            with pytest.raises(MailDeferred) as caught:
                send(at(mailbox, **right | wrong), message())
            assert caught.value.server_is_down
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(MailDeferred):
            send(at(mailbox, **right), message())
        assert 1 == len(mailbox.mails)


def test_without_encryption_nothing_is_said(mailbox: Mailbox) -> None:
    """A server that offers no STARTTLS gets neither the mail nor a password."""
    with pytest.raises(MailDeferred) as caught:
        send(at(mailbox, security="starttls"), message())
    assert caught.value.server_is_down
    with pytest.raises(MailDeferred):
        send(at(mailbox, security="tls"), message())
    assert [] == mailbox.mails


def test_settings_say_who_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host, no mail; a host needs a sender, a name needs a password."""
    assert MailSettings().mail_server is None
    monkeypatch.setenv("SMTP_HOST", "mail.example")
    with pytest.raises(ValidationError, match="mail_from"):
        MailSettings()
    monkeypatch.setenv("MAIL_FROM", "ศูนย์รับเรื่องราวร้องทุกข์ 1111 <no-reply@1111.example>")
    server = MailSettings().mail_server
    assert server is not None
    assert (SENDER, "starttls", 587) == (server.sender, server.security, server.port)
    monkeypatch.setenv("SMTP_USERNAME", "centre")
    with pytest.raises(ValidationError, match="smtp_password"):
        MailSettings()
    monkeypatch.setenv("SMTP_PASSWORD", "secret")
    server = MailSettings().mail_server
    assert "secret" not in repr(server)
