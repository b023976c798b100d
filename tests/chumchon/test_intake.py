"""Cases from the Office's five channels: recorded, read, listed, corrected, followed."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from chumchon.intake import indexing
from chumchon.intake.indexing import index_cases, run_indexing
from servicekit.alongside import beside
from servicekit.clock import utc_now
from servicekit.ids import uuid7
from servicekit.testing import Template, eventually

from .conftest import EVIDENCE, TRANSFER, UNCLEAR, Centre, Json, Keys, Office, new_case, office_on, referral_sent


@pytest.mark.parametrize("channel", list(EVIDENCE))
def test_a_case_of_each_channel_is_recorded_and_routed(office: Office, channel: str) -> None:
    """The answer says where it went and why, and holds number and secret for the complainant."""
    answer = office.ask("POST", "/cases", new_case(channel))
    case = answer.json()
    assert (201, f"/v1/cases/{case['id']}", '"1"') == (
        answer.status_code,
        answer.headers["location"],
        answer.headers["etag"],
    )
    assert ("channel", channel, "routed", "participation", "transfers_and_changes") == (
        case["origin"],
        case["channel"],
        case["state"],
        case["work_group"],
        case["topic"],
    )
    assert ("rule", False) == (case["routing"]["method"], case["routing"]["abstained"])
    assert case["routing"]["terms"]
    assert case["case_number"].startswith("CC-25")
    assert "tracking_secret" not in office.case(case["id"])


def test_what_is_not_clear_waits_in_triage(office: Office) -> None:
    """It is `new`, without a group, and only those who sort see it."""
    case = office.record(**UNCLEAR)
    assert ("new", None, None, True) == (
        case["state"],
        case["work_group"],
        case["topic"],
        case["routing"]["abstained"],
    )
    for role in ("registrar", "director", "auditor", "admin"):
        assert [case["id"]] == [it["id"] for it in office.done("GET", "/cases", state="new", role=role)["items"]]
    assert [] == office.done("GET", "/cases", role="group_head.audit")["items"]


def test_numbers_count_up_and_check(office: Office) -> None:
    """Two cases have two numbers, one after the other."""
    first, second = (office.record(channel)["case_number"].split("-") for channel in ("fax", "po_box"))
    assert 1 == int(second[2]) - int(first[2])


@pytest.mark.parametrize(
    ("channel", "changes", "faults"),
    [
        ("fax", {"received_on_number": "02-123-4567"}, {("/evidence/received_on_number", "unknown_line")}),
        ("fax", {"received_on_number": 5}, {("/evidence/received_on_number", "wrong_type")}),
        ("fax", {"pages": 0}, {("/evidence/pages", "too_small")}),
        ("fax", {"sender_number": "12"}, {("/evidence/sender_number", "wrong_form")}),
        ("telephone", {"called_number": "02-629-9227"}, {("/evidence/called_number", "unknown_line")}),
        (
            "telephone",
            {"call_started_at": "2999-01-01T00:00:00"},
            {("/evidence/call_started_at", "offset_required")},
        ),
        ("telephone", {"call_started_at": "2569-01-01T00:00:00Z"}, {("/evidence/call_started_at", "buddhist_year")}),
        ("telephone", {"call_started_at": "2300-01-01T00:00:00Z"}, {("/evidence/call_started_at", "in_future")}),
        ("website", {"consent": False}, {("/evidence/consent", "consent_required")}),
        ("email", {"message_id": "no spaces allowed"}, {("/evidence/message_id", "wrong_form")}),
        ("email", {"from_address": "nobody"}, {("/evidence/from_address", "wrong_form")}),
        ("po_box", {"postmarked_on": "2569-01-05"}, {("/evidence/postmarked_on", "buddhist_year")}),
        ("po_box", {"postmarked_on": "2300-01-05"}, {("/evidence/postmarked_on", "in_future")}),
        ("po_box", {"counter": "3"}, {("/evidence/counter", "unknown_field")}),
    ],
)
def test_evidence_is_checked_by_channel(
    standing_office: Office, channel: str, changes: Json, faults: set[tuple[str, str]]
) -> None:
    """Each fault is named by its place; the Office's own lines are known."""
    evidence = {**EVIDENCE[channel], **changes}
    assert faults == standing_office.faults("POST", "/cases", new_case(channel, evidence=evidence))


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"channel": "pigeon"}, {("/channel", "unknown_code"), ("/evidence", "channel_first")}),
        ({"subject": " ", "kind": "joke"}, {("/subject", "too_short"), ("/kind", "unknown_code")}),
        ({"subject": "ก" * 301}, {("/subject", "too_long")}),
        ({"details": "ก\u0000"}, {("/details", "control_character")}),
        ({"received_at": "2026-01-01T00:00:00"}, {("/received_at", "offset_required")}),
        ({"received_at": "2569-01-01T00:00:00Z"}, {("/received_at", "buddhist_year")}),
        ({"received_at": "2300-01-01T00:00:00Z"}, {("/received_at", "in_future")}),
        ({"complainant": {"national_id": "1234567890123"}}, {("/complainant/national_id", "wrong_form")}),
        ({"colour": "red"}, {("/colour", "unknown_field")}),
    ],
)
def test_bad_input_is_refused_with_every_fault(
    standing_office: Office, changes: Json, faults: set[tuple[str, str]]
) -> None:
    """All at once, and nothing is recorded."""
    assert faults == standing_office.faults("POST", "/cases", {**new_case(), **changes})
    assert 1 == standing_office.done("GET", "/cases", count="true")["total"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"subject"', 400), (b'{"subject": "\\ud800"}', 400), (b"[]", 400), (b" " * (2 << 20), 413)],
)
def test_what_is_no_body_is_refused(standing_office: Office, body: bytes, status: int) -> None:
    """Broken JSON, lone surrogates, something else than an object, and 2 MiB are clear problems."""
    headers = {"Authorization": f"Bearer {standing_office.token('registrar')}", "Content-Type": "application/json"}
    answer = standing_office.http.post("/v1/cases", content=body, headers=headers)
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"])


