"""Cases of the Office's own channels that end without an answer, and what brings an ended case back to work."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chumchon.confirmations import confirmations, unconfirmed
from chumchon.work_groups import OTHER

from .conftest import UNCLEAR, Centre, Json, Office
from .test_watching import looked

CaseOf = Callable[[UUID], Json]

HEAD = {"role": "group_head.participation"}
OFFICER = {"role": "group_officer.participation"}
SPAM = {"reason_code": "spam", "reason": "โฆษณาขายสินค้า"}
AGAIN = {"reason": "ผู้ร้องยืนยันว่าไม่ใช่โฆษณา"}
OBJECTION = {"reason": "ยังไม่ได้รับเงิน"}


def closed(office: Office, case: Json, body: Json = SPAM, role: str = "registrar") -> Json:
    return office.done("POST", f"/cases/{case['id']}/closure", body, role=role)


def at_work(office: Office) -> Json:
    """A case of our own that a group has accepted."""
    return office.accept(office.record())


def learnt_from(office: Office) -> dict[str, list[str | None]]:
    """The labels of what training sees as confirmed, and whether it sees anything beside."""
    with office.app.state.sessions() as session:
        return {
            "confirmed": [row.label for row in session.execute(confirmations)],
            "beside": [row.subject for row in session.execute(unconfirmed)],
        }


def test_a_case_is_closed_with_its_reason(office: Office) -> None:
    """Who closed it, when and why stays in the history; the complainant sees that it is closed."""
    case = office.record("website")
    seen = closed(office, case)
    assert ("closed", {"reason_code": "spam", "duplicate_of": None}) == (seen["state"], seen["closure"])
    last = office.done("GET", f"/cases/{case['id']}/history")["items"][-1]
    assert ("registrar", "close", "routed", "closed", "spam: โฆษณาขายสินค้า") == (
        last["by"],
        last["action"],
        last["from_state"],
        last["to_state"],
        last["note"],
    )
    secret = {"Tracking-Secret": case["tracking_secret"]}
    shown = office.done("GET", f"/public/cases/{case['case_number']}", role=None, headers=secret)
    assert ("closed", None) == (shown["state"], shown["answer"])


def test_a_closed_case_is_no_work_any_more(office: Office) -> None:
    """Its deadline, its alarms, its place in the group's work and what was to be sent end with it."""
    case = at_work(office)
    office.done("POST", f"/cases/{case['id']}/questions", {"text": "ขอเลขที่บัญชี"}, **OFFICER)
    assert {"question_unanswered", "answer_untold"} <= set(looked(office))
    closed(office, case, role=HEAD["role"])
    assert [] == looked(office)
    assert {0} == set(office.done("GET", "/desk", **HEAD).values())
    assert 0 == office.done("GET", "/work-groups/participation/workload", **HEAD)["total"]["overdue"]
    assert [] == office.done("GET", "/cases", standing="overdue,near_due,in_time")["items"]
    assert [case["id"]] == [it["id"] for it in office.done("GET", "/cases", state="closed")["items"]]
    assert ["superseded"] == [it["state"] for it in office.done("GET", "/deliveries")["items"]]
    assert [("closed", 1)] == [(it["code"], it["cases"]) for it in office.done("GET", "/reports/summary")["by_state"]]


def test_a_duplicate_names_the_case_that_goes_on(office: Office) -> None:
    """It must be another one, and no two cases stand for each other."""
    letter, fax = office.record("po_box"), office.record("fax")
    path, body = f"/cases/{letter['id']}/closure", {"reason_code": "duplicate", "reason": "ส่งโทรสารมาก่อน"}
    assert {("", "original_required")} == office.faults("POST", path, body)
    assert {("", "original_required")} == office.faults("POST", path, {**SPAM, "duplicate_of": fax["id"]})
    assert {("/duplicate_of", "no_original")} == office.faults("POST", path, {**body, "duplicate_of": str(uuid4())})
    assert {("/duplicate_of", "no_original")} == office.faults("POST", path, {**body, "duplicate_of": letter["id"]})
    seen = closed(office, letter, {**body, "duplicate_of": fax["id"]})
    assert {"reason_code": "duplicate", "duplicate_of": fax["id"]} == seen["closure"]
    back = {**body, "duplicate_of": letter["id"]}
    assert {("/duplicate_of", "no_original")} == office.faults("POST", f"/cases/{fax['id']}/closure", back)


def test_who_closes_a_case(office: Office) -> None:
    """A registrar until a group accepts it, then the group's head; an officer alone never."""
    case = office.record()
    path = f"/cases/{case['id']}/closure"
    assert (403, "not-allowed") == office.refused("POST", path, SPAM, **OFFICER)
    assert (404, "case-not-found") == office.refused("POST", path, SPAM, role="group_head.audit")
    office.accept(case)
    assert (409, "at-work-in-its-group") == office.refused("POST", path, SPAM)
    assert "closed" == closed(office, case, role=HEAD["role"])["state"]
    assert (409, "move-not-allowed") == office.refused("POST", path, SPAM, **HEAD)


