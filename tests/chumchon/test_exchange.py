"""What the Centre's messages do."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from schemas.bodies import ReferralAmended, ReferralContested, ReferralWithdrawn
from servicekit.ids import uuid7
from servicekit.testing import Template

from .conftest import UNCLEAR, Centre, Json, Keys, Office, numbers, office_on, referral_sent

CaseOf = Callable[[UUID], Json]


def amended(**changes: object) -> ReferralAmended:
    return ReferralAmended.model_validate({**numbers(), **changes})


def withdrawn() -> ReferralWithdrawn:
    return ReferralWithdrawn.model_validate({**numbers(), "reason": "ผู้ร้องขอถอนเรื่อง"})


def contested() -> ReferralContested:
    return ReferralContested.model_validate({**numbers(), "reason": "ยังไม่ได้รับเงิน", "answer_version": 1})


def test_a_referral_opens_a_case_and_routes_it(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """With the Centre's numbers, question and deadline; its channel stays the Centre's."""
    referral = centre.refer()
    case = office.case(case_of(referral)["id"])
    assert ("referral", None, "routed", "participation", "2026-10-27T17:00:00Z") == (
        case["origin"],
        case["channel"],
        case["state"],
        case["work_group"],
        case["due_at"],
    )
    assert {
        "id": str(referral),
        "number": "1111-2570-000123-8/1",
        "from": "center1111",
        "complaint_number": "1111-2570-000123-8",
        "channel": "hotline",
        "question": "ขอทราบกำหนดการโอนเงินเพื่อตอบผู้ร้อง",
        "attachments": [],
        "path": [],
    } == case["referral"]
    assert "สมใจ" == case["complainant"]["first_name"]


def test_an_unclear_referral_waits_in_triage(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """Nothing is owed before a group has accepted it."""
    case = case_of(centre.refer(**UNCLEAR))
    assert ("new", None) == (case["state"], case["work_group"])
    routed = office.done("PUT", f"/cases/{case['id']}/routing", {"topic": "complaints", "reason": "โทรถามแล้ว"})
    assert ("routed", "audit") == (routed["state"], routed["work_group"])
    assert [] == centre.owed()


def test_a_confidential_referral_has_no_complainant(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """What the Centre keeps to itself, the Office does not know."""
    case = office.case(case_of(centre.refer(confidential=True, complainant=None))["id"])
    assert (True, None) == (case["confidential"], case["complainant"])


def test_two_referrals_of_one_complaint_are_two_cases(office: Office, centre: Centre) -> None:
    """One after another, each with its own path."""
    centre.refer()
    centre.refer()
    assert 2 == office.done("GET", "/cases", count="true")["total"]


def test_a_withdrawal_closes_the_case(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """With the Centre's reason in its history, and nothing can be done with it any more."""
    referral = centre.refer()
    assert "applied" == centre.send(referral, withdrawn()).disposition
    case = case_of(referral)
    assert "withdrawn" == case["state"]
    last = office.done("GET", f"/cases/{case['id']}/history")["items"][-1]
    assert ("withdraw", "center1111", "ผู้ร้องขอถอนเรื่อง") == (last["action"], last["by"], last["note"])
    refused = office.refused("POST", f"/cases/{case['id']}/acceptance", {}, role="group_officer.participation")
    assert (409, "move-not-allowed") == refused