def test_one_mail_is_one_case(office: Office) -> None:
    """The same Message-ID, written with or without its brackets, is not recorded twice."""
    office.record("email")
    again = new_case("email", evidence={"message_id": "first@example.com", "from_address": "a@example.com"})
    assert (409, "mail-already-recorded") == office.refused("POST", "/cases", again)


def test_a_repeated_request_records_one_case(office: Office) -> None:
    """The same Idempotency-Key gets the first answer again, secret and all."""
    first, second = (
        office.ask("POST", "/cases", new_case(), headers={"Idempotency-Key": "the same"}) for _ in range(2)
    )
    assert first.json() == second.json()
    assert "true" == second.headers["idempotency-replayed"]
    assert 1 == office.done("GET", "/cases", count="true")["total"]


def test_a_group_sees_its_own_cases(office: Office) -> None:
    """In lists and by themselves; another group's are not there."""
    case = office.record()
    own, other = "group_officer.participation", "group_officer.audit"
    assert [case["id"]] == [it["id"] for it in office.done("GET", "/cases", role=own)["items"]]
    assert [] == office.done("GET", "/cases", role=other)["items"]
    assert (404, "case-not-found") == office.refused("GET", f"/cases/{case['id']}", role=other)


def test_an_agency_sees_what_it_filed(office: Office) -> None:
    """And needs an Idempotency-Key to file."""
    filed = office.done("POST", "/cases", new_case("website"), role="agency_client", subject="agency-a")
    office.record()
    seen = office.done("GET", "/cases", role="agency_client", subject="agency-a")["items"]
    assert [filed["id"]] == [it["id"] for it in seen]
    assert (404, "case-not-found") == office.refused(
        "GET", f"/cases/{filed['id']}", role="agency_client", subject="agency-b"
    )
    without = office.ask("POST", "/cases", new_case(), role="agency_client", headers={"Idempotency-Key": ""})
    assert 400 == without.status_code


