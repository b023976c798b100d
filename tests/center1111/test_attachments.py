"""Attachments: announced, sent, checked, cleaned, scanned, kept, read, and told to the agency."""

import hashlib
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from PIL import Image

from center1111.attachments.actions import Vault
from center1111.attachments.described import described_files
from center1111.attachments.public import PublicFiles
from center1111.attachments.rescanning import rescan, scan_what_waits
from center1111.journey import ATTACHMENT_MOVES, AttachmentMove, AttachmentState
from servicekit.files.scanning import ScannerUnavailable
from servicekit.testing import eventually

from .conftest import AGENCY, Centre, Json, made, ok, pointers, refused
from .test_tellings import Complainant

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
MIB = 1024 * 1024


def announced(centre: Centre, complaint: Json, content: bytes = PDF, **changes: object) -> Json:
    """An attachment of the complaint whose file is awaited."""
    body = {"filename": "ใบเสนอราคา.pdf", "media_type": "application/pdf", "bytes": len(content)} | changes
    return made(centre.as_("officer").post(f"/v1/complaints/{complaint['id']}/attachments", json=body))


def sent(centre: Centre, attachment: Json, content: bytes = PDF) -> Json:
    """The attachment after its file was sent."""
    return ok(centre.as_("officer").put(attachment["upload"]["url"], content=content))


def photograph() -> bytes:
    """A photograph that tells where it was taken."""
    told = Image.Exif()
    told[0x010E] = "13.7563N"
    out = io.BytesIO()
    Image.new("RGB", (32, 32), "green").save(out, "JPEG", exif=told)
    return out.getvalue()


class Scanner:
    """Finds what it was told to find; None: clean; an error: no answer."""

    def __init__(self, verdict: str | Exception | None) -> None:
        self.verdict = verdict

    def threat_in(self, _file: Any) -> str | None:  # noqa: ANN401  # as the real one
        """What was found."""
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


@pytest.fixture
def scanned_by(centre: Centre) -> Callable[[str | Exception | None], Centre]:
    """A Centre whose scanner says what it is told to."""

    def scanned(verdict: str | Exception | None) -> Centre:
        vault: Vault = centre.app.state.vault
        centre.app.state.vault = Vault(vault.store, Scanner(verdict))  # type: ignore[arg-type]  # plays the scanner
        return centre

    return scanned


def test_a_file_comes_in_and_goes_out_as_it_was(busy_centre: Centre) -> None:
    """With headers that make a browser save it under its name, and never show it."""
    complaint = busy_centre.registered()
    attachment = announced(busy_centre, complaint, sha256=hashlib.sha256(PDF).hexdigest())
    assert ("announced", "PUT") == (attachment["state"], attachment["upload"]["method"])
    after = sent(busy_centre, attachment)
    assert ("available", len(PDF), hashlib.sha256(PDF).hexdigest()) == (after["state"], after["bytes"], after["sha256"])
    answer = busy_centre.as_("auditor").get(attachment["upload"]["url"])
    assert (PDF, "application/pdf", str(len(PDF))) == (
        answer.content,
        answer.headers["content-type"],
        answer.headers["content-length"],
    )
    assert "attachment; filename*=UTF-8''%E0%B9%83%E0%B8%9A" in answer.headers["content-disposition"]
    assert ("nosniff", "default-src 'none'; sandbox") == (
        answer.headers["x-content-type-options"],
        answer.headers["content-security-policy"],
    )
    (listed,) = ok(busy_centre.as_("auditor").get(f"/v1/complaints/{complaint['id']}/attachments"))["items"]
    assert after == listed
    note = ok(busy_centre.as_("officer").get(f"/v1/complaints/{complaint['id']}/history"))["items"][-1]
    assert ("note", f"{attachment['id']} available") == (note["move"], note["note"])


