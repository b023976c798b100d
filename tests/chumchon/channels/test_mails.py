"""Mails as they come: in every charset of Thailand, in parts, broken, from machines."""

import contextlib
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chumchon.channels.charsets import decode, header_text, readable
from chumchon.channels.mails import Nature, UnreadableMail, read_mail, without_quotation

MAILS = Path(__file__).parent / "mails"

SUBJECT = "ขอทราบระเบียบการโอนเงินโครงการ"
TEXT = """เรียน เจ้าหน้าที่

ชุมชนบ้านทุ่งตัวอย่างทำสัญญาแล้ว แต่ยังไม่ได้รับเงินงวดที่สอง
ขอทราบกำหนดการโอนเงินเข้าบัญชีโครงการ

สมใจ ตัวอย่างดี"""


def bytes_of(name: str) -> bytes:
    return (MAILS / f"{name}.eml").read_bytes()


@pytest.mark.parametrize(
    "name", ["utf8_base64", "tis620_raw", "split_in_mid_character", "thai_called_latin1", "multipart"]
)
def test_thai_is_read_in_every_charset(name: str) -> None:
    """UTF-8, TIS-620 with raw headers, characters cut in two by encoded words, Thai that is called Latin-1."""
    mail = read_mail(bytes_of(name))
    assert (SUBJECT, TEXT) == (mail.subject, mail.text)
    assert ("somjai@example.com", "somjai@example.com") == (mail.from_address, mail.reply_to)
    assert datetime(2026, 10, 5, 2, 0, tzinfo=UTC) == mail.sent_at
    assert (Nature.PERSONAL, True) == (mail.nature, mail.may_be_acknowledged)


def test_windows_874_has_its_quotation_marks() -> None:
    """Python does not know that name; the marks lie where TIS-620 has nothing."""
    mail = read_mail(bytes_of("windows874_quoted_printable"))
    assert (SUBJECT, "สมใจ ตัวอย่างดี") == (mail.subject, mail.from_name)
    assert mail.text.startswith("“เรียน” เจ้าหน้าที่\n\nชุมชนบ้านทุ่งตัวอย่าง")


def test_html_alone_becomes_text() -> None:
    """Its charset stands inside it; scripts and styles are left out, words are not torn apart."""
    mail = read_mail(bytes_of("html_only"))
    assert SUBJECT == mail.subject
    assert "ชุมชนบ้านทุ่งตัวอย่างทำสัญญาแล้ว แต่ยังไม่ได้รับเงิน\nขอทราบกำหนดการโอนเงิน" in mail.text
    assert "* งวดที่สอง ยังไม่ได้รับ" in mail.text
    assert "alert" not in mail.text
    assert "color" not in mail.text


def test_attachments_keep_their_thai_names() -> None:
    """By RFC 2231, or as encoded words; a name never leads out of its folder."""
    mail = read_mail(bytes_of("multipart"))
    assert [
        ("logo.png", "image/png"),
        ("สัญญาโครงการ.pdf", "application/pdf"),
        ("แนบ.pdf", "application/pdf"),
    ] == [(file.filename, file.media_type) for file in mail.attachments]
    assert mail.attachments[1].content.startswith(b"%PDF")


def test_broken_mails_are_read_as_far_as_they_go() -> None:
    """A missing boundary, a date that is none, a Message-ID without brackets, a base64 word without its padding."""
    mail = read_mail(bytes_of("broken_structure"))
    assert TEXT == mail.text
    assert mail.subject.endswith(SUBJECT)
    assert (None, None) == (mail.message_id, mail.sent_at)


def test_a_mail_cut_off_keeps_what_arrived() -> None:
    """The text came before the line was cut."""
    assert TEXT == read_mail(bytes_of("cut_off")).text


def test_what_is_no_mail_says_so() -> None:
    """Bytes without any header."""
    with pytest.raises(UnreadableMail, match="none of the headers"):
        read_mail(bytes_of("not_a_mail"))


