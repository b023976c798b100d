"""What complainants are told by mail: over a real SMTP server, in the thread of their own mail."""

from collections.abc import Iterator
from email.headerregistry import Address
from pathlib import Path

import pytest

from chumchon.answering.files import Keeping
from chumchon.channels.desk import Desk
from chumchon.channels.sending import settle, writer
from chumchon.codes import MailOutcome
from servicekit.mail import MailServer
from servicekit.mail_queue import Postman
from servicekit.testing_mail import Mailbox, running_mail_server, send_due

from ..conftest import Json, Office  # noqa: TID252  # the tests are no package that has a name
from .conftest import OUR_ADDRESS, TakeMail, mail_bytes

LARGEST_FILES = 1000
"""What the files of one mail may measure here, in bytes."""


@pytest.fixture
def complainants() -> Iterator[Mailbox]:
    """The mail server behind which all complainants are."""
    with running_mail_server() as mailbox:
        yield mailbox


@pytest.fixture
def postman(office: Office, desk: Desk, complainants: Mailbox) -> Postman:
    sender = Address("สพช.", addr_spec=OUR_ADDRESS)
    server = MailServer("127.0.0.1", complainants.port, "none", sender, timeout_seconds=5)
    return Postman(
        office.app.state.sessions, server, write=writer(desk.tags, desk.store, most_bytes=LARGEST_FILES), settle=settle
    )


def only_case(office: Office) -> Json:
    (case,) = office.done("GET", "/cases")["items"]
    found: Json = case
    return found


def deliveries(office: Office, **wanted: str) -> list[Json]:
    return list(office.done("GET", "/deliveries", **wanted)["items"])


def test_an_answer_goes_out_in_its_thread(
    office: Office, take: TakeMail, postman: Postman, complainants: Mailbox
) -> None:
    """To who wrote, as an answer to that mail, with the tag by which a reply finds the case."""
    take(mail_bytes("utf8_base64"))
    case = only_case(office)
    office.answered(case, "โอนเงินภายใน 30 วัน")
    send_due(postman)
    acknowledgement, answer = complainants.mails
    assert ("auto-replied", "auto-generated") == (acknowledgement["Auto-Submitted"], answer["Auto-Submitted"])
    assert "somjai@example.com" == answer["To"]
    assert ("<utf8.1@example.com>", "<utf8.1@example.com>") == (answer["In-Reply-To"], answer["References"])
    assert f"คำตอบ: {case['subject']} [{case['case_number']}/" == answer["Subject"][:-17]
    body = answer.get_body()
    assert body is not None
    assert "โอนเงินภายใน 30 วัน" in body.get_content()
    assert {"sent"} == {delivery["state"] for delivery in deliveries(office)}
    assert {"mail-sender"} == {delivery["sent_by"] for delivery in deliveries(office)}


def test_the_reply_to_what_was_sent_comes_home(take: TakeMail, postman: Postman, complainants: Mailbox) -> None:
    """Through a mail program that keeps only the subject, or only the thread."""
    take(mail_bytes("utf8_base64"))
    send_due(postman)
    (sent,) = complainants.mails
    by_thread = mail_bytes("reply", SENT=str(sent["Message-ID"]).strip("<>"))
    by_subject = mail_bytes("no_text").replace(b"To: info", f"Subject: {sent['Subject']}\r\nTo: info".encode())
    assert [MailOutcome.REPLY, MailOutcome.REPLY] == [take(by_thread), take(by_subject)]


def test_what_the_server_refuses_is_for_people(
    office: Office, take: TakeMail, postman: Postman, complainants: Mailbox
) -> None:
    """An address that does not exist: the delivery is on the list again, and says why."""
    complainants.rcpt = "550 5.1.1 no such user"
    take(mail_bytes("utf8_base64"))
    send_due(postman)
    (failed,) = deliveries(office, state="failed")
    assert "ส่งอีเมลไม่ได้ (SMTP 550 5.1.1)" == failed["note"]
    assert ("refused", "SMTP 550 5.1.1") == (failed["mail"]["state"], failed["mail"]["last_problem"])