def test_an_agency_reads_nothing_of_the_offices_own_work(office: Office) -> None:
    """No draft, no terms, proposals or reasons of the routing, no notes: what officers read in the same case."""
    agency = {"role": "agency_client", "subject": "agency-a"}
    filed = office.done("POST", "/cases", new_case("website"), **agency)
    assert ([], []) == (filed["routing"]["terms"], filed["routing"]["proposals"])
    path, why = f"/cases/{filed['id']}", {"topic": "regulations", "reason": "ผู้ร้องรายนี้ร้องเรียนบ่อย"}
    office.done("PUT", f"{path}/routing", why)
    case = office.case(filed["id"])
    office.accept(case)
    office.draft(case, "ยังไม่อนุมัติ")
    with office.app.state.sessions.begin() as session:
        index_cases(session)

    def read(**who: str) -> tuple[object, ...]:
        seen = office.done("GET", path, **who)
        (listed,) = office.done("GET", "/cases", **who)["items"]
        (searched,) = office.done("GET", "/cases", q="โอนเงิน", **who)["items"]
        assert listed["routing"] == searched["routing"] == seen["routing"]
        notes = [entry["note"] for entry in office.done("GET", f"{path}/history", **who)["items"] if entry["note"]]
        return seen["draft"] and seen["draft"]["text"], seen["routing"]["reason"], notes

    assert (None, None, []) == read(**agency)
    assert ("ยังไม่อนุมัติ", why["reason"], [why["reason"]]) == read(role="registrar")
    assert "draft" in [entry["action"] for entry in office.done("GET", f"{path}/history", **agency)["items"]]


def test_without_a_token_there_is_nothing(standing_office: Office) -> None:
    """401, before anything else."""
    assert (401, "not-authenticated") == standing_office.refused("GET", "/cases", role=None)
    assert (401, "not-authenticated") == standing_office.refused("POST", "/cases", new_case(), role=None)


@pytest.fixture(scope="module")
def three_cases(office_template: Template, keys: Keys) -> Iterator[Office]:
    """Three cases, for lists."""
    with office_template.clone() as url, office_on(url, keys).closing() as office:
        office.record("fax", received_at="2026-01-01T00:00:00Z")
        office.record("telephone", received_at="2026-01-02T00:00:00Z")
        office.record("po_box", received_at="2026-01-03T00:00:00Z", kind="complaint", **UNCLEAR)
        with office.app.state.sessions.begin() as session:
            assert 3 == index_cases(session)
        yield office


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"state": "routed"}, 2),
        ({"state": "new,routed"}, 3),
        ({"channel": "fax,telephone"}, 2),
        ({"channel": "fax", "state": "new"}, 0),
        ({"work_group": "participation"}, 2),
        ({"topic": "transfers_and_changes", "origin": "channel"}, 2),
        ({"origin": "referral"}, 0),
        ({"kind": "complaint"}, 1),
        ({"from": "2026-01-02T00:00:00Z"}, 2),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-03T00:00:00Z"}, 1),
        ({"to": "2026-01-02T00:00:00Z"}, 1),
        ({"due_from": "2026-01-20T00:00:00Z", "due_to": "2026-02-20T00:00:00Z"}, 3),
        ({"due_to": "2026-01-20T00:00:00Z"}, 0),
        ({"q": "โอนเงิน"}, 2),
        ({"q": "โอนเงิน", "channel": "fax"}, 1),
        ({"q": "สวัสดี"}, 1),
    ],
)
def test_lists_are_filtered(three_cases: Office, filters: dict[str, Any], found: int) -> None:
    """A comma is OR, keys are AND, periods are half-open, `q` searches."""
    answer = three_cases.done("GET", "/cases", **filters)
    assert found == len(answer["items"]), answer