def test_a_large_file_is_taken_and_a_larger_one_is_not(busy_centre: Centre) -> None:
    """20 MiB, far beyond the limit of other bodies; one byte more than announced is refused whatever was declared."""
    complaint = busy_centre.registered()
    content = PDF + bytes(20 * MIB - len(PDF))
    attachment = announced(busy_centre, complaint, content)
    officer = busy_centre.as_("officer")
    refused(officer.put(attachment["upload"]["url"], content=content + b"x"), 413)
    parts = (content[at : at + MIB] for at in range(0, 21 * MIB, MIB))
    assert "available" == ok(officer.put(attachment["upload"]["url"], content=parts))["state"]
    endless = announced(busy_centre, complaint, content)
    too_much = refused(officer.put(endless["upload"]["url"], content=(content[:MIB] for _ in range(30))), 413)
    assert "/problems/file-too-large" == too_much["type"]


def test_a_photograph_loses_where_it_was_taken(busy_centre: Centre) -> None:
    """What is kept, listed and told to the agency is the cleaned picture."""
    content = photograph()
    attachment = announced(
        busy_centre, busy_centre.registered(), content, filename="หลักฐาน.JPG", media_type="image/jpeg"
    )
    after = sent(busy_centre, attachment, content)
    kept = busy_centre.as_("officer").get(attachment["upload"]["url"]).content
    assert b"13.7563N" in content
    assert b"13.7563N" not in kept
    assert (len(kept), hashlib.sha256(kept).hexdigest()) == (after["bytes"], after["sha256"])


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"filename": "ใบเสนอราคา.exe"}, {"/filename": "name_not_of_type"}),
        ({"filename": "ใบเสนอราคา"}, {"/filename": "name_not_of_type"}),
        ({"filename": "../../etc/passwd.pdf"}, {"/filename": "wrong_filename"}),
        ({"filename": "a\\b.pdf"}, {"/filename": "wrong_filename"}),
        ({"filename": ".pdf"}, {"/filename": "wrong_filename"}),
        ({"filename": "ก" * 200 + ".pdf"}, {"/filename": "too_long"}),
        ({"filename": "a\u0000.pdf"}, {"/filename": "control_character"}),
        ({"media_type": "application/x-msdownload"}, {"/media_type": "unknown_code"}),
        ({"bytes": 0}, {"/bytes": "too_small"}),
        ({"bytes": 20 * MIB + 1}, {"/bytes": "too_large"}),
        ({"bytes": "12"}, {"/bytes": "wrong_type"}),
        ({"sha256": "abc"}, {"/sha256": "wrong_form"}),
        ({"url": "file:///etc/passwd"}, {"/url": "unknown_field"}),
    ],
)
def test_a_wrong_announcement_is_refused(busy_centre: Centre, changes: Json, wrong: dict[str, str]) -> None:
    """And nothing is written down."""
    complaint = busy_centre.registered()
    body = {"filename": "ใบเสนอราคา.pdf", "media_type": "application/pdf", "bytes": 10} | changes
    path = f"/v1/complaints/{complaint['id']}/attachments"
    assert wrong == pointers(refused(busy_centre.as_("officer").post(path, json=body), 400))
    assert [] == ok(busy_centre.as_("officer").get(path))["items"]


@pytest.mark.parametrize(
    ("name", "media_type", "content", "size", "sha256", "wrong"),
    [
        ("a.pdf", "application/pdf", b"MZ\x90\0" + bytes(60), 64, None, "wrong_content"),
        ("a.pdf", "application/pdf", PDF[:-1], len(PDF), None, "wrong_size"),
        ("a.pdf", "application/pdf", PDF, len(PDF), "0" * 64, "wrong_digest"),
        ("a.png", "image/png", PDF, len(PDF), None, "wrong_content"),
        ("a.txt", "text/plain", b"\0\1\2", 3, None, "wrong_content"),
        ("a.jpg", "image/jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF\0", 11, None, "wrong_content"),
        ("a.docx", None, b"PK\x03\x04" + bytes(60), 64, None, "wrong_content"),
    ],
)
def test_a_file_that_is_not_what_was_announced_is_refused(  # noqa: PLR0917  # one row of the table each
    busy_centre: Centre, name: str, media_type: str | None, content: bytes, size: int, sha256: str | None, wrong: str
) -> None:
    """The right one may still come."""
    kind = media_type or "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    attachment = announced(
        busy_centre, busy_centre.registered(), filename=name, media_type=kind, bytes=size, sha256=sha256
    )
    problem = refused(busy_centre.as_("officer").put(attachment["upload"]["url"], content=content), 400)
    assert {"": wrong} == pointers(problem)
    path = attachment["upload"]["url"].removesuffix("/content")
    assert "announced" == ok(busy_centre.as_("officer").get(path))["state"]
    refused(busy_centre.as_("officer").get(attachment["upload"]["url"]), 409)


