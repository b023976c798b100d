"""Files that go with answers: sent in by officers, described to the Centre, enclosed in letters, read online."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pypdfium2 as pdfium
import pytest
import sqlalchemy as sa
from PIL import Image

from chumchon.answering.described import described_files
from chumchon.answering.files import Keeping
from chumchon.exchange import recalled
from schemas import Attachment, Message
from schemas.bodies import ReferralAnswered
from servicekit.clock import utc_now
from servicekit.files.scanning import ScannerUnavailable
from servicekit.files.storing import FileStore
from servicekit.ids import uuid7

from .conftest import CENTRE, TRANSFER, Centre, Json, Office, numbers

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
NAME = "ตารางการโอนเงิน.pdf"


class Scanner:
    """Finds what it was told to find; None: clean; an error: no answer."""

    def __init__(self, verdict: str | Exception | None) -> None:
        self.verdict = verdict

    def threat_in(self, _file: Any) -> str | None:  # noqa: ANN401  # as the real one
        """What was found."""
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


@pytest.fixture(autouse=True)
def store(office: Office, tmp_path: Path) -> FileStore:
    """The Office keeps files, and scans none."""
    kept = FileStore((tmp_path / "files").as_uri())
    office.app.state.store = kept
    office.app.state.keeping = Keeping(kept, None)
    return kept


def try_to_send(
    office: Office, case: Json, content: bytes = PDF, *, filename: str = NAME, role: str | None = None
) -> httpx2.Response:
    """Send a file in for the case's answer."""
    token = office.token(role or f"group_officer.{case['work_group']}")
    return office.http.post(
        f"/v1/cases/{case['id']}/answer-files",
        params={"filename": filename},
        content=content,
        headers={"Authorization": f"Bearer {token}"},
    )


def sent_in(office: Office, case: Json, content: bytes = PDF, *, filename: str = NAME) -> Json:
    """The file, as it was taken."""
    answer = try_to_send(office, case, content, filename=filename)
    assert 201 == answer.status_code, answer.text
    found: Json = answer.json()
    return found


def drafted(office: Office, case: Json, text: str, files: list[str] | None = None) -> Json:
    """A draft with these files; None does not speak of files."""
    version = office.case(case["id"])["version"]
    body = {"text": text} if files is None else {"text": text, "files": files}
    role = f"group_officer.{case['work_group']}"
    return office.done("PUT", f"/cases/{case['id']}/draft", body, role=role, headers={"If-Match": f'"{version}"'})


def test_an_approved_answer_describes_its_files_to_the_centre_alone(
    office: Office, centre: Centre, case_of: Callable[[UUID], Json], store: FileStore
) -> None:
    """A draft's files are nobody else's; those of the approved answer are the Centre's to fetch, and no other's."""
    case = case_of(centre.refer())
    office.accept(case)
    file, left_out = sent_in(office, case), sent_in(office, case, PDF + b"\n")
    draft = drafted(office, case, "โอนตามตารางที่แนบ", [file["id"]])["draft"]
    assert [file] == draft["files"]
    source, sessions = described_files(store), office.app.state.sessions

    def given_out(described: Json, peer: str = CENTRE) -> bytes | None:
        with sessions() as session:
            return source.read(session, UUID(described["id"]), peer=peer)

    assert given_out(file) is None
    answered = office.approve(case)
    assert [file] == answered["answer"]["files"]
    (told,) = [message["data"] for message in centre.owed() if message["type"] == "referral.answered.v1"]
    assert [file] == told["attachments"]
    assert (PDF, None, None) == (given_out(file), given_out(file, "somebody-else"), given_out(left_out))


def test_a_file_whose_bytes_are_lost_is_asked_for_again(
    office: Office, centre: Centre, case_of: Callable[[UUID], Json], tmp_path: Path
) -> None:
    """The exchange gives out nothing rather than something else."""
    case = case_of(centre.refer())
    office.accept(case)
    file = sent_in(office, case)
    drafted(office, case, "โอนตามตารางที่แนบ", [file["id"]])
    office.approve(case)
    with office.app.state.sessions() as session:
        assert (
            described_files(FileStore((tmp_path / "empty").as_uri())).read(session, UUID(file["id"]), peer=CENTRE)
            is None
        )