def test_what_the_centre_referred_is_not_closed(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """It is returned to the Centre, which also takes up objections itself."""
    case = case_of(centre.refer())
    for step, body in (("closure", SPAM), ("reopening", AGAIN), ("objections", OBJECTION)):
        assert (409, "referred") == office.refused("POST", f"/cases/{case['id']}/{step}", body, **HEAD)


@pytest.mark.parametrize(("text", "state"), [({}, "routed"), (UNCLEAR, "new")])
def test_a_closed_case_is_reopened(office: Office, text: Json, state: str) -> None:
    """It goes back to its group, or into triage, with a reason and the deadline that it had."""
    case = office.record(**text)
    path = f"/cases/{case['id']}/reopening"
    assert (409, "move-not-allowed") == office.refused("POST", path, AGAIN)
    closed(office, case)
    seen = office.done("POST", path, AGAIN)
    assert (state, None, case["due_at"]) == (seen["state"], seen["closure"], seen["due_at"])
    assert AGAIN["reason"] == office.done("GET", f"/cases/{case['id']}/history")["items"][-1]["note"]


def test_a_reopened_case_is_accepted_anew(office: Office) -> None:
    """Whoever had it may have gone on to other work."""
    case = at_work(office)
    closed(office, case, role=HEAD["role"])
    seen = office.done("POST", f"/cases/{case['id']}/reopening", AGAIN, **HEAD)
    assert ("routed", None, None) == (seen["state"], seen["officer"], seen["accepted_at"])
    assert "answered" == office.answered(case, "โอนภายใน 30 วัน")["state"]


def test_what_is_told_of_a_closed_case_is_seen(office: Office) -> None:
    """The complainant's word on the closure is news, which a registrar may read as well."""
    case = office.record("website")
    closed(office, case)
    path, secret = f"/public/cases/{case['case_number']}/messages", {"Tracking-Secret": case["tracking_secret"]}
    office.done("POST", path, {"text": "ไม่ใช่โฆษณา"}, role=None, headers=secret)
    assert 1 == office.done("GET", "/desk")["with_news"]
    assert None is office.done("POST", f"/cases/{case['id']}/reading", {})["news_at"]
    assert (403, "not-allowed") == office.refused("POST", f"/cases/{office.record()['id']}/reading", {})


@pytest.mark.parametrize(("reason", "labels"), [("spam", []), ("withdrawn", []), ("not_ours", [OTHER]), ("other", [])])
def test_no_topic_is_learnt_from_a_closed_case(office: Office, reason: str, labels: list[str]) -> None:
    """At most that it is none of ours; and its words go into no store of questions."""
    case = at_work(office)
    closed(office, case, {**SPAM, "reason_code": reason}, role=HEAD["role"])
    assert {"confirmed": labels, "beside": []} == learnt_from(office)
    assert [] == office.done("GET", "/questions")["items"]


def test_a_closed_case_can_be_erased(office: Office) -> None:
    """Until then the problem names what this case can take, and after it nothing reopens the case."""
    case = office.record()
    path, body = f"/cases/{case['id']}/erasure", {"basis": "consent_withdrawn"}
    refused = office.ask("POST", path, body, headers={"Accept-Language": "en"}).json()
    assert "/problems/not-at-its-end" == refused["type"]
    assert "Possible now: close (" in refused["detail"]
    closed(office, case)
    assert "closed" == office.done("POST", path, body)["state"]
    with office.app.state.sessions() as session:
        kept = session.scalars(sa.text("SELECT note FROM case_history WHERE note IS NOT NULL")).all()
    assert [] == kept
    assert (409, "erased") == office.refused("POST", f"/cases/{case['id']}/reopening", AGAIN)


@pytest.mark.parametrize(("role", "by"), [("registrar", "registrar"), (HEAD["role"], HEAD["role"])])
def test_an_objection_brings_an_answered_case_back_to_work(office: Office, role: str, by: str) -> None:
    """Its group is at it again, with a limit that begins anew, and the objection is kept."""
    case = office.record("po_box", received_at="2026-01-05T09:00:00+07:00")
    path = f"/cases/{case['id']}/objections"
    assert (409, "move-not-allowed") == office.refused("POST", path, OBJECTION, role=role)
    office.answered(case, "โอนภายใน 30 วัน")
    assert (403, "not-allowed") == office.refused("POST", path, OBJECTION, **OFFICER)
    seen = office.done("POST", path, OBJECTION, role=role)
    assert ("accepted", None) == (seen["state"], seen["answered_at"])
    assert seen["due_at"] > case["due_at"]
    assert {"kind": "contest", "text": OBJECTION["reason"], "by": by}.items() <= office.done(
        "GET", f"/cases/{case['id']}/messages"
    )["items"][-1].items()
    office.draft(case, "โอนแล้ว")
    assert 2 == office.approve(case)["answer"]["version"]


def test_a_wrong_step_is_told_what_a_person_can_do(office: Office, centre: Centre, case_of: CaseOf) -> None:
    """Not what comes over the exchange alone, nor what only the other kind of case can take."""

    def possible(case: Json) -> str:
        answer = office.ask(
            "POST", f"/cases/{case['id']}/progress", {"text": "ก"}, headers={"Accept-Language": "en"}, **OFFICER
        )
        told: str = answer.json()["detail"]
        return told.partition("Possible now: ")[2]

    own, referred = office.record(), case_of(centre.refer())
    assert "reroute, change_topic, hand_back, accept, correct_record, amend, close" == possible(own)
    assert "reroute, change_topic, hand_back, accept, return, amend" == possible(referred)
    office.answered(own, "โอนภายใน 30 วัน")
    office.answered(referred, "โอนภายใน 30 วัน")
    answered = "take, hand_over, draft, correct_answer"
    assert f"{answered}, correct_record, amend, contest, erase" == possible(own)
    assert f"{answered}, amend, erase" == possible(referred)