def test_the_same_file_again_changes_nothing(busy_centre: Centre) -> None:
    """A sender who did not hear the answer sends again; another file is refused."""
    attachment = announced(busy_centre, busy_centre.registered())
    assert sent(busy_centre, attachment) == sent(busy_centre, attachment)
    other = PDF.replace(b"1.7", b"1.4")
    refused(busy_centre.as_("officer").put(attachment["upload"]["url"], content=other), 409)


def test_nothing_is_left_of_a_file_that_lost(busy_centre: Centre, secrets_folder: Path) -> None:
    """What was stored before its transaction failed is removed again."""
    before = set((secrets_folder / "attachments").glob("*"))
    attachment = announced(busy_centre, busy_centre.registered(), b"MZ" + bytes(62))
    refused(busy_centre.as_("officer").put(attachment["upload"]["url"], content=b"MZ" + bytes(62)), 400)
    assert before == set((secrets_folder / "attachments").glob("*"))


def test_a_harmful_file_is_quarantined(scanned_by: Callable[[str | Exception | None], Centre]) -> None:
    """It is never handed out, and its complaint goes to the agency without it."""
    centre = scanned_by("Eicar-Test-Signature")
    complaint = centre.verified()
    after = sent(centre, attachment := announced(centre, complaint))
    assert ("quarantined", "Eicar-Test-Signature") == (after["state"], after["threat"])
    refused(centre.as_("admin").get(attachment["upload"]["url"]), 409)
    referral = centre.referred(complaint)
    assert [] == centre.owed(referral["id"])[0]["data"].get("attachments", [])


def test_a_file_waits_until_the_scanner_answers(scanned_by: Callable[[str | Exception | None], Centre]) -> None:
    """Then it is scanned on an officer's word, once."""
    centre = scanned_by(ScannerUnavailable("down"))
    attachment = announced(centre, centre.registered())
    assert "unscanned" == sent(centre, attachment)["state"]
    refused(centre.as_("officer").get(attachment["upload"]["url"]), 409)
    scan = attachment["upload"]["url"].replace("/content", "/scan")
    assert "/problems/scanner-unavailable" == refused(centre.as_("officer").post(scan), 503)["type"]
    scanned_by(None)
    assert "available" == ok(centre.as_("officer").post(scan))["state"]
    assert PDF == centre.as_("officer").get(attachment["upload"]["url"]).content
    refused(centre.as_("officer").post(scan), 409)


def test_the_agency_is_told_of_what_it_may_fetch(busy_centre: Centre) -> None:
    """With the referral what is there by then, with an amendment what came since; announcements alone are not told."""
    complaint = busy_centre.verified()
    first = sent(busy_centre, announced(busy_centre, complaint))
    announced(busy_centre, complaint)
    referral = busy_centre.referred(busy_centre.complaint(complaint["id"]))
    second = sent(busy_centre, announced(busy_centre, complaint))
    amendment = {"text": "ส่งใบเสนอราคาเพิ่มเติม"}
    ok_or_made = busy_centre.as_("officer").post(f"/v1/referrals/{referral['id']}/amendments", json=amendment)
    assert ok_or_made.is_success, ok_or_made.text
    told = [message["data"]["attachments"] for message in busy_centre.owed(referral["id"])]
    shown = [
        {name: one[name] for name in ("id", "filename", "media_type", "bytes", "sha256")} for one in (first, second)
    ]
    assert [shown[:1], shown] == told


