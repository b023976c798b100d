"""Mails as people and machines send them, read into plain values."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from enum import StrEnum
from typing import Final

import inscriptis

from chumchon.channels.charsets import decode, header_text, one_line, readable
from chumchon.codes import MailReason

MAX_DEPTH: Final = 30
MAX_PARTS: Final = 500
MAX_HTML_CHARACTERS: Final = 2_000_000
MAX_NAME: Final = 200

_ADDRESS: Final = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+")
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,400}>")
_META_CHARSET: Final = re.compile(rb"""charset\s*=\s*["']?([\w-]+)""", re.IGNORECASE)
_INTRODUCES: Final = re.compile(r"[^>]{0,200}:\s*")
_MACHINES: Final = frozenset({"mailer-daemon", "postmaster"})
_MANY: Final = frozenset({"bulk", "list", "junk"})
"""The precedence of what is no letter from one person to another."""
_NOTE: Final = re.compile(
    r"auto(?:matic|mated)?[\s-]?(?:reply|response|responder)\b|auto\s?:|(?:out of|away from)(?: the| my)? office\b"
    r"|vacation (?:reply|response|notice|message)\b|(?:การ|ข้อความ|อีเมล)?ตอบ(?:กลับ|รับ)?(?:โดย)?อัตโนมัติ",
    re.IGNORECASE,
)
"""How the subject of a note begins that a machine writes for somebody who is away. `Re:` before it is a person's."""
_SILENT: Final = re.compile(r"(?:no|do-?not)[-_.]?reply", re.IGNORECASE)


class UnreadableMail(Exception):
    """It cannot be read as a mail; the message says why, in words that quote nothing of it."""


class Nature(StrEnum):
    """Who or what wrote a mail."""

    PERSONAL = "personal"
    AUTOMATIC = "automatic"
    """A machine: an out-of-office note, a receipt, a report of one of our own programs."""
    BOUNCE = "bounce"
    """A mail system, about a mail that it could not deliver."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a mail brought."""

    filename: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """What a mail says."""

    message_id: str | None
    """In its angle brackets; None where it has none that can be used."""
    answers: tuple[str, ...]
    """Message-IDs that it answers, nearest first."""
    from_address: str | None
    from_name: str
    reply_to: str | None
    """Where an answer is to go."""
    subject: str
    text: str
    sent_at: datetime | None
    attachments: tuple[Attachment, ...]
    nature: Nature
    not_personal: MailReason | None
    """By what it was known to be a machine's."""
    doubtful: MailReason | None
    """By what it is a machine's if it answers a mail of ours; a mail that answers nothing may be a person's."""
    may_be_acknowledged: bool
    """False where an automatic reply could go to many people, or to and fro between machines."""


def read_mail(raw: bytes) -> Mail:
    """Read a mail from its bytes.

    Raises:
        UnreadableMail: it is not a mail, or nobody meant it to be read.
    """
    try:
        message = message_from_bytes(raw)
        headers = _Headers(message)
        if not headers.any_of("from", "subject", "date", "message-id", "received"):
            raise UnreadableMail("it has none of the headers of a mail")
        content = _content_of(message)
    except RecursionError:
        raise UnreadableMail("its parts are nested too deeply") from None
    from_name, from_address = headers.address("from", "sender", "return-path")
    nature, not_personal = _nature(message, headers, from_address)
    return Mail(
        message_id=next(iter(headers.message_ids("message-id")), None),
        answers=tuple(
            dict.fromkeys((*headers.message_ids("in-reply-to"), *reversed(headers.message_ids("references"))))
        ),
        from_address=from_address,
        from_name=from_name,
        reply_to=headers.address("reply-to", "from", "sender")[1],
        subject=header_text(headers.first("subject")),
        text=readable(content.text),
        sent_at=_moment(headers.first("date")),
        attachments=tuple(content.files),
        nature=nature,
        not_personal=not_personal,
        doubtful=_doubtful(headers),
        may_be_acknowledged=_may_be_acknowledged(headers, from_address),
    )


def without_quotation(text: str) -> str:
    """A reply without what it quotes at its end (`>` lines, and the line that introduces them); never nothing."""
    lines = text.split("\n")
    end = len(lines)
    quotes = False
    while end and (not (line := lines[end - 1]) or line[0] == ">" or line.isspace()):
        quotes = quotes or line[:1] == ">"
        end -= 1
    if quotes and end and _INTRODUCES.fullmatch(lines[end - 1]):
        end -= 1
    return "\n".join(lines[:end]).strip() or text


class _Headers:
    """A mail's headers: by lower-case name, raw, in their order."""

    def __init__(self, message: Message) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in message.raw_items():
            self._values.setdefault(name.lower(), []).append(str(value))

    def any_of(self, *names: str) -> bool:
        return any(name in self._values for name in names)

    def first(self, name: str) -> str:
        return self._values.get(name, [""])[0]

    def word(self, name: str) -> str:
        """The first word of a header's value, in lower case."""
        return self.first(name).split(";")[0].strip().lower()

    def address(self, *names: str) -> tuple[str, str | None]:
        """Name and address of the first of these headers that has a usable address."""
        for name in names:
            for value in self._values.get(name, ()):
                shown, address = parseaddr(value.replace("\r", "").replace("\n", ""))
                if address.isascii() and len(address) <= MAX_NAME and _ADDRESS.fullmatch(address):
                    return header_text(shown)[:MAX_NAME], address
        return "", None

    def message_ids(self, name: str) -> list[str]:
        return [
            found for value in self._values.get(name, ()) for found in _MESSAGE_ID.findall(value) if found.isascii()
        ]


