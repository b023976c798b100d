"""Who works on what: taking, handing over, queues, deadlines, workload; and past questions beside the draft."""

from datetime import timedelta

import pytest

from chumchon.intake.indexing import index_cases
from servicekit.clock import utc_now
from servicekit.ids import uuid7

from .conftest import TRANSFER, Json, Office

OFFICER = {"role": "group_officer.participation", "subject": "somchai"}
COLLEAGUE = {"role": "group_officer.participation", "subject": "somsri"}
HEAD = {"role": "group_head.participation"}
HAND_OVER = {"to": "somsri", "note": "ลาพักร้อน"}


@pytest.fixture
def case(office: Office) -> Json:
    """A case that somchai has accepted for the group."""
    recorded = office.record()
    return office.done("POST", f"/cases/{recorded['id']}/acceptance", {}, **OFFICER)


def test_a_case_is_handed_over(office: Office, case: Json) -> None:
    """By who works on it; the history says so."""
    path = f"/cases/{case['id']}"
    assert "somsri" == office.done("POST", f"{path}/hand-over", HAND_OVER, **OFFICER)["officer"]
    entry = office.done("GET", f"{path}/history")["items"][-1]
    assert ("hand_over", "somchai", "ลาพักร้อน") == (entry["action"], entry["by"], entry["note"])
    assert (409, "case-taken") == office.refused("POST", f"{path}/hand-over", HAND_OVER, **OFFICER)


def test_a_case_is_not_handed_to_an_officer_of_another_group(office: Office, case: Json) -> None:
    """Who last worked elsewhere could not see it; who has moved here takes a case first, and then is given others."""
    path = f"/cases/{case['id']}"
    complaint = office.record()
    decision = {"topic": "complaints", "reason": "โทรถามแล้ว"}
    office.done("PUT", f"/cases/{complaint['id']}/routing", decision, role="registrar")
    elsewhere = {"role": "group_officer.audit", "subject": "somsri"}
    office.done("POST", f"/cases/{complaint['id']}/acceptance", {}, **elsewhere)
    assert (409, "officer-of-another-group") == office.refused("POST", f"{path}/hand-over", HAND_OVER, **OFFICER)
    assert "somchai" == office.case(case["id"])["officer"]

    back = {"to": "somchai", "note": "อ่านใหม่แล้ว"}
    decision = {"topic": "transfers_and_changes", "reason": "เป็นเรื่องการโอนเงิน"}
    office.done("PUT", f"/cases/{complaint['id']}/routing", decision, role="registrar")
    assert (409, "officer-of-another-group") == office.refused("POST", f"{path}/hand-over", HAND_OVER, **OFFICER)
    office.done("POST", f"{path}/hand-over", {"to": None, "note": "สมศรีย้ายมา"}, **OFFICER)
    office.done("POST", f"{path}/taking", {}, **COLLEAGUE)
    assert "somchai" == office.done("POST", f"{path}/hand-over", back, **COLLEAGUE)["officer"]
    assert "somsri" == office.done("POST", f"{path}/hand-over", HAND_OVER, **OFFICER)["officer"]


def test_a_case_goes_back_into_the_queue_and_is_taken(office: Office, case: Json) -> None:
    """Nobody's case is anybody's of the group; somebody's is theirs, except to the head."""
    path = f"/cases/{case['id']}"
    office.done("POST", f"{path}/hand-over", {"to": None, "note": "ล้นมือ"}, **OFFICER)
    assert [case["id"]] == [it["id"] for it in office.done("GET", "/cases", taken="false", **HEAD)["items"]]
    assert "somsri" == office.done("POST", f"{path}/taking", {}, **COLLEAGUE)["officer"]
    assert (409, "case-taken") == office.refused("POST", f"{path}/taking", {}, **OFFICER)
    assert "group_head.participation" == office.done("POST", f"{path}/taking", {}, **HEAD)["officer"]
    assert [] == office.done("GET", "/cases", taken="false", **HEAD)["items"]