def given_out(centre: Centre, attachment: Json, *, peer: str = AGENCY) -> bytes | None:
    """What a peer that asks for this file gets."""
    vault: Vault = centre.app.state.vault
    with centre.session() as session:
        return described_files(vault.store).read(session, UUID(attachment["id"]), peer=peer)


def test_an_agency_gets_the_files_that_a_message_described_to_it(busy_centre: Centre) -> None:
    """What came since the last message it gets after the next one, and no other party gets anything."""
    complaint = busy_centre.verified()
    first = sent(busy_centre, announced(busy_centre, complaint))
    awaited = announced(busy_centre, complaint)
    assert given_out(busy_centre, first) is None
    referral = busy_centre.referred(busy_centre.complaint(complaint["id"]))
    second = sent(busy_centre, announced(busy_centre, complaint))
    assert [PDF, None, None] == [given_out(busy_centre, one) for one in (first, second, awaited)]
    amendment = busy_centre.as_("officer").post(f"/v1/referrals/{referral['id']}/amendments", json={"text": "เพิ่มเติม"})
    assert amendment.is_success, amendment.text
    assert [PDF, PDF, None] == [given_out(busy_centre, one) for one in (first, second, awaited)]
    assert given_out(busy_centre, first, peer="another") is None
    elsewhere = sent(busy_centre, announced(busy_centre, busy_centre.verified()))
    assert given_out(busy_centre, elsewhere) is None


def test_a_file_of_a_message_that_was_given_up_is_not_given_out(busy_centre: Centre) -> None:
    """The agency was never told of it."""
    complaint = busy_centre.verified()
    attachment = sent(busy_centre, announced(busy_centre, complaint))
    referral = busy_centre.referred(busy_centre.complaint(complaint["id"]))
    with busy_centre.session() as session, session.begin():
        session.execute(
            sa.text("UPDATE exchange_outbox SET state = 'void' WHERE subject = :referral"),
            {"referral": UUID(referral["id"])},
        )
    assert given_out(busy_centre, attachment) is None


def test_a_file_that_the_store_has_lost_is_asked_for_again(busy_centre: Centre) -> None:
    """The agency is told that it is not there, and the operator by the log; it is given out when it is back."""
    complaint = busy_centre.verified()
    attachment = sent(busy_centre, announced(busy_centre, complaint))
    busy_centre.referred(busy_centre.complaint(complaint["id"]))
    vault: Vault = busy_centre.app.state.vault
    with busy_centre.session() as session:
        key = session.scalar(
            sa.text("SELECT store_key FROM attachments WHERE id = :id"), {"id": UUID(attachment["id"])}
        )
    vault.store.forget(key)
    assert given_out(busy_centre, attachment) is None
    vault.store.keep(key, io.BytesIO(PDF))
    assert PDF == given_out(busy_centre, attachment)


def test_who_may(busy_centre: Centre) -> None:
    """Officers attach and read; an agency's system does with what it filed itself; others see nothing."""
    complaint = busy_centre.registered()
    path = f"/v1/complaints/{complaint['id']}/attachments"
    body = {"filename": "a.pdf", "media_type": "application/pdf", "bytes": len(PDF)}
    refused(busy_centre.as_("auditor").post(path, json=body), 403)
    refused(busy_centre.anyone.post(path, json=body), 401)
    stranger = busy_centre.as_("agency_client", client_id="another")
    refused(stranger.post(path, json=body, headers={"Idempotency-Key": "k1"}), 404)
    attachment = announced(busy_centre, complaint)
    for method in ("PUT", "GET"):
        refused(stranger.request(method, attachment["upload"]["url"]), 404)
        refused(busy_centre.anyone.request(method, attachment["upload"]["url"]), 401)
    other = busy_centre.registered()
    elsewhere = attachment["upload"]["url"].replace(complaint["id"], other["id"])
    refused(busy_centre.as_("officer").put(elsewhere, content=PDF), 404)