def test_a_withdrawal_while_waiting_ends_the_wait(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """The clock does not stand still in a closed case."""
    referral = centre.refer()
    case = case_of(referral)
    office.accept(case)
    office.done("POST", f"/cases/{case['id']}/questions", {"text": "ก"}, role="group_officer.participation")
    assert "applied" == centre.send(referral, withdrawn()).disposition
    assert "withdrawn" == case_of(referral)["state"]


def test_an_amendment_is_added(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """Corrections change the record, information is kept beside it, attachments join."""
    referral = centre.refer()
    attachment = {
        "id": str(uuid7()),
        "filename": "ภาพถ่าย.jpg",
        "media_type": "image/jpeg",
        "bytes": 1,
        "sha256": "0" * 64,
    }
    receipt = centre.send(
        referral,
        amended(
            information="มีใบเสร็จด้วย",
            corrections={"place": {"province": "ตรัง"}, "subject": "แก้หัวข้อ", "question": "ถามใหม่"},
            attachments=[attachment],
        ),
    )
    assert "applied" == receipt.disposition
    case = office.case(case_of(referral)["id"])
    assert ("ตรัง", "แก้หัวข้อ", "ถามใหม่", "ภาพถ่าย.jpg", "routed") == (
        case["place"]["province"],
        case["subject"],
        case["referral"]["question"],
        case["referral"]["attachments"][0]["filename"],
        case["state"],
    )
    (told,) = office.done("GET", f"/cases/{case['id']}/messages")["items"]
    assert ("amendment", "มีใบเสร็จด้วย") == (told["kind"], told["text"])


def test_a_contested_answer_opens_the_case_again(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """The group answers once more, and that is version 2."""
    referral = centre.refer()
    case = case_of(referral)
    office.answered(case, "โอนแล้ว")
    assert "applied" == centre.send(referral, contested()).disposition
    assert ("accepted", None) == (case_of(referral)["state"], case_of(referral)["answered_at"])
    office.draft(case, "จะโอนภายใน 7 วัน")
    assert 2 == office.approve(case)["answer"]["version"]


@pytest.mark.parametrize("body", [withdrawn(), contested(), amended(information="ก")])
def test_a_message_about_no_case_is_quarantined(
    centre: Centre, body: ReferralWithdrawn | ReferralContested | ReferralAmended
) -> None:
    """An operator sees it, and why."""
    receipt = centre.send(uuid7(), body)
    assert "quarantined" == receipt.disposition
    assert receipt.problem is not None
    assert "/problems/case-not-found" == receipt.problem.type


def test_what_the_state_does_not_allow_is_quarantined(centre: Centre) -> None:
    """A case that was not answered cannot be contested."""
    receipt = centre.send(centre.refer(), contested())
    assert "quarantined" == receipt.disposition
    assert receipt.problem is not None
    assert "/problems/move-not-allowed" == receipt.problem.type


def test_a_second_opening_of_a_referral_is_quarantined(centre: Centre) -> None:
    """One referral is one case, even if the Centre sends it twice under different ids."""
    receipt = centre.send(centre.refer(), referral_sent())
    assert "quarantined" == receipt.disposition


def test_the_centre_corrects_its_own_record(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """The registrar cannot change what the Centre keeps."""
    case = case_of(centre.refer())
    refused = office.refused("PATCH", f"/cases/{case['id']}", {"subject": "ก"}, headers={"If-Match": '"1"'})
    assert (409, "record-is-the-centres") == refused


def test_cases_are_found_by_referral(office: Office, centre: Centre) -> None:
    """One id or several, separated by commas."""
    first, second = centre.refer(), centre.refer()
    centre.refer()
    assert 2 == len(office.done("GET", "/cases", referral=f"{first},{second}")["items"])
    assert {("/referral/0", "wrong_form")} == office.faults("GET", "/cases", referral="first")


def test_referrals_that_come_together_are_opened_each_by_its_own_content(
    office: Office, centre: Centre, case_of: CaseOf
) -> None:
    """A batch opens all of its cases at once: each with its own number, routing, complainant and history."""
    subjects = [uuid7() for _ in range(3)]
    bodies = [
        referral_sent(),
        referral_sent(complainant=None, confidential=False, **UNCLEAR),
        referral_sent(subject="ขอวิทยากรและหลักสูตรการฝึกอบรม", details="ขอเข้ารับการฝึกอบรม"),
    ]
    receipts = centre.send_together(*zip(subjects, bodies, strict=True))
    assert ["applied"] * 3 == [it.disposition for it in receipts]
    cases = [case_of(subject) for subject in subjects]
    assert 3 == len({case["case_number"] for case in cases})
    assert ["routed", "new", "routed"] == [case["state"] for case in cases]
    assert ["participation", None, "academic"] == [case["work_group"] for case in cases]
    histories = [
        [it["to_state"] for it in office.done("GET", f"/cases/{case['id']}/history")["items"]] for case in cases
    ]
    assert [["new", "routed"], ["new"], ["new", "routed"]] == histories


def test_a_referral_that_cannot_be_opened_stops_no_other(centre: Centre, case_of: CaseOf) -> None:
    """One of a batch is a case already: it is quarantined, and all others are opened."""
    known = centre.refer()
    new = uuid7()
    receipts = centre.send_together((new, referral_sent()), (known, referral_sent()), (uuid7(), referral_sent()))
    assert ["applied", "quarantined", "applied"] == [it.disposition for it in receipts]
    assert "routed" == case_of(new)["state"]


OF_A_CASE = sql.SQL("SELECT it.* FROM {} AS it JOIN cases ON cases.id = it.case_id ORDER BY case_number, it.{}")
WRITTEN = (
    (sql.SQL("SELECT * FROM {} ORDER BY case_number").format(sql.Identifier("cases")), {"id", "routing_id"}),
    (OF_A_CASE.format(sql.Identifier("routings"), sql.Identifier("id")), {"id", "case_id"}),
    (OF_A_CASE.format(sql.Identifier("case_history"), sql.Identifier("id")), {"case_id"}),
    (OF_A_CASE.format(sql.Identifier("complainants"), sql.Identifier("case_id")), {"case_id"}),
    (OF_A_CASE.format(sql.Identifier("referrals"), sql.Identifier("id")), {"case_id"}),
    (sql.SQL("SELECT * FROM {} ORDER BY id").format(sql.Identifier("exchange_attachments")), set[str]()),
)
"""What the opening of cases writes, and which columns are made anew each time."""


def written(url: str) -> list[list[Json]]:
    """All of it, but for what is made anew."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return [
            [
                {name: value for name, value in row.items() if name not in made_anew}
                for row in connection.execute(statement).fetchall()
            ]
            for statement, made_anew in WRITTEN
        ]


def test_cases_opened_together_are_those_opened_one_by_one(office_template: Template, keys: Keys) -> None:
    """The same rows in the same order: numbers, routing, history, complainants, referrals, files."""
    file = {"filename": "ภาพ.jpg", "media_type": "image/jpeg", "bytes": 183_204, "sha256": "c9" * 32}
    earlier = {
        "referral_number": "1111-2570-000123-8/1",
        "to": "chumchon",
        "referred_at": "2026-10-05T02:15:00Z",
        "returned_at": "2026-10-06T03:00:00Z",
        "reason": "not_ours",
        "note": None,
    }
    bodies = [
        referral_sent(),
        referral_sent(complainant=None, confidential=True, **UNCLEAR),
        referral_sent(place=None, kind="complaint", attachments=[{"id": str(uuid7()), **file} for _ in range(2)]),
        referral_sent(subject="ขอวิทยากรและหลักสูตรการฝึกอบรม", details="ขอเข้ารับการฝึกอบรม", path=[earlier]),
        *(referral_sent(subject=f"ขอ{term}", details='"\\ ยกมา\nสองบรรทัด') for term in ("ระเบียบการประชุม", "แบบฟอร์ม")),
    ]
    sent = [(uuid7(), body) for body in bodies]
    now = datetime(2026, 10, 5, 2, 20, 3, 141592, tzinfo=UTC)
    found = []
    for deliver in (
        lambda centre: centre.send_together(*sent, now=now),
        lambda centre: [centre.send(*one, now=now) for one in sent],
    ):
        with office_template.clone() as url, office_on(url, keys).closing() as office:
            assert {"applied"} == {receipt.disposition for receipt in deliver(Centre(office))}
            found.append(written(url))
    together, one_by_one = found
    assert len(bodies) == len(together[0])
    assert one_by_one == together