def test_who_says_nothing_of_files_leaves_them_as_they_are(office: Office) -> None:
    """A draft keeps those of the draft before; a correction those of the answer in force; an empty list has none."""
    case = office.record()
    office.accept(case)
    file, other = sent_in(office, case), sent_in(office, case, PDF + b"\n", filename="แบบคำขอ.pdf")
    drafted(office, case, "โอนภายใน 30 วัน", [other["id"], file["id"]])
    assert [other, file] == drafted(office, case, "โอนภายใน 15 วัน")["draft"]["files"]
    assert [other, file] == office.approve(case)["answer"]["files"]
    assert [other, file] == drafted(office, case, "โอนภายใน 25 วัน")["draft"]["files"]
    body: Json = {"files": []}
    corrected = office.done("POST", f"/cases/{case['id']}/answers", body, role=f"group_head.{case['work_group']}")
    assert [] == corrected["answer"]["files"]
    versions = office.done("GET", f"/cases/{case['id']}/answers")["items"]
    assert [[other, file], []] == [answer["files"] for answer in versions]


def test_a_required_draft_is_approved_with_its_own_files(office: Office) -> None:
    """What nobody but the head has seen goes with no answer for which the settings require a draft."""
    office.app.state.draft_required = True
    case = office.record()
    office.accept(case)
    file, other = sent_in(office, case), sent_in(office, case, PDF + b"\n", filename="แบบคำขอ.pdf")
    drafted(office, case, "โอนตามตารางที่แนบ", [file["id"]])
    path, head = f"/cases/{case['id']}/answers", f"group_head.{case['work_group']}"
    for files in ([], [other["id"]], [file["id"], other["id"]]):
        assert (409, "draft-not-as-written") == office.refused("POST", path, {"files": files}, role=head)
    answer = office.done("POST", path, {"files": [file["id"]]}, role=head)["answer"]
    assert ([file], f"group_officer.{case['work_group']}") == (answer["files"], answer["drafted_by"])


def test_a_head_who_chooses_other_files_is_the_author(office: Office) -> None:
    """The officer who drafted has never seen the answer with these files."""
    case = office.record()
    office.accept(case)
    file, head = sent_in(office, case), f"group_head.{case['work_group']}"
    drafted(office, case, "โอนตามตารางที่แนบ", [])
    answer = office.done("POST", f"/cases/{case['id']}/answers", {"files": [file["id"]]}, role=head)["answer"]
    assert ([file], head, head) == (answer["files"], answer["drafted_by"], answer["approved_by"])


def test_a_head_may_answer_with_files_and_no_draft(office: Office) -> None:
    """Their files need no draft either."""
    case = office.record()
    office.accept(case)
    file = sent_in(office, case)
    body = {"text": "ตามเอกสารที่แนบ", "files": [file["id"], file["id"]]}
    answered = office.done("POST", f"/cases/{case['id']}/answers", body, role=f"group_head.{case['work_group']}")
    assert [file] == answered["answer"]["files"]


def test_files_are_told_by_their_content(office: Office) -> None:
    """A name of no kind that is taken, another content than the name says, nothing at all, and a damaged image."""
    case = office.record()
    office.accept(case)
    for filename, content, code in (
        ("โปรแกรม.exe", b"MZ", "kind_not_taken"),
        ("ไม่มีนามสกุล", PDF, "kind_not_taken"),
        ("ภาพ.png", PDF, "wrong_content"),
        ("ว่าง.pdf", b"", "wrong_content"),
        ("ว่าง.txt", b"", "wrong_content"),
        ("ภาพ.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\0", "wrong_content"),
    ):
        answer = try_to_send(office, case, content, filename=filename)
        assert (400, [code]) == (answer.status_code, [error["code"] for error in answer.json()["errors"]]), filename
    assert [] == office.done("GET", f"/cases/{case['id']}/files")["items"]