def test_a_complaint_has_at_most_fifty(busy_centre: Centre) -> None:
    """As many as a referral can carry."""
    complaint = busy_centre.registered()
    for _ in range(50):
        announced(busy_centre, complaint)
    body = {"filename": "a.pdf", "media_type": "application/pdf", "bytes": 1}
    path = f"/v1/complaints/{complaint['id']}/attachments"
    assert "/problems/too-many-attachments" == refused(busy_centre.as_("officer").post(path, json=body), 409)["type"]


def test_every_state_of_an_attachment_can_be_reached() -> None:
    """And from available and quarantined no move leads on."""
    assert set(AttachmentState) == {AttachmentState.ANNOUNCED, *ATTACHMENT_MOVES.values()}
    ends = {AttachmentState.AVAILABLE, AttachmentState.QUARANTINED}
    assert not [move for before, move in ATTACHMENT_MOVES if before in ends]
    assert {AttachmentMove.RELEASE, AttachmentMove.QUARANTINE} == {
        move for before, move in ATTACHMENT_MOVES if before is AttachmentState.UNSCANNED
    }


class Sender(Complainant):
    """A complainant who sends files."""

    @property
    def path(self) -> str:
        """Where their files are."""
        return f"/v1/public/complaints/{self.number}/attachments"

    @property
    def known(self) -> dict[str, str]:
        """What they prove themselves by."""
        return {"Tracking-Secret": self.secret}

    def announces(self, content: bytes = PDF, **changes: object) -> Any:  # noqa: ANN401  # a response
        """Say that a file is to come."""
        body = {"filename": "ใบเสร็จ.pdf", "media_type": "application/pdf", "bytes": len(content)} | changes
        return self.centre.anyone.post(self.path, json=body, headers=self.known)

    def sends(self, url: str, content: bytes = PDF) -> Any:  # noqa: ANN401  # a response
        """Send it."""
        return self.centre.anyone.put(url, content=content, headers=self.known)


def test_a_complainant_s_file_waits_until_it_is_known_to_be_clean(
    scanned_by: Callable[[str | Exception | None], Centre],
) -> None:
    """Without a scanner an officer lets it in; the website gives it back to nobody, and the agency gets it."""
    centre = scanned_by(None)
    vault: Vault = centre.app.state.vault
    centre.app.state.vault = Vault(vault.store, None)
    sender = Sender(centre)
    announced = made(sender.announces(sha256=hashlib.sha256(PDF).hexdigest()))
    url = announced["upload"]["url"]
    assert announced["received_at"] is None
    assert ok(sender.sends(url))["received_at"]
    assert ok(sender.sends(url)) == ok(centre.anyone.get(sender.path, headers=sender.known))["items"][0]
    refused(centre.anyone.get(url, headers=sender.known), 405)

    officer, own = centre.as_("officer"), f"/v1/complaints/{sender.id}/attachments/{announced['id']}"
    seen = ok(officer.get(own))
    assert ("unscanned", "complainant") == (seen["state"], seen["announced_by"])
    refused(officer.get(f"{own}/content"), 409)
    assert "available" == ok(officer.post(f"{own}/scan"))["state"]
    assert PDF == officer.get(f"{own}/content").content
    ok(centre.as_("verifier").put(f"/v1/complaints/{sender.id}/verification", json={"outcome": "accepted"}))
    (message,) = centre.owed(centre.referred(centre.complaint(sender.id))["id"])
    assert [announced["id"]] == [one["id"] for one in message["data"]["attachments"]]


def test_a_complainant_s_file_is_scanned_as_every_other(
    scanned_by: Callable[[str | Exception | None], Centre],
) -> None:
    """What is found is told to officers, and not to whoever sent it."""
    for verdict, state in ((None, "available"), ("Eicar-Test-Signature", "quarantined")):
        centre = scanned_by(verdict)
        sender = Sender(centre)
        announced = made(sender.announces())
        after = sender.sends(announced["upload"]["url"])
        assert "Eicar" not in after.text
        shown = ok(centre.as_("officer").get(f"/v1/complaints/{sender.id}/attachments/{announced['id']}"))
        assert (state, verdict) == (shown["state"], shown["threat"])