def test_what_cannot_be_taken(office: Office) -> None:
    """Before the group accepts; another group's case; without the role; with an old version."""
    path = f"/cases/{office.record()['id']}/taking"
    assert (409, "move-not-allowed") == office.refused("POST", path, {}, **OFFICER)
    assert (404, "case-not-found") == office.refused("POST", path, {}, role="group_officer.audit")
    assert (403, "not-allowed") == office.refused("POST", path, {}, role="registrar")
    assert (412, "version-mismatch") == office.refused("POST", path, {}, headers={"If-Match": '"9"'}, **OFFICER)


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {("/to", "required"), ("/note", "required")}),
        ({"to": "", "note": "ก"}, {("/to", "too_short")}),
        ({"to": "ก" * 201, "note": "ก"}, {("/to", "too_long")}),
        ({"to": "somsri", "note": "\x00"}, {("/note", "control_character")}),
    ],
)
def test_a_hand_over_is_checked(standing_office: Office, body: Json, faults: set[tuple[str, str]]) -> None:
    """To whom, and why."""
    path = f"/cases/{standing_office.standing_case['id']}/hand-over"
    assert faults == standing_office.faults("POST", path, body, **OFFICER)


@pytest.fixture
def three_deadlines(office: Office) -> Office:
    """Three open cases: overdue, near due, and in time; and an overdue one that is answered."""
    long_ago = (utc_now() - timedelta(days=60)).isoformat()
    office.record("fax", received_at=long_ago)
    office.answered(office.record("po_box", received_at=long_ago), "ตอบแล้ว")
    office.record("telephone", received_at=utc_now().isoformat())
    deadlines = office.app.state.deadlines
    day = utc_now()
    while not utc_now() < deadlines.due_at(day) <= deadlines.near_due_until(utc_now()):
        day -= timedelta(days=1)
    office.record("website", received_at=day.isoformat())
    return office


@pytest.mark.parametrize(
    ("standing", "channels"),
    [
        ("overdue", ["fax"]),
        ("near_due", ["website"]),
        ("in_time", ["telephone"]),
        ("overdue,near_due", ["fax", "website"]),
        ("near_due,in_time", ["telephone", "website"]),
        ("in_time,overdue", ["fax", "telephone"]),
        ("overdue,near_due,in_time", ["fax", "telephone", "website"]),
    ],
)
def test_cases_by_how_they_stand(three_deadlines: Office, standing: str, channels: list[str]) -> None:
    """Open ones only, in any of the ways asked for; counted as well."""
    page = three_deadlines.done("GET", "/cases", standing=standing, count="true")
    assert (channels, len(channels)) == (sorted(case["channel"] for case in page["items"]), page["total"])


def test_a_search_is_narrowed_by_how_cases_stand(three_deadlines: Office) -> None:
    """As any list of cases."""
    with three_deadlines.app.state.sessions.begin() as session:
        index_cases(session)
    found = three_deadlines.done("GET", "/cases", standing="overdue", q=TRANSFER["subject"])["items"]
    assert ["fax"] == [case["channel"] for case in found]


def test_while_the_complainant_is_asked_a_case_is_not_overdue(three_deadlines: Office) -> None:
    """The clock stands still: it stands nowhere in lists and counts, until the reply lets the clock go on."""
    asked = []
    for standing in ("overdue", "near_due"):
        (case,) = three_deadlines.done("GET", "/cases", standing=standing)["items"]
        three_deadlines.accept(case)
        question = {"text": "ชุมชนใด"}
        three_deadlines.done("POST", f"/cases/{case['id']}/questions", question, role="group_officer.participation")
        asked.append(case)
    assert (0, 0, 1) == standings(three_deadlines)
    path = "/work-groups/participation/workload"
    for counts in (three_deadlines.done("GET", "/desk"), three_deadlines.done("GET", path)["total"]):
        assert {"overdue": 0, "near_due": 0, "awaiting_complainant": 2}.items() <= counts.items()
    period = {"from": "2026-01-01T00:00:00Z"}
    total = three_deadlines.done("GET", "/reports/summary", **period)["total"]
    assert {"cases": 4, "answered": 1, "overdue": 0, "open_in_time": 3}.items() <= total.items()
    for case in asked:
        three_deadlines.done("POST", f"/cases/{case['id']}/replies", {"text": "บ้านดง"})
    assert (1, 1, 1) == standings(three_deadlines)