def test_a_photograph_loses_where_it_was_taken(office: Office) -> None:
    """What leaves the Office shows the picture and nothing beside it; paths in names are left out."""
    case = office.record()
    office.accept(case)
    told = Image.Exif()
    told[0x010E] = "13.7563N"
    out = io.BytesIO()
    Image.new("RGB", (32, 32), "green").save(out, "JPEG", exif=told)
    file = sent_in(office, case, out.getvalue(), filename="C:\\ภาพ\\ที่ดิน.jpg")
    assert ("ที่ดิน.jpg", "image/jpeg") == (file["filename"], file["media_type"])
    kept = office.ask("GET", f"/cases/{case['id']}/files/{file['id']}").content
    assert b"13.7563N" in out.getvalue()
    assert b"13.7563N" not in kept
    assert file["bytes"] == len(kept)


@pytest.mark.parametrize(
    ("verdict", "status", "slug"),
    [("Eicar", 409, "harmful-file"), (ScannerUnavailable("down"), 503, "scanner-unavailable")],
)
def test_only_a_clean_file_is_kept(
    office: Office, store: FileStore, verdict: str | Exception, status: int, slug: str
) -> None:
    """A harmful file, and one that cannot be scanned now, leave nothing."""
    case = office.record()
    office.accept(case)
    office.app.state.keeping = Keeping(store, Scanner(verdict))  # type: ignore[arg-type]  # as much as is asked of it
    answer = try_to_send(office, case)
    assert (status, f"/problems/{slug}") == (answer.status_code, answer.json()["type"])
    assert [] == office.done("GET", f"/cases/{case['id']}/files")["items"]
    office.app.state.keeping = Keeping(store, Scanner(None))  # type: ignore[arg-type]  # as above
    assert 201 == try_to_send(office, case).status_code


def test_the_same_file_again_changes_nothing(office: Office) -> None:
    """A repeated request gives the file that is there."""
    case = office.record()
    office.accept(case)
    assert sent_in(office, case) == sent_in(office, case)
    assert 1 == len(office.done("GET", f"/cases/{case['id']}/files")["items"])


def test_an_answer_names_only_files_sent_in_for_it(office: Office) -> None:
    """Not those of another case, nor ones that do not exist, nor more than an answer can carry."""
    case, other = office.record(), office.record()
    for one in (case, other):
        office.accept(one)
    foreign = sent_in(office, other)
    path, role = f"/cases/{case['id']}/draft", f"group_officer.{case['work_group']}"
    match = {"If-Match": f'"{office.case(case["id"])["version"]}"'}
    for named in (foreign["id"], str(uuid4())):
        body = {"text": "ตามเอกสารที่แนบ", "files": [named]}
        assert (409, "file-not-of-answer") == office.refused("PUT", path, body, role=role, headers=match)
    many = {"text": "ตามเอกสารที่แนบ", "files": [str(uuid4()) for _ in range(51)]}
    assert {("/files", "too_long")} == office.faults("PUT", path, many, role=role, headers=match)


def test_who_may_send_files_in_and_when(office: Office) -> None:
    """The case's group, while there is something to write; for others there is no such case."""
    case = office.record()
    assert 409 == try_to_send(office, case).status_code, "nobody has accepted it"
    office.accept(case)
    assert 404 == try_to_send(office, case, role="group_officer.audit").status_code
    assert 403 == try_to_send(office, case, role="registrar").status_code
    assert 413 == try_to_send(office, case, bytes(20 * 1024 * 1024 + 1)).status_code
    office.app.state.keeping = None
    assert (409, "/problems/files-not-kept") == (
        (answer := try_to_send(office, case)).status_code,
        answer.json()["type"],
    )