def _moment(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _nature(message: Message, headers: _Headers, from_address: str | None) -> tuple[Nature, MailReason | None]:
    """What it is, and by what it shows. Source: RFC 3834, RFC 3464, and what widespread mail systems do beside them."""
    report = str(message.get_param("report-type", "")).lower()
    signs = (
        (Nature.BOUNCE, MailReason.DELIVERY_REPORT, report in {"delivery-status", "feedback-report"}),
        (Nature.BOUNCE, MailReason.MACHINE_SENDER, (from_address or "").partition("@")[0].lower() in _MACHINES),
        (Nature.BOUNCE, MailReason.EMPTY_RETURN_PATH, headers.first("return-path").strip() == "<>"),
        (Nature.AUTOMATIC, MailReason.OTHER_REPORT, report != ""),
        (Nature.AUTOMATIC, MailReason.AUTO_SUBMITTED, headers.word("auto-submitted") not in {"", "no"}),
        (
            Nature.AUTOMATIC,
            MailReason.AUTORESPONDER,
            headers.any_of("x-autoreply", "x-autorespond", "x-autoresponder"),
        ),
        (Nature.AUTOMATIC, MailReason.PRECEDENCE, headers.word("precedence") == "auto_reply"),
    )
    return next(((nature, reason) for nature, reason, shows in signs if shows), (Nature.PERSONAL, None))


def _doubtful(headers: _Headers) -> MailReason | None:
    """What the programs do that send notes of absence and know nothing of RFC 3834.

    They mark them as mail to many. So does the software of mailing lists; but that says which list it is (RFC 2919,
    RFC 2369), and what came through a list is what a person wrote to it. To take a note for a reply would end the
    waiting for the complainant; to take a reply for a note would lose it.
    """
    if _NOTE.match(header_text(headers.first("subject"))):
        return MailReason.AUTORESPONDER
    if headers.word("precedence") in _MANY and not headers.any_of("list-id", "list-post"):
        return MailReason.PRECEDENCE
    return None


def _may_be_acknowledged(headers: _Headers, from_address: str | None) -> bool:
    return not (
        from_address is None
        or _SILENT.match(from_address)
        or headers.any_of("list-id", "list-post", "list-unsubscribe", "x-auto-response-suppress", "x-loop")
        or headers.word("precedence") in _MANY
    )


@dataclass(slots=True)
class _Content:
    text: str
    files: list[Attachment]


def _content_of(message: Message) -> _Content:
    parts = 0

    def read(part: Message, depth: int) -> _Content:
        nonlocal parts
        parts += 1
        if depth > MAX_DEPTH or parts > MAX_PARTS:
            raise UnreadableMail("it has too many parts, or nests them too deeply")
        if part.get_content_maintype() == "message":
            return _Content("", [_file(part, _enclosed(part), parts)])
        if not part.is_multipart():
            return _leaf(part, parts)
        children = [read(child, depth + 1) for child in _children(part)]
        files = [file for child in children for file in child.files]
        texts = [child.text for child in children if child.text.strip()]
        if part.get_content_type() == "multipart/alternative":
            return _Content(texts[0] if texts else "", files)  # the plainest comes first
        return _Content("\n\n".join(texts), files)

    return read(message, 0)


def _children(part: Message) -> Sequence[Message]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _leaf(part: Message, number: int) -> _Content:
    content = part.get_payload(decode=True)
    content = content if isinstance(content, bytes) else b""
    kind = part.get_content_type()
    is_file = part.get_content_disposition() == "attachment" or _filename(part) is not None
    charset = part.get_content_charset()
    if kind == "text/html" and not is_file:
        return _Content(_text_of_html(content, charset), [])
    # What claims to have parts, and has none, is read as the text that it is.
    if (kind == "text/plain" or kind.startswith("multipart/")) and not is_file:
        return _Content(decode(content, charset), [])
    return _Content("", [_file(part, content, number)] if content else [])


def _text_of_html(content: bytes, charset: str | None) -> str:
    declared = _META_CHARSET.search(content[:2048])
    html = decode(content, charset or (declared[1].decode("ascii") if declared else None))
    return str(inscriptis.get_text(html[:MAX_HTML_CHARACTERS]))


def _enclosed(part: Message) -> bytes:
    """A mail inside a mail, as it is."""
    try:
        return b"\n".join(child.as_bytes() for child in _children(part))
    except (ValueError, LookupError, TypeError, AttributeError):
        return str(part.get_payload()).encode("utf-8", "replace")


def _file(part: Message, content: bytes, number: int) -> Attachment:
    kind = part.get_content_type()
    is_mail = part.get_content_maintype() == "message"
    name = _filename(part) or f"{number}.{_ENDINGS.get(kind, 'txt' if is_mail else 'bin')}"
    return Attachment(name, kind, content)


_ENDINGS: Final[Mapping[str, str]] = {
    "application/pdf": "pdf",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/tiff": "tiff",
    "message/rfc822": "eml",
    "text/html": "html",
    "text/plain": "txt",
}


def _filename(part: Message) -> str | None:
    """The name under which a file was sent, without its folder."""
    for found in _names(part):
        name = one_line(found).replace("\\", "/").rpartition("/")[2].strip(". ")
        if name and "\ufffd" not in name:
            return name[-MAX_NAME:]
    return None


def _names(part: Message) -> Iterator[str]:
    for parameter, header in (("filename", "content-disposition"), ("name", "content-type")):
        try:
            value = part.get_param(parameter, None, header)
        except (ValueError, LookupError, TypeError, AttributeError):  # a parameter broken beyond the parser's patience
            continue
        if isinstance(value, tuple):
            charset, _, text = value
            yield decode(str(text).encode("latin-1", "replace"), charset)
        elif value:
            yield header_text(str(value))