def standings(office: Office) -> tuple[int, ...]:
    """How many cases are overdue, near due and in time, by the lists."""
    each = ("overdue", "near_due", "in_time")
    return tuple(office.done("GET", "/cases", standing=standing, count="true")["total"] for standing in each)


def test_an_unknown_standing_is_refused(standing_office: Office) -> None:
    """As any unknown code in a filter."""
    assert {("/standing/0", "unknown_code")} == standing_office.faults("GET", "/cases", standing="late")
    assert 400 == standing_office.ask("GET", "/cases", taken="perhaps").status_code


def test_the_desk_counts_each_tab(three_deadlines: Office) -> None:
    """Of the caller's group; nothing of the others."""
    desk = three_deadlines.done("GET", "/desk", **HEAD)
    expected = {"to_accept": 3, "overdue": 1, "near_due": 1, "answered_recently": 1, "mine": 0, "not_taken": 0}
    assert expected.items() <= desk.items()
    assert {0} == set(three_deadlines.done("GET", "/desk", role="group_head.audit").values())
    assert (403, "not-allowed") == three_deadlines.refused("GET", "/desk", role="operator")


def test_the_workload_of_a_group(office: Office, case: Json) -> None:
    """By officer; only its own people and who sees all may look."""
    office.record()
    path = "/work-groups/participation/workload"
    load = office.done("GET", path, **HEAD)
    assert (1, 1) == (load["total"]["to_accept"], load["total"]["in_work"])
    assert {"somchai": 1, None: 0} == {it["officer"]: it["in_work"] for it in load["by_officer"]}
    assert load == office.done("GET", path, role="director")
    assert (403, "not-allowed") == office.refused("GET", path, role="group_head.audit")
    assert 400 == office.ask("GET", "/work-groups/kitchen/workload").status_code
    assert 1 == office.done("GET", "/desk", **OFFICER)["mine"]
    assert case["officer"] == "somchai"


def test_past_questions_stand_beside_the_draft(office: Office) -> None:
    """Like the case, with their answers, of whichever group; never the case's own."""
    office.answered(office.record("fax"), "โอนภายใน 30 วัน")
    office.answered(office.record(subject="ขอวาระการประชุม", details="ขอระเบียบวาระการประชุมครั้งก่อน"), "แนบแล้ว")
    case = office.record()
    found = office.done("GET", f"/cases/{case['id']}/similar-questions", **OFFICER)["items"]
    assert ("โอนภายใน 30 วัน", True) == (found[0]["answer"], found[0]["score"] > 0)
    similar = office.done("GET", f"/questions/{found[0]['id']}/similar")["items"]
    assert found[0]["id"] not in {it["id"] for it in similar}


def test_similar_questions_of_nothing(standing_office: Office) -> None:
    """404 for what is not there or another group's; at most 20."""
    path = f"/cases/{standing_office.standing_case['id']}/similar-questions"
    assert (404, "case-not-found") == standing_office.refused("GET", path, role="group_officer.audit")
    assert (404, "question-not-found") == standing_office.refused("GET", f"/questions/{uuid7()}/similar")
    assert 400 == standing_office.ask("GET", path, limit=21).status_code


def test_the_store_does_not_know_who_asked(office: Office) -> None:
    """Neither the question's words nor any version of its answer; the case itself keeps them."""
    details = "ดิฉันนางสมใจ ตัวอย่างดี โทร 0812345678 " + TRANSFER["details"]
    case = office.record(details=details)
    office.answered(case, "เรียน คุณสมใจ โอนภายใน 30 วัน")
    office.draft(case, "เรียน คุณสมใจ ตัวอย่างดี โอนภายใน 15 วัน สอบถาม 02-629-9226")
    office.approve(case)
    (summary,) = office.done("GET", "/questions")["items"]
    question = office.done("GET", f"/questions/{summary['id']}")
    assert not [secret for secret in ("สมใจ", "ตัวอย่างดี", "0812345678") if secret in str(question)]
    assert [1, 2] == [answer["version"] for answer in question["answers"]]
    assert "02-629-9226" in question["answer"]
    assert details == office.case(case["id"])["details"]