@pytest.mark.parametrize(
    ("filters", "faults"),
    [
        ({"state": "gone"}, {("/state/0", "unknown_code")}),
        ({"state": "new,gone", "topic": "x"}, {("/state/1", "unknown_code"), ("/topic/0", "unknown_code")}),
        ({"colour": "red"}, {("/colour", "unknown_parameter")}),
        ({"from": "2026-01-01T00:00:00"}, {("/from", "offset_required")}),
        ({"sort": "subject"}, {("/sort", "unknown_code")}),
        ({"cursor": "nonsense"}, {("/cursor", "wrong_cursor")}),
        ({"q": "โอน", "cursor": "nonsense"}, {("/cursor", "not_with_q")}),
        ({"q": "โอน", "count": "true", "sort": "due_at"}, {("/count", "not_with_q"), ("/sort", "not_with_q")}),
        ({"case_number": "CC-2570-000045-X"}, {("/case_number", "wrong_case_number")}),
    ],
)
def test_wrong_filters_are_refused(
    standing_office: Office, filters: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    """An unknown key or code is 400, not an empty list."""
    assert faults == standing_office.faults("GET", "/cases", **filters)


def test_a_case_is_found_by_its_number_as_people_write_it(three_cases: Office) -> None:
    """In small letters, with spaces, with Thai digits, without its prefix."""
    number = three_cases.done("GET", "/cases")["items"][0]["case_number"]
    thai = number.translate(str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙"))
    for written in (number, number.lower(), number.replace("-", " "), f" {thai}", number.removeprefix("CC-")):
        (found,) = three_cases.done("GET", "/cases", case_number=written)["items"]
        assert number == found["case_number"]


@pytest.mark.parametrize("sort", ["received_at", "-received_at", "due_at", "-due_at"])
def test_pages_hold_every_case_once(office: Office, sort: str) -> None:
    """In order, over as many pages as it takes."""
    for day in (3, 1, 2, 2, 5):
        office.record("fax", received_at=f"2026-01-0{day}T00:00:00Z")
    seen: list[Json] = []
    cursor: dict[str, str] = {}
    while True:
        page = office.done("GET", "/cases", sort=sort, limit=2, count="true", **cursor)
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    column = sort.removeprefix("-")
    assert 5 == len({case["id"] for case in seen}) == len(seen) == page["total"]
    assert sorted((case[column] for case in seen), reverse=sort.startswith("-")) == [case[column] for case in seen]


def test_a_read_is_not_repeated(standing_office: Office) -> None:
    """Who has the present version gets 304."""
    case = standing_office.standing_case
    answer = standing_office.ask("GET", f"/cases/{case['id']}", headers={"If-None-Match": '"1"'})
    assert 304 == answer.status_code


def test_a_record_is_corrected(office: Office) -> None:
    """By merge patch: what is named changes, null removes, the rest stays; the history names the fields only."""
    case = office.record()
    path = f"/cases/{case['id']}"
    patch = {"subject": "ขอทราบกำหนดโอนเงิน", "place": {"district": "ชุมแพ"}, "complainant": {"phone": None}}
    corrected = office.done("PATCH", path, patch, headers={"If-Match": '"1"'})
    assert ("ขอทราบกำหนดโอนเงิน", "ขอนแก่น", "ชุมแพ", "สมใจ", None, 2) == (
        corrected["subject"],
        corrected["place"]["province"],
        corrected["place"]["district"],
        corrected["complainant"]["first_name"],
        corrected["complainant"]["phone"],
        corrected["version"],
    )
    entry = office.done("GET", f"{path}/history")["items"][-1]
    assert ("correct_record", "subject, district, complainant") == (entry["action"], entry["note"])


@pytest.mark.parametrize(
    ("patch", "faults"),
    [
        ({"subject": None}, {("/subject", "required")}),
        ({"channel": "fax"}, {("/channel", "unknown_field")}),
        ({"evidence": {"called_number": "1111"}}, {("/evidence/called_number", "unknown_line")}),
    ],
)
def test_a_correction_is_checked_as_a_whole(standing_office: Office, patch: Json, faults: set[tuple[str, str]]) -> None:
    """What would not be a valid record is refused."""
    case = standing_office.standing_case
    assert faults == standing_office.faults("PATCH", f"/cases/{case['id']}", patch, headers={"If-Match": '"1"'})


def test_a_correction_needs_the_version_it_was_made_from(standing_office: Office) -> None:
    """428 without, 412 with an old one."""
    path = f"/cases/{standing_office.standing_case['id']}"
    assert (428, "version-required") == standing_office.refused("PATCH", path, {"subject": "ก"})
    assert (412, "version-mismatch") == standing_office.refused(
        "PATCH", path, {"subject": "ก"}, headers={"If-Match": '"9"'}
    )


def test_the_history_tells_every_change(office: Office) -> None:
    """Who, when, from which state to which."""
    case = office.record()
    office.answered(case, "โอนภายใน 30 วัน")
    history = office.done("GET", f"/cases/{case['id']}/history")["items"]
    assert [
        ("open", None, "new", "registrar"),
        ("route", "new", "routed", "registrar"),
        ("accept", "routed", "accepted", "group_officer.participation"),
        ("draft", "accepted", "accepted", "group_officer.participation"),
        ("answer", "accepted", "answered", "group_head.participation"),
    ] == [(entry["action"], entry["from_state"], entry["to_state"], entry["by"]) for entry in history]


def test_the_public_follows_a_case_by_number_and_secret(office: Office) -> None:
    """Coarse state, dates and the answer; nothing of who works on it."""
    body = {"kind": "inquiry", **TRANSFER, "evidence": {"consent": True}}
    sent = office.done("POST", "/public/cases", body, role=None)
    path, secret = f"/public/cases/{sent['case_number']}", {"Tracking-Secret": sent["tracking_secret"]}
    assert "received" == office.done("GET", path, role=None, headers=secret)["state"]
    (case,) = office.done("GET", "/cases", case_number=sent["case_number"])["items"]
    office.answered(case, "โอนภายใน 30 วัน")
    seen = office.done("GET", path.lower(), role=None, headers=secret)
    assert ("answered", "โอนภายใน 30 วัน") == (seen["state"], seen["answer"]["text"])
    assert {"version", "text", "files", "answered_at"} == set(seen["answer"])


def test_a_wrong_secret_is_as_no_case(office: Office) -> None:
    """Strangers do not learn which numbers exist."""
    number = office.record("website")["case_number"]
    wrong = {"Tracking-Secret": "AAAA-AAAA-AAAA-AAAA"}
    for path in (f"/public/cases/{number}", "/public/cases/CC-2569-999999-9", "/public/cases/nonsense"):
        assert (404, "case-not-found") == office.refused("GET", path, role=None, headers=wrong)
    assert 400 == office.ask("GET", f"/public/cases/{number}", role=None).status_code


def test_the_website_needs_consent(standing_office: Office) -> None:
    """And the public cannot say that it came by another channel."""
    body = {"kind": "inquiry", **TRANSFER, "channel": "fax", "evidence": {"consent": False}}
    assert {("/channel", "unknown_code"), ("/evidence/consent", "consent_required")} == standing_office.faults(
        "POST", "/public/cases", body, role=None
    )


def test_indexing_rests_while_cases_come_in_by_the_hundred(office: Office, centre: Centre) -> None:
    """Taking in comes first, until the rush is over, and for no longer than any case may wait to be found."""
    began = utc_now() - timedelta(minutes=2)

    def is_rush(**after: float) -> bool:
        with office.app.state.read_sessions() as session:
            return indexing.is_rush(session, now=began + timedelta(**after))

    def refer(count: int, **after: float) -> None:
        sent = [(uuid7(), referral_sent()) for _ in range(count)]
        centre.send_together(*sent, now=began + timedelta(**after))

    assert not is_rush()
    refer(indexing.BATCH - 1)
    assert not is_rush(seconds=1)
    refer(1)
    assert is_rush(seconds=1)
    assert not is_rush(seconds=3)
    refer(1, seconds=59)
    assert is_rush(seconds=59.5)
    assert not is_rush(seconds=60.5)


def test_cases_become_findable_by_themselves(office: Office) -> None:
    """What is recorded or corrected while the service runs is soon found, without anybody's asking."""
    case = office.record()
    with beside(partial(run_indexing, office.app.state.sessions), name="indexing"):
        assert eventually(lambda: office.done("GET", "/cases", q="โอนเงิน")["items"])
        patch = {"subject": "ขอวิทยากร", "details": "ขอวิทยากรอบรมบัญชีครัวเรือน"}
        office.done("PATCH", f"/cases/{case['id']}", patch, headers={"If-Match": '"1"'})
        assert eventually(lambda: office.done("GET", "/cases", q="วิทยากร")["items"])
