"""What becomes of a mail: a case of its own, a word more in its case, or nothing but a note that it came."""

import pytest
import sqlalchemy as sa

from chumchon.channels.desk import Desk
from chumchon.channels.tags import Tags
from chumchon.codes import MailOutcome
from servicekit.files.storing import key_of

from ..conftest import Json, Office  # noqa: TID252  # the tests are no package that has a name
from .conftest import OUR_ADDRESS, TAG_KEY, TakeMail, mail_bytes


def cases(office: Office) -> list[Json]:
    found: list[Json] = office.done("GET", "/cases", sort="received_at")["items"]
    return [office.case(case["id"]) for case in found]


def only_case(office: Office) -> Json:
    (case,) = cases(office)
    return case


def owed(office: Office) -> list[tuple[str, str]]:
    """Id and kind of every mail that is owed."""
    with office.app.state.sessions() as session:
        rows = session.execute(
            sa.text("SELECT m.id::text, d.kind FROM owed_mails m JOIN deliveries d ON d.id = m.about ORDER BY m.id")
        )
        return [(row[0], row[1]) for row in rows]


def asked(office: Office, case: Json) -> str:
    """Ask the complainant of a case; the Message-ID of the mail that asks."""
    office.accept(case)
    office.done(
        "POST", f"/cases/{case['id']}/questions", {"text": "โปรดแจ้งเลขที่บัญชี"}, role="group_officer.participation"
    )
    (question,) = [found for found, kind in owed(office) if kind == "question"]
    return f"{question}@chumchon.go.th"


def answer(sent: str, header: str, subject: str | None) -> bytes:
    """A reply to our mail with a header of its own, and another subject if one is given."""
    raw = mail_bytes("reply", SENT=sent).replace(b"To: info", f"{header}\r\nTo: info".encode())
    lines = [
        f"Subject: {subject}".encode() if subject and line.startswith(b"Subject:") else line
        for line in raw.split(b"\n")
    ]
    return b"\n".join(lines)


def test_a_mail_becomes_one_case(office: Office, take: TakeMail) -> None:
    """With its words, who wrote it, its files, and its original; routed by what it says."""
    assert MailOutcome.OPENED == take(mail_bytes("multipart"))
    case = only_case(office)
    assert ("email", "ขอทราบระเบียบการโอนเงินโครงการ", "routed", "participation") == (
        case["channel"],
        case["subject"],
        case["state"],
        case["work_group"],
    )
    assert "ยังไม่ได้รับเงินงวดที่สอง" in case["details"]
    assert {"message_id": "<multi.1@example.com>", "from_address": "somjai@example.com"} == case["evidence"]
    assert ("สมใจ", "ตัวอย่างดี", "somjai@example.com") == tuple(
        case["complainant"][name] for name in ("first_name", "last_name", "email")
    )
    files = office.done("GET", f"/cases/{case['id']}/files")["items"]
    assert ["original.eml", "logo.png", "สัญญาโครงการ.pdf", "แนบ.pdf"] == [file["filename"] for file in files]
    original = office.ask("GET", f"/cases/{case['id']}/files/{files[0]['id']}")
    assert mail_bytes("multipart") == original.content
    assert "nosniff" == original.headers["x-content-type-options"]
    assert original.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("shown", "title"),
    [("นายสมชาย ใจดี", "นาย"), ("นาย สมชาย ใจดี", "นาย"), ("พ.ต.อ.สมชาย ใจดี", "พ.ต.อ."), ("สมชาย ใจดี", None)],
)
def test_a_title_in_the_senders_name_is_no_name(office: Office, take: TakeMail, shown: str, title: str | None) -> None:
    """Who wrote is found by the first name, and is addressed by the title."""
    sender = f"From: {shown} <somjai@example.com>"
    take(mail_bytes("no_text").replace(b"From: somjai@example.com", sender.encode()))
    complainant = only_case(office)["complainant"]
    assert (title, "สมชาย", "ใจดี") == tuple(complainant[name] for name in ("title", "first_name", "last_name"))


def test_the_same_mail_is_taken_once(office: Office, take: TakeMail) -> None:
    """In the same place, in another one, in a mailbox that was restored, or by another way with other marks of it."""
    raw = mail_bytes("utf8_base64")
    assert MailOutcome.OPENED == take(raw)
    assert MailOutcome.OPENED == take(raw, uid_validity=2)
    assert MailOutcome.OPENED == take(raw.replace(b"mx.example.com", b"other.example.com"))
    assert 1 == len(cases(office))
    assert 1 == len(owed(office))


