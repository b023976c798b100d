"""The store of questions and answers, the summary, and the code lists."""

import csv
import io
from collections.abc import Callable, Iterator
from uuid import UUID

import openpyxl
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from chumchon.cli import cli
from chumchon.intake.indexing import index_cases
from chumchon.questions import queries
from chumchon.records import case_search, question_search
from servicekit.ids import uuid7
from servicekit.testing import Template

from .conftest import UNCLEAR, Centre, Json, Keys, Office, office_on

CaseOf = Callable[[UUID], Json]

ANY = {"If-Match": "*"}
MEETING = {
    "subject": "ขอวาระการประชุมคณะกรรมการ",
    "details": "ขอระเบียบวาระการประชุมและรายงานการประชุมครั้งก่อน",
}


def test_every_answered_question_is_kept(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """With every version of its answer, whether it came by channel or by referral; who asked is not there."""
    own, referred = office.record("fax", **MEETING), case_of(centre.refer())
    office.answered(own, "ส่งวาระให้แล้ว")
    office.answered(referred, "โอนภายใน 30 วัน")
    office.draft(referred, "โอนภายใน 15 วัน")
    office.approve(referred)
    newest, oldest = office.done("GET", "/questions")["items"]
    assert ("channel", "fax", "meeting_agendas", "administration", "ส่งวาระให้แล้ว") == (
        oldest["origin"],
        oldest["channel"],
        oldest["topic"],
        oldest["work_group"],
        oldest["answer"],
    )
    assert ("referral", 2, "โอนภายใน 15 วัน") == (newest["origin"], newest["answer_version"], newest["answer"])
    question = office.done("GET", f"/questions/{newest['id']}", role="group_officer.audit")
    assert ["โอนภายใน 30 วัน", "โอนภายใน 15 วัน"] == [answer["text"] for answer in question["answers"]]
    assert "สมใจ" not in str(question)


def test_who_becomes_known_later_is_taken_out_of_what_is_kept(office: Office) -> None:
    """Of question, present answer and earlier versions; a corrected question is found by its new words."""
    case = office.record(**MEETING | {"details": "ดิฉันทองดี มีสุขสันต์ ขอวาระ"}, complainant=None)
    office.answered(case, "เรียน คุณทองดี มีสุขสันต์ ส่งวาระแล้ว")
    office.draft(case, "ส่งวาระให้คุณทองดีใหม่แล้ว")
    office.approve(case)
    (kept,) = office.done("GET", "/questions")["items"]
    assert "ทองดี" in str(kept)

    person = {"first_name": "ทองดี", "last_name": "มีสุขสันต์"}
    office.done("PATCH", f"/cases/{case['id']}", {"complainant": person, "subject": "ขอวาระบ่อบาดาล"}, headers=ANY)
    question = office.done("GET", f"/questions/{kept['id']}")
    assert ("ขอวาระบ่อบาดาล", 2) == (question["subject"], len(question["answers"]))
    assert "ทองดี" not in str(question)
    assert [kept["id"]] == [it["id"] for it in office.done("GET", "/questions?q=บ่อบาดาล")["items"]]


def test_an_unanswered_case_is_no_question(office: Office) -> None:
    """The store holds what was answered."""
    office.accept(office.record())
    assert [] == office.done("GET", "/questions")["items"]


def test_questions_are_searched(office: Office) -> None:
    """Best first, with the words that were found, even with a letter wrong."""
    office.answered(office.record("fax", **MEETING), "ส่งวาระให้แล้ว")
    office.answered(office.record(), "โอนภายใน 30 วัน")
    first = office.done("GET", "/questions", q="ขอวาระประชุม")["items"][0]
    assert (MEETING["subject"], True) == (first["subject"], "วาระ" in str(first["matched_words"]))
    assert MEETING["subject"] == office.done("GET", "/questions", q="วาระการประชุ่ม")["items"][0]["subject"]
    assert [] == office.done("GET", "/questions", q="วาระการประชุม", topic="training")["items"]


def test_questions_and_cases_are_indexed_again_by_command(
    office: Office, office_url: str, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the texts that they have now; one that ended early goes on behind the last it told."""
    office.answered(office.record("fax", **MEETING), "ส่งวาระให้แล้ว")
    with office.app.state.sessions.begin() as session:
        index_cases(session)
        for index in (question_search, case_search):
            session.execute(sa.update(index.postings).values(weight=0))
    told = {
        "ENVIRONMENT": "development",
        "DATABASE_URL": office_url,
        "ISSUER": "urn:development-issuer",
        "ISSUER_JWKS": str(keys.issuer_public),
        "EXCHANGE_KEYS_FILE": str(keys.exchange),
    }
    for name, value in told.items():
        monkeypatch.setenv(f"CHUMCHON_{name}", value)
    for what, index in (("questions", question_search), ("cases", case_search)):
        (found,) = office.done("GET", f"/{what}", q="วาระการประชุม")["items"]
        done = CliRunner().invoke(cli, ["reindex", what])
        assert (0, f"1 {what}, the last {found['id']}\n") == (done.exit_code, done.output)
        assert "" == CliRunner().invoke(cli, ["reindex", what, "--after", found["id"]]).output
        with office.app.state.sessions() as session:
            assert 0 < session.scalar(sa.select(sa.func.min(index.postings.c.weight)))


@pytest.fixture(scope="module")
def two_questions(office_template: Template, keys: Keys) -> Iterator[Office]:
    """Two questions with their answers, for lists."""
    with office_template.clone() as url, office_on(url, keys).closing() as office:
        office.answered(office.record("fax", **MEETING), "ส่งวาระให้แล้ว")
        office.answered(office.record(), "โอนภายใน 30 วัน")
        yield office


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"topic": "meeting_agendas"}, 1),
        ({"topic": "meeting_agendas,transfers_and_changes"}, 2),
        ({"work_group": "audit"}, 0),
        ({"origin": "channel", "channel": "fax"}, 1),
        ({"kind": "complaint"}, 0),
        ({"to": "2026-01-01T00:00:00Z"}, 0),
        ({"sort": "asked_at", "limit": 1}, 1),
    ],
)
def test_questions_are_filtered(two_questions: Office, filters: dict[str, str], found: int) -> None:
    """As lists of cases are."""
    assert found == len(two_questions.done("GET", "/questions", **filters)["items"])


@pytest.mark.parametrize("asked", [{"cursor": "nonsense"}, {"sort": "asked_at"}])
def test_a_search_has_no_pages_and_no_other_order(two_questions: Office, asked: dict[str, str]) -> None:
    """It is refused rather than ignored."""
    assert {(f"/{name}", "not_with_q") for name in asked} == two_questions.faults(
        "GET", "/questions", q="วาระ", **asked
    )


def test_the_store_is_exported(two_questions: Office) -> None:
    """Each question with its newest answer, its codes in words, in Thai unless English is asked for."""
    sent = two_questions.ask("GET", "/questions/export", format="csv")
    assert (200, "text/csv; charset=utf-8") == (sent.status_code, sent.headers["content-type"])
    assert sent.content.startswith(b"\xef\xbb\xbf")
    first, second = csv.DictReader(io.StringIO(sent.content.decode("utf-8-sig"), newline=""))
    assert {
        "เรื่อง": MEETING["subject"],
        "คำถาม": MEETING["details"],
        "คำตอบ": "ส่งวาระให้แล้ว",
        "ฉบับที่": "1",
        "หัวข้อ": "วาระการประชุม",
        "ช่องทาง": "โทรสาร",
    }.items() <= first.items()
    assert "โอนภายใน 30 วัน" == second["คำตอบ"]
    assert first["ตอบเมื่อ (เวลาประเทศไทย)"].endswith("+07:00")
    english = two_questions.ask("GET", "/questions/export", format="csv", headers={"Accept-Language": "en"})
    assert {"Channel": "Fax", "Kind": "Inquiry"}.items() <= next(
        csv.DictReader(io.StringIO(english.content.decode("utf-8-sig"), newline=""))
    ).items()


def test_the_export_is_filtered_as_the_list(two_questions: Office) -> None:
    """The same filters, and no others."""
    sent = two_questions.ask("GET", "/questions/export", format="xlsx", topic="meeting_agendas,training")
    assert 'attachment; filename="questions-' in sent.headers["content-disposition"]
    headings, row = openpyxl.load_workbook(io.BytesIO(sent.content)).active.values
    assert ("รหัสคำถาม", MEETING["subject"]) == (headings[0], row[1])
    nothing = two_questions.ask("GET", "/questions/export", format="csv", work_group="audit")
    assert 1 == len(nothing.content.decode().splitlines())
    wrong = {"format": "pdf", "topic": "weather"}
    assert {("/format", "unknown_code"), ("/topic/0", "unknown_code")} == two_questions.faults(
        "GET", "/questions/export", **wrong
    )
    assert {("/q", "unknown_parameter")} == two_questions.faults("GET", "/questions/export", format="csv", q="โอน")


def test_every_batch_is_exported(two_questions: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question once, however many batches there are."""
    monkeypatch.setattr(queries, "EXPORTED_AT_ONCE", 1)
    sent = two_questions.ask("GET", "/questions/export", format="csv").content.decode("utf-8-sig")
    assert 2 == len({row["รหัสคำถาม"] for row in csv.DictReader(io.StringIO(sent, newline=""))})


@pytest.mark.parametrize("format_", ["csv", "xlsx"])
def test_an_export_carries_out_no_formula(office: Office, format_: str) -> None:
    """What a complainant writes is text, in any spreadsheet program."""
    formula = "=HYPERLINK(A1) โอนเงินโครงการ"
    office.answered(office.record(subject=formula), "โอนภายใน 30 วัน")
    content = office.ask("GET", "/questions/export", format=format_).content
    if format_ == "csv":
        assert f",'{formula}," in content.decode()
    else:
        cell = openpyxl.load_workbook(io.BytesIO(content)).active["B2"]
        assert (formula, "s") == (cell.value, cell.data_type)


@pytest.mark.parametrize(
    ("role", "status"),
    [("director", 200), ("registrar", 200), ("group_head.audit", 200), ("group_officer.audit", 403), ("auditor", 403)],
)
def test_who_exports(two_questions: Office, role: str, status: int) -> None:
    """The director, the registrar, and the heads of the work groups."""
    assert status == two_questions.ask("GET", "/questions/export", format="csv", role=role).status_code


def test_pages_of_questions_follow_each_other(office: Office) -> None:
    """Each question once."""
    for channel in ("fax", "po_box", "telephone"):
        office.answered(office.record(channel), "โอนภายใน 30 วัน")
    first = office.done("GET", "/questions", limit=2)
    second = office.done("GET", "/questions", limit=2, cursor=first["next"])
    assert 3 == len({it["id"] for it in [*first["items"], *second["items"]]})
    assert second["next"] is None


def test_no_question_of_this_id(standing_office: Office) -> None:
    """404 for the officer, 403 for who reads no cases."""
    path = f"/questions/{uuid7()}"
    assert (404, "question-not-found") == standing_office.refused("GET", path)
    assert (403, "not-allowed") == standing_office.refused("GET", path, role="operator")


def test_the_summary_counts_the_period(office: Office, centre: Centre) -> None:
    """By group, topic, source and state; answered in time, late, and overdue."""
    office.answered(office.record("fax", received_at="2026-01-05T00:00:00Z"), "ตอบช้า")
    office.record("po_box", received_at="2026-01-06T00:00:00Z")
    office.answered(office.record("website"), "ตอบทัน")
    office.record("telephone", **UNCLEAR)
    centre.refer()
    summary = office.done("GET", "/reports/summary", **{"from": "2026-01-01T00:00:00Z"}, role="director")
    assert {
        "cases": 5,
        "answered": 2,
        "answered_in_time": 1,
        "answered_late": 1,
    }.items() <= summary["total"].items()
    assert {"participation": 4, None: 1} == {it["code"]: it["cases"] for it in summary["by_work_group"]}
    assert {"fax": 1, "po_box": 1, "website": 1, "telephone": 1, "referral": 1} == {
        it["code"]: it["cases"] for it in summary["by_source"]
    }
    assert {"routed": 2, "answered": 2, "new": 1} == {it["code"]: it["cases"] for it in summary["by_state"]}
    assert {"transfers_and_changes": 4, None: 1} == {it["code"]: it["cases"] for it in summary["by_topic"]}
    assert "2026-01-01T00:00:00Z" == summary["from"]


def test_a_period_is_half_open(office: Office) -> None:
    """What came in at its end belongs to the next one."""
    office.record("fax", received_at="2026-01-05T00:00:00Z")
    first = {"from": "2026-01-04T00:00:00Z", "to": "2026-01-05T00:00:00Z"}
    second = {"from": "2026-01-05T00:00:00Z", "to": "2026-01-06T00:00:00Z"}
    assert [0, 1] == [office.done("GET", "/reports/summary", **it)["total"]["cases"] for it in (first, second)]
    backwards = {"from": second["to"], "to": second["from"]}
    assert {("/from", "wrong_period")} == office.faults("GET", "/reports/summary", **backwards)


def test_a_group_sees_its_own_summary(office: Office) -> None:
    """Nothing of the others."""
    office.record()
    own = office.done("GET", "/reports/summary", role="group_head.participation")
    other = office.done("GET", "/reports/summary", role="group_head.audit")
    assert (1, 0) == (own["total"]["cases"], other["total"]["cases"])


def test_code_lists_have_labels(standing_office: Office) -> None:
    """Without a token, in both languages; an unknown list is 404."""
    lists = standing_office.done("GET", "/code-lists", role=None)["items"]
    assert {"states", "topics", "work_groups", "return_reasons", "channels"} <= {it["name"] for it in lists}
    channels = standing_office.done("GET", "/code-lists/channels", role=None)["items"]
    assert {"code": "po_box", "label": {"th": "ตู้ ปณ. 4", "en": "P.O. box 4"}} in channels
    assert (404, "code-list-not-found") == standing_office.refused("GET", "/code-lists/colours", role=None)