def test_tries_are_recorded(office: Office, take: TakeMail, postman: Postman, complainants: Mailbox) -> None:
    """What the server puts off is tried again, and the delivery tells how often and why."""
    complainants.rcpt = "451 4.7.1 greylisted"
    take(mail_bytes("utf8_base64"))
    send_due(postman)
    (waiting,) = deliveries(office, state="to_send")
    assert ("owed", 1, "SMTP 451 4.7.1") == tuple(
        waiting["mail"][name] for name in ("state", "attempts", "last_problem")
    )
    assert waiting["mail"]["due_at"]


def test_nobody_is_told_twice(office: Office, take: TakeMail, postman: Postman, complainants: Mailbox) -> None:
    """Where somebody has told the complainant already, or a newer answer took the place, no mail goes out."""
    take(mail_bytes("utf8_base64"))
    (delivery,) = deliveries(office)
    office.done("POST", f"/deliveries/{delivery['id']}/sending", {"note": "แจ้งทางโทรศัพท์"})
    case = only_case(office)
    office.answered(case, "โอนเงินภายใน 30 วัน")
    office.draft(case, "โอนเงินภายใน 15 วัน")
    office.approve(case)
    send_due(postman)
    (answer,) = complainants.mails
    body = answer.get_body()
    assert body is not None
    assert "15 วัน" in body.get_content()


def test_a_case_without_an_address_waits_for_people(
    office: Office, take: TakeMail, postman: Postman, complainants: Mailbox
) -> None:
    """A mail that named nobody cannot be answered by mail."""
    take(
        mail_bytes("no_text")
        .replace(b"From: somjai@example.com", b"From: nobody")
        .replace(b"Return-Path: <somjai@example.com>\r\n", b"")
    )
    case = only_case(office)
    office.done("PUT", f"/cases/{case['id']}/routing", {"topic": "training", "reason": "อ่านแล้ว"})
    office.answered(office.case(case["id"]), "อบรมวันที่ 1 ธันวาคม")
    send_due(postman)
    assert [] == complainants.mails
    assert ["ส่งอีเมลไม่ได้ (no address)"] == [delivery["note"] for delivery in deliveries(office, state="failed")]


def answer_with_file(office: Office, case: Json, content: bytes) -> None:
    """See the case to its answer, with a file beside its text."""
    office.app.state.keeping = Keeping(office.app.state.store, None)
    office.accept(case)
    role = f"group_officer.{case['work_group']}"
    sent = office.http.post(
        f"/v1/cases/{case['id']}/answer-files",
        params={"filename": "ตารางการโอนเงิน.txt"},
        content=content,
        headers={"Authorization": f"Bearer {office.token(role)}"},
    )
    office.draft(case, "ตามตารางที่แนบ")
    body = {"files": [sent.json()["id"]]}
    office.done("POST", f"/cases/{case['id']}/answers", body, role=f"group_head.{case['work_group']}")


def test_the_files_of_an_answer_go_with_its_mail(
    office: Office, take: TakeMail, postman: Postman, complainants: Mailbox
) -> None:
    """Under their Thai names, to the byte."""
    take(mail_bytes("utf8_base64"))
    answer_with_file(office, only_case(office), "งวดที่สอง 15 ธันวาคม".encode())
    send_due(postman)
    (attached,) = complainants.mails[-1].iter_attachments()
    content = attached.get_payload(decode=True)
    assert ("ตารางการโอนเงิน.txt", "งวดที่สอง 15 ธันวาคม".encode()) == (attached.get_filename(), content)


def test_files_that_no_mail_carries_are_for_people(office: Office, take: TakeMail, postman: Postman) -> None:
    """The delivery fails with its reason, rather than a mail that comes back."""
    take(mail_bytes("utf8_base64"))
    answer_with_file(office, only_case(office), b"x" * (LARGEST_FILES + 1))
    send_due(postman)
    (failed,) = deliveries(office, state="failed")
    assert "ส่งอีเมลไม่ได้ (the files are too large for a mail)" == failed["note"]


def test_a_file_that_is_lost_is_not_left_out_silently(
    office: Office, take: TakeMail, postman: Postman, tmp_path: Path
) -> None:
    """The complainant is not told of files that do not come."""
    take(mail_bytes("utf8_base64"))
    send_due(postman)
    answer_with_file(office, only_case(office), b"text")
    (tmp_path / "files").rename(tmp_path / "elsewhere")
    send_due(postman)
    (failed,) = deliveries(office, state="failed")
    assert "ส่งอีเมลไม่ได้ (a file is not where it should be)" == failed["note"]