def test_a_message_id_used_again_is_another_mail(office: Office, take: TakeMail) -> None:
    """A broken mailer that gives all its mails one id loses none of them."""
    take(mail_bytes("utf8_base64"))
    take(mail_bytes("tis620_raw").replace(b"<tis.1@example.com>", b"<utf8.1@example.com>"))
    assert 1 == len(cases(office))  # the very same words on the very same day
    take(mail_bytes("html_only").replace(b"<html.1@example.com>", b"<utf8.1@example.com>"))
    assert 2 == len(cases(office))


def test_a_mail_that_a_registrar_recorded_is_its_case(office: Office, take: TakeMail) -> None:
    """Who was quicker than the reader made no second case."""
    evidence = {"message_id": "<utf8.1@example.com>", "from_address": "somjai@example.com"}
    recorded = office.record("email", evidence=evidence)
    assert MailOutcome.RECORDED == take(mail_bytes("utf8_base64"))
    assert recorded["id"] == only_case(office)["id"]
    assert ["original.eml"] == [
        file["filename"] for file in office.done("GET", f"/cases/{recorded['id']}/files")["items"]
    ]


def test_a_reply_to_our_mail_joins_its_case(office: Office, take: TakeMail) -> None:
    """By the Message-ID of ours that it answers, whatever its subject says; the clock goes on."""
    take(mail_bytes("utf8_base64"))
    case = only_case(office)
    sent = asked(office, case)
    assert "awaiting_complainant" == office.case(case["id"])["state"]
    assert MailOutcome.REPLY == take(mail_bytes("reply", SENT=sent))
    assert "accepted" == only_case(office)["state"]
    messages = office.done("GET", f"/cases/{case['id']}/messages")["items"]
    assert ("reply", "เลขที่บัญชีคือ 000-0-00000-0 ธนาคารตัวอย่าง") == (messages[-1]["kind"], messages[-1]["text"])
    files = office.done("GET", f"/cases/{case['id']}/files")["items"]
    assert ["original", "original"] == [file["kind"] for file in files]


@pytest.mark.parametrize(
    ("header", "subject", "reason"),
    [
        ("Precedence: bulk", None, "precedence"),
        ("Precedence: junk", None, "precedence"),
        ("Precedence: list", None, "precedence"),
        ("Precedence: list\r\nList-Id: <villagers.lists.example.com>", "Out of Office", "autoresponder"),
        ("X-Mailer: any", "Automatic reply: ขอทราบระเบียบการโอนเงิน", "autoresponder"),
        ("X-Mailer: any", "Out of the office until Monday", "autoresponder"),
        ("X-Mailer: any", "ตอบกลับอัตโนมัติ: ขอทราบระเบียบการโอนเงิน", "autoresponder"),
        ("X-Mailer: any", "การตอบกลับอัตโนมัติ", "autoresponder"),
    ],
)
def test_a_note_of_absence_is_no_reply(
    office: Office, take: TakeMail, header: str, subject: str | None, reason: str
) -> None:
    """The case goes on waiting for the complainant, and keeps the note as a file."""
    take(mail_bytes("utf8_base64"))
    case = only_case(office)
    assert MailOutcome.AUTOMATIC == take(answer(asked(office, case), header, subject))
    assert "awaiting_complainant" == only_case(office)["state"]
    (arrival,) = office.done("GET", "/received-mails", outcome="automatic")["items"]
    assert (reason, case["id"]) == (arrival["reason"], arrival["case_id"])


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        ("Precedence: list\r\nList-Id: <villagers.lists.example.com>", None),
        ("Precedence: bulk\r\nList-Post: <mailto:villagers@lists.example.com>", None),
        ("X-Mailer: any", "Re: Automatic reply: ขอทราบระเบียบการโอนเงิน"),
        ("X-Mailer: any", "ตอบกลับ: ระบบตอบกลับอัตโนมัติ"),
        ("X-Mailer: any", "Autobiography of a village"),
    ],
)
def test_a_persons_reply_is_one_by_whatever_way(
    office: Office, take: TakeMail, header: str, subject: str | None
) -> None:
    """Through a mailing list, or about a machine's note: nobody's words are lost."""
    take(mail_bytes("utf8_base64"))
    case = only_case(office)
    assert MailOutcome.REPLY == take(answer(asked(office, case), header, subject))
    assert "accepted" == only_case(office)["state"]


@pytest.mark.parametrize("header", ["Precedence: bulk", "X-Mailer: any"])
def test_what_answers_nothing_of_ours_opens_a_case(take: TakeMail, header: str) -> None:
    """Somebody may complain of an automatic reply, or have a mailer that calls everything bulk."""
    assert MailOutcome.OPENED == take(answer("unknown@example.com", header, "Automatic reply: ไม่มีใครตอบ"))