def test_a_letter_names_what_is_enclosed(office: Office) -> None:
    """Who prints and posts it sees which files go with it."""
    case = office.record("po_box")
    office.accept(case)
    file = sent_in(office, case)
    drafted(office, case, "โอนตามตารางที่แนบ", [file["id"]])
    office.approve(case)
    (delivery,) = office.done("GET", "/deliveries")["items"]
    assert [file] == delivery["files"]
    letter = office.ask("GET", f"/deliveries/{delivery['id']}/letter.pdf")
    with pdfium.PdfDocument(letter.content) as pdf:
        said = pdf[0].get_textpage().get_text_bounded()
    assert "สิ่งที่ส่งมาด้วย" in said
    assert NAME in said


def test_the_complainant_reads_the_files_of_the_answer_in_force_online(office: Office) -> None:
    """By number and secret; what a correction left out is no longer theirs, and nothing else of the case is."""
    new = {"kind": "inquiry", **TRANSFER, "evidence": {"consent": True}}
    sent = office.done("POST", "/public/cases", new, role=None)
    path, secret = f"/public/cases/{sent['case_number']}", {"Tracking-Secret": sent["tracking_secret"]}
    (case,) = office.done("GET", "/cases", case_number=sent["case_number"])["items"]
    office.accept(case)
    file = sent_in(office, case)
    drafted(office, case, "โอนตามตารางที่แนบ", [file["id"]])
    unseen = (404, "file-not-found")
    assert unseen == office.refused("GET", f"{path}/files/{file['id']}", role=None, headers=secret)
    office.approve(case)
    (shown,) = office.done("GET", path, role=None, headers=secret)["answer"]["files"]
    assert {name: file[name] for name in ("id", "filename", "media_type", "bytes")} == shown
    found = office.ask("GET", f"{path}/files/{file['id']}", role=None, headers=secret)
    assert (PDF, "nosniff") == (found.content, found.headers["x-content-type-options"])
    wrong = {"Tracking-Secret": "AAAA-AAAA-AAAA-AAAA"}
    assert (404, "case-not-found") == office.refused("GET", f"{path}/files/{file['id']}", role=None, headers=wrong)
    drafted(office, case, "แก้ไขคำตอบ", [])
    office.approve(case)
    assert unseen == office.refused("GET", f"{path}/files/{file['id']}", role=None, headers=secret)


def test_a_restored_office_knows_the_files_of_its_answers_again(
    office: Office, centre: Centre, case_of: Callable[[UUID], Json], store: FileStore
) -> None:
    """By what it had described to the Centre: the bytes are kept apart from the database."""
    referral = centre.refer()
    case = case_of(referral)
    described = Attachment(
        id=uuid7(),
        filename=NAME,
        media_type="application/pdf",
        bytes=len(PDF),
        sha256=store.keep_by_digest(io.BytesIO(PDF)),
    )
    body = ReferralAnswered.model_validate(
        {
            **numbers(case["case_number"]),
            "version": 1,
            "text": "โอนตามตารางที่แนบ",
            "attachments": [described],
            "work_group": "participation",
            "answered_at": "2026-10-05T02:20:00Z",
        }
    )
    office.accept(case)
    told = Message(
        specversion="1.0",
        id=uuid7(),
        source="chumchon",
        type="referral.answered.v1",
        subject=referral,
        sequence=2,
        time=utc_now(),
        data={},
    )
    with office.app.state.sessions.begin() as session:
        recalled()["referral.answered.v1"](session, told, body, utc_now())
    (file,) = office.case(case["id"])["answer"]["files"]
    assert described.model_dump(mode="json").items() <= file.items()
    assert PDF == office.ask("GET", f"/cases/{case['id']}/files/{file['id']}").content


def test_files_go_by_their_kind(office: Office) -> None:
    """They are listed with the case's files, told apart from what came with it."""
    case = office.record()
    office.accept(case)
    sent_in(office, case)
    (listed,) = office.done("GET", f"/cases/{case['id']}/files")["items"]
    assert "answer" == listed["kind"]
    with office.app.state.sessions() as session:
        assert 1 == session.scalar(sa.text("SELECT count(*) FROM case_files WHERE kind = 'answer'"))