def test_parts_without_end_are_refused() -> None:
    """A mail made to exhaust its reader is a mail that cannot be read."""
    deep = b"From: a@example.com\r\n" + b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (at, at) for at in range(2000)
    )
    with pytest.raises(UnreadableMail, match="deep"):
        read_mail(deep)


@pytest.mark.parametrize(
    ("name", "nature", "may_be_acknowledged"),
    [
        ("bounce", Nature.BOUNCE, True),
        ("out_of_office", Nature.AUTOMATIC, False),
        ("fax_gateway", Nature.AUTOMATIC, True),
        ("mailing_list", Nature.PERSONAL, False),
        ("no_text", Nature.PERSONAL, True),
    ],
)
def test_machines_are_told_from_people(name: str, nature: Nature, *, may_be_acknowledged: bool) -> None:
    """What people wrote to a list is theirs, but an automatic reply would go to all of it."""
    mail = read_mail(bytes_of(name))
    assert (nature, may_be_acknowledged) == (mail.nature, mail.may_be_acknowledged)


def test_a_reply_names_what_it_answers() -> None:
    """The nearest first; and what it quotes of our mail is not the complainant's."""
    mail = read_mail(bytes_of("reply"))
    assert ("<{SENT}>", "<utf8.1@example.com>") == mail.answers
    assert "เลขที่บัญชีคือ 000-0-00000-0 ธนาคารตัวอย่าง" == without_quotation(mail.text)


def test_a_reply_that_only_quotes_is_kept_whole() -> None:
    """Nothing is worse than a reply that vanishes."""
    assert "> ครับ" == without_quotation("> ครับ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ครับ\n\nOn Monday the Office wrote:\n\n> a\n>> b\n\n> c\n \n", "ครับ"),
        ("> a\nครับ", "> a\nครับ"),
        ("> a\nครับ\n> b", "> a\nครับ"),
        ("ดังนี้:\n", "ดังนี้:"),
        ("ครับ\n" + "x" * 201 + ":\n> a", "ครับ\n" + "x" * 201 + ":"),
    ],
)
def test_only_the_quotation_at_the_end_is_left_out(text: str, told: str) -> None:
    """What stands under a quotation, between two, or before a colon of its own is the complainant's."""
    assert told == without_quotation(text)


@pytest.mark.parametrize("last", ["ครับ", ">", " "])
@pytest.mark.parametrize("line", ["> ครับ\n", ">\n", "\n", " \n", "ครับ:\n"])
def test_an_endless_quotation_is_read_at_once(line: str, last: str) -> None:
    """Two million letters in well under the seconds that a reader of all mails may take for one."""
    text = line * (2_000_000 // len(line)) + last
    began = process_time()
    without_quotation(text)
    assert True is (process_time() - began < 2)


@given(st.text(), st.sampled_from(["utf-8", "windows-874", "iso-8859-1", "unknown", "utf-16", None]))
def test_any_text_in_any_charset_is_readable(text: str, charset: str | None) -> None:
    """Whatever comes, what is kept has no control characters or lone surrogates, and nothing fails."""
    kept = readable(decode(text.encode("utf-8", "surrogatepass"), charset))
    assert kept == kept.encode().decode()
    assert "\0" not in kept


@given(st.text(max_size=200))
def test_our_own_headers_come_back(text: str) -> None:
    """What a standard mailer encodes is decoded to the same words."""
    mail = EmailMessage()
    said = " ".join(readable(text).split())
    mail["Subject"] = said
    raw = mail.as_bytes().split(b":", 1)[1].decode("ascii", "surrogateescape")
    assert said.replace(" ", "") == header_text(raw.strip("\n")).replace(" ", "")


@given(st.binary(max_size=2000))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    """It reads them, or says that it cannot."""
    with contextlib.suppress(UnreadableMail):
        read_mail(b"From: a@example.com\n" + raw)
