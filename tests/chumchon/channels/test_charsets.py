"""Bytes of mails as text, whatever their label says."""

import encodings
import pkgutil
from time import process_time

import pytest

from chumchon.channels.charsets import decode, header_text
from chumchon.channels.mails import read_mail

THAI = "เรียน เจ้าหน้าที่ ณ สำนักงานฯ ขอทราบ “กำหนดการ” อื่น ๆ ปี ๒๕๖๙ เรื่องน้ำประปาที่ถนนฤทธิ์เดชค่ะ"
HTML = f'<html><head><style>body {{ font-family: "Angsana New"; }}</style></head><body><p>{THAI}</p></body></html>'
WESTERN = (
    "Réunion à Évreux : créée, naïveté, où ça, « été » – 20 °C",
    "ÉLÈVES ÂGÉS, ÇA DÉJÀ CRÉÉE",
    "Müßiggang, ÄÖÜ äöü",
    "pääsyä häädön hääyö",
    "smörgås ÅÄÖ åäö",
    "INFORMAÇÕES, ações, não",
    "¿Qué niño? ¡Año!",
    "····· ½ ····· £5 ±3 §§§",
)
MISLABELLED = ("iso-8859-1", "windows-1252", "us-ascii", "utf-8")


@pytest.mark.parametrize("label", MISLABELLED)
@pytest.mark.parametrize("text", [THAI, HTML, "<td>" * 1000 + "ค่ะ", "PLEASE SEND THE FORM, ขอบคุณ"])
def test_thai_under_any_label_is_thai(text: str, label: str) -> None:
    """However much ASCII stands around it, as in every mail in HTML."""
    assert text == decode(text.encode("cp874"), label)


@pytest.mark.parametrize("label", MISLABELLED)
def test_a_damaged_byte_does_not_spoil_the_rest(label: str) -> None:
    """One byte that Windows-874 has not leaves the others what they are."""
    assert f"{HTML}\ufffd" == decode(HTML.encode("cp874") + b"\xff", label)


def test_a_mail_in_html_under_a_wrong_label_is_read() -> None:
    """All the way from the bytes of the mail."""
    head = "From: a@example.com\nContent-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n"
    assert THAI == read_mail(head.encode() + HTML.encode("cp874")).text


@pytest.mark.parametrize("text", WESTERN)
def test_western_text_stays_western(text: str) -> None:
    """Its accented letters have the bytes of Thai ones, and none of their order."""
    assert text == decode(text.encode("cp1252"), "windows-1252")
    assert text == decode(f"<p>{text}</p>".encode("cp1252"), "windows-1252")[3:-4]


@pytest.mark.parametrize("label", MISLABELLED)
@pytest.mark.parametrize("text", [THAI, HTML, *WESTERN, "Пример", "例子"])
def test_what_is_utf_8_stays_utf_8(text: str, label: str) -> None:
    """Whatever its language and its label."""
    assert text == decode(text.encode(), label)


@pytest.mark.parametrize("label", [*MISLABELLED, None])
def test_utf_8_that_was_cut_off_stays_utf_8(label: str | None) -> None:
    """Half a character at the end makes no other charset of the whole."""
    assert f"{HTML}{THAI}\ufffd" == decode(f"{HTML}{THAI}ก".encode()[:-1], label)


@pytest.mark.parametrize("label", ["base64", "hex", "rot13", "zip", "idna", "punycode", "undefined", "unicode_escape"])
def test_a_codec_that_is_no_charset_is_no_label(label: str) -> None:
    """Such a mail is read like one that says nothing of its charset."""
    assert THAI == decode(THAI.encode(), label)
    assert THAI == decode(THAI.encode("cp874"), label)
    assert "plain" == header_text(f"=?{label}?Q?plain?=")


@pytest.mark.parametrize("label", [module.name for module in pkgutil.iter_modules(encodings.__path__)])
def test_no_codec_of_python_breaks_the_reader(label: str) -> None:
    """Whoever writes a mail may name any of them."""
    assert isinstance(decode(bytes(range(256)), label), str)


@pytest.mark.parametrize(
    "piece", [HTML.encode("cp874"), HTML.encode(), "é ".encode("cp1252"), b"\xe0", b"\xa1\xd1\xe8"]
)
def test_an_endless_text_is_recognised_at_once(piece: bytes) -> None:
    """Two million bytes in well under the seconds that a reader of all mails may take for one."""
    content = piece * (2_000_000 // len(piece)) + b"\xff"
    began = process_time()
    decode(content, "iso-8859-1")
    assert True is (process_time() - began < 2)