def test_a_signed_tag_leads_a_new_mail_to_its_case(office: Office, take: TakeMail) -> None:
    """A reply that lost its thread, from another address even."""
    take(mail_bytes("utf8_base64"))
    case = only_case(office)
    tag = Tags([TAG_KEY]).tag(case["case_number"])
    raw = mail_bytes("no_text").replace(b"To: info", f"Subject: Re: {tag}\r\nTo: info".encode())
    assert MailOutcome.REPLY == take(raw.replace(b"somjai@", b"neighbour@"))
    assert 1 == len(cases(office))


@pytest.mark.parametrize("forged", ["{number}", "[{number}]", "[{number}/AAAAAAAAAAAAAAAA]"])
def test_a_number_alone_leads_nowhere(office: Office, take: TakeMail, forged: str) -> None:
    """Anybody can read a case's number out; only a mail of ours has its signature."""
    take(mail_bytes("utf8_base64"))
    subject = forged.format(number=only_case(office)["case_number"])
    raw = mail_bytes("no_text").replace(b"To: info", f"Subject: Re: {subject}\r\nTo: info".encode())
    assert MailOutcome.OPENED == take(raw.replace(b"somjai@", b"stranger@"))
    assert 2 == len(cases(office))


@pytest.mark.parametrize(("sender", "outcome"), [("somjai", MailOutcome.REPLY), ("stranger", MailOutcome.OPENED)])
def test_ones_own_thread_is_ones_own(take: TakeMail, sender: str, outcome: MailOutcome) -> None:
    """The Message-ID of a complainant's mail is no secret: it leads to the case only those who wrote that mail."""
    take(mail_bytes("utf8_base64"))
    raw = mail_bytes("reply", SENT="unknown@example.com").replace(b"From: somjai", f"From: {sender}".encode())
    assert outcome == take(raw)


def test_a_former_key_still_opens(desk: Desk) -> None:
    """A key can be changed while mails with the old tag are on their way."""
    old, new = (
        Tags(["the old key, which is long enough too"]),
        Tags(["another", "the old key, which is long enough too"]),
    )
    tag = old.tag("CC-2570-000045-6")
    assert "CC-2570-000045-6" == new.case_number(f"Re: {tag}")
    assert None is desk.tags.case_number(f"Re: {tag}")


@pytest.mark.parametrize(
    ("name", "outcome"), [("out_of_office", MailOutcome.AUTOMATIC), ("bounce", MailOutcome.BOUNCE)]
)
def test_machines_open_no_case_and_get_no_answer(
    office: Office, take: TakeMail, name: str, outcome: MailOutcome
) -> None:
    """Or two machines would write to each other for ever."""
    assert outcome == take(mail_bytes(name, SENT="unknown@example.com"))
    assert [] == cases(office)
    assert [] == owed(office)


def test_our_own_mail_is_an_echo(office: Office, take: TakeMail) -> None:
    """A copy of what we sent opens nothing."""
    raw = mail_bytes("no_text").replace(b"somjai@example.com", OUR_ADDRESS.encode())
    assert MailOutcome.AUTOMATIC == take(raw)
    assert [] == cases(office)


def test_a_mail_to_a_list_is_a_case_that_is_not_acknowledged(office: Office, take: TakeMail) -> None:
    """The acknowledgement would go to all readers of the list."""
    assert MailOutcome.OPENED == take(mail_bytes("mailing_list"))
    assert 1 == len(cases(office))
    assert [] == owed(office)


def test_the_arrival_is_acknowledged_once(office: Office, take: TakeMail) -> None:
    """With the number and the day by which it is answered, and nothing that the mail said."""
    take(mail_bytes("utf8_base64"))
    take(mail_bytes("utf8_base64"))
    (delivery,) = office.done("GET", "/deliveries")["items"]
    case = only_case(office)
    assert ("acknowledgement", "to_send") == (delivery["kind"], delivery["state"])
    assert case["case_number"] in delivery["text"]
    assert case["subject"] not in delivery["text"]


def test_an_address_that_never_stops_is_not_acknowledged_for_ever(office: Office, take: TakeMail) -> None:
    """An autoresponder that does not say what it is is answered five times a day; its mails are all taken in."""
    for number in range(7):
        raw = mail_bytes("utf8_base64").replace(b"<utf8.1@", f"<loop.{number}@".encode())
        assert MailOutcome.OPENED == take(raw)
    assert 7 == len(cases(office))
    assert 5 == len(owed(office))