def test_a_complainant_sends_only_so_many_files_and_bytes(centre: Centre) -> None:
    """By settings; with an answer that says what else can be done, and only while the complaint is open."""
    centre.app.state.public_files = PublicFiles(number=2, bytes=3 * len(PDF))
    sender = Sender(centre)
    made(sender.announces())
    assert "/problems/too-many-bytes" == refused(sender.announces(PDF * 3), 409)["type"]
    made(sender.announces())
    assert "/problems/too-many-attachments" == refused(sender.announces(), 409)["type"]
    announced(centre, {"id": sender.id})  # an officer's own do not count

    closed = Sender(centre)
    made(closed.announces())
    ok(closed.says("withdrawal", {"reason": "ขอถอนเรื่อง"}))
    assert "/problems/not-possible-now" == refused(closed.announces(), 409)["type"]


def test_a_complainant_s_files_are_checked_and_nobody_else_sends_them(busy_centre: Centre) -> None:
    """The same checks as of officers' files; a wrong secret, and files of others, are not found."""
    sender, other = Sender(busy_centre), Sender(busy_centre)
    wrong = refused(sender.announces(filename="ใบเสร็จ.exe", bytes=30 * MIB), 400)
    assert {"/filename": "name_not_of_type", "/bytes": "too_large"} == pointers(wrong)
    url = made(sender.announces())["upload"]["url"]
    assert {"": "wrong_size"} == pointers(refused(sender.sends(url, PDF[:-1]), 400))
    refused(sender.sends(url, PDF + b"x"), 413)
    refused(busy_centre.anyone.put(url, content=PDF), 400)
    for number, secret in ((sender.number, other.secret), (other.number, other.secret), (other.number, sender.secret)):
        path, known = url.replace(sender.number, number), {"Tracking-Secret": secret}
        refused(busy_centre.anyone.put(path, content=PDF, headers=known), 404)
        listed = busy_centre.anyone.get(path.rpartition("/attachments/")[0] + "/attachments", headers=known)
        assert [] == ok(listed)["items"] if (number, secret) == (other.number, other.secret) else refused(listed, 404)
    officers = announced(busy_centre, {"id": sender.id})
    refused(sender.sends(f"{sender.path}/{officers['id']}/content"), 404)
    assert 1 == len(ok(busy_centre.anyone.get(sender.path, headers=sender.known))["items"])
    assert "RateLimit" in sender.announces().headers


def test_what_waits_for_the_scanner_is_scanned_by_itself(
    scanned_by: Callable[[str | Exception | None], Centre],
) -> None:
    """As soon as it answers again; until then it is asked once a look, and nothing is decided."""
    centre = scanned_by(ScannerUnavailable("down"))
    complaint = centre.registered()
    files = [sent(centre, announced(centre, complaint)) for _ in range(3)]
    assert {"unscanned"} == {one["state"] for one in files}
    sessions = centre.app.state.sessions
    assert 0 == scan_what_waits(sessions, centre.app.state.vault)
    scanned_by(None)
    stop = threading.Event()
    worker = threading.Thread(target=rescan, args=(sessions, centre.app.state.vault, stop), kwargs={"every_seconds": 9})
    worker.start()
    path, officer = f"/v1/complaints/{complaint['id']}/attachments", centre.as_("officer")
    eventually(lambda: {one["state"] for one in ok(officer.get(path))["items"]} == {"available"})
    stop.set()
    worker.join(5)
    assert 0 == scan_what_waits(sessions, centre.app.state.vault)
    last = ok(officer.get(f"/v1/complaints/{complaint['id']}/history"))["items"][-1]
    assert ("scanner", True) == (last["by"], last["note"].endswith("available"))