def test_a_mail_that_came_back_fails_its_delivery(office: Office, take: TakeMail) -> None:
    """The answer is on the list again, with the reason, for somebody to find another way."""
    take(mail_bytes("utf8_base64"))
    ((sent, _),) = owed(office)
    (delivery,) = office.done("GET", "/deliveries")["items"]
    assert MailOutcome.BOUNCE == take(mail_bytes("bounce", SENT=f"{sent}@chumchon.go.th"))
    (failed,) = office.done("GET", "/deliveries", state="failed")["items"]
    assert (delivery["id"], "ส่งไม่ถึงผู้รับ (5.1.1)") == (failed["id"], failed["note"])
    told = office.done("POST", f"/deliveries/{failed['id']}/sending", {"note": "แจ้งทางโทรศัพท์"})
    assert "sent" == told["state"]


def test_a_delay_is_no_failure(office: Office, take: TakeMail) -> None:
    """The other server tries on."""
    take(mail_bytes("utf8_base64"))
    ((sent, _),) = owed(office)
    delayed = mail_bytes("bounce", SENT=f"{sent}@chumchon.go.th").replace(b"Action: failed", b"Action: delayed")
    take(delayed.replace(b"5.1.1", b"4.4.1").replace(b"550 ", b"450 "))
    assert [] == office.done("GET", "/deliveries", state="failed")["items"]


def test_an_unreadable_mail_is_a_case_that_says_so(office: Office, take: TakeMail) -> None:
    """It waits in triage, with the original; a registrar can put in what it says."""
    assert MailOutcome.UNREADABLE == take(mail_bytes("not_a_mail"))
    case = only_case(office)
    assert ("new", "อีเมลที่ระบบอ่านไม่ได้", None) == (case["state"], case["subject"], case["complainant"])
    (file,) = office.done("GET", f"/cases/{case['id']}/files")["items"]
    assert mail_bytes("not_a_mail") == office.ask("GET", f"/cases/{case['id']}/files/{file['id']}").content
    corrected = office.ask(
        "PATCH",
        f"/cases/{case['id']}",
        {"subject": "ขอแบบฟอร์ม", "details": "ขอแบบฟอร์มเสนอโครงการ"},
        headers={"If-Match": '"1"', "Content-Type": "application/merge-patch+json"},
    )
    assert 200 == corrected.status_code, corrected.text


def test_a_gateways_mail_is_a_fax(office: Office, take: TakeMail) -> None:
    """With sender, receiving line and pages; a machine sent it, and it is a case all the same."""
    assert MailOutcome.OPENED == take(mail_bytes("fax_gateway"))
    case = only_case(office)
    assert "fax" == case["channel"]
    assert {"sender_number": "+6635241234", "received_on_number": "+6626299227", "pages": 1} == case["evidence"]
    assert [] == owed(office)


def test_endless_words_are_cut_and_say_so(office: Office, take: TakeMail) -> None:
    """The original has them all."""
    take(mail_bytes("no_text") + b"Content-Type: text/plain\r\n\r\n" + ("ยาว" * 20_000).encode())
    assert only_case(office)["details"].endswith("ข้อความทั้งหมดอยู่ในไฟล์ต้นฉบับ)")


def test_files_are_for_those_who_see_the_case(office: Office, take: TakeMail) -> None:
    """Another group's are not there, and neither is a file of another case."""
    take(mail_bytes("utf8_base64"))
    case = only_case(office)
    path = f"/cases/{case['id']}/files"
    assert (404, "case-not-found") == office.refused("GET", path, role="group_officer.audit")
    assert (404, "file-not-found") == office.refused("GET", f"{path}/{case['id']}")
    assert 200 == office.ask("GET", path, role="group_officer.participation").status_code


def test_a_scan_is_added_by_hand(office: Office, desk: Desk) -> None:
    """A letter that a registrar recorded gets its scan; the same one twice is kept once, and history tells."""
    case = office.record("po_box")
    path = f"/v1/cases/{case['id']}/files?filename=letter.pdf"
    headers = {"Authorization": f"Bearer {office.token('registrar')}", "Content-Type": "application/octet-stream"}
    scan = b"%PDF" + b"." * 2_000_000
    added = [office.http.post(path, content=scan, headers=headers).raise_for_status().json() for _ in range(2)]
    assert added[0] == added[1]
    assert ("scan", "letter.pdf", "application/pdf", len(scan)) == tuple(
        added[0][name] for name in ("kind", "filename", "media_type", "bytes")
    )
    assert scan == b"".join(desk.store.read(key_of(added[0]["sha256"])))
    assert ["open", "route", "amend"] == [
        entry["action"] for entry in office.done("GET", f"/cases/{case['id']}/history")["items"]
    ]
    too_large = office.http.post(path, content=b"." * (20 * 1024 * 1024 + 1), headers=headers)
    assert (413, "/problems/file-too-large") == (too_large.status_code, too_large.json()["type"])
