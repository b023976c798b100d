"""Referring to an agency, and what the agency says of it."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from schemas import (
    Attachment,
    Receipt,
    ReferralAccepted,
    ReferralAnswered,
    ReferralProgressed,
    ReferralQuestion,
    ReferralReturned,
    ReturnReason,
)
from servicekit.ids import uuid7

from .conftest import AGENCY, Centre, Json, made, ok, pointers, refused

DUE = datetime(2026, 12, 1, tzinfo=UTC)


def numbers(referral: Json) -> Json:
    return {
        "referral_number": referral["number"],
        "tracking_number": referral["complaint_number"],
        "case_number": "สพช-2569-000042",
    }


def accepted(referral: Json, work_group: str = "participation") -> ReferralAccepted:
    return ReferralAccepted(**numbers(referral), work_group=work_group, topic="transfers_and_changes", due_at=DUE)


def answered(referral: Json, version: int = 1, text: str = "โอนภายใน 30 วัน") -> ReferralAnswered:
    return ReferralAnswered(
        **numbers(referral),
        version=version,
        text=text,
        work_group="participation",
        answered_at=datetime.now(UTC) - timedelta(minutes=1),
    )


def question(referral: Json) -> ReferralQuestion:
    return ReferralQuestion(**numbers(referral), question="ขอสำเนาสมุดบัญชี", asked_at=datetime.now(UTC))


def returned(referral: Json) -> ReferralReturned:
    return ReferralReturned(
        **numbers(referral), reason=ReturnReason.NOT_OURS, note="เป็นเรื่องของกรมการพัฒนาชุมชน", suggested_owner="พช."
    )


def why_not(receipt: Receipt) -> tuple[str, str | None]:
    return receipt.disposition, receipt.problem.type if receipt.problem else None


def test_what_the_agency_answers_becomes_the_answer_of_the_complaint(busy_centre: Centre) -> None:
    """A referral is owed, accepted, answered: the complaint shows the agency's answer and who gave it."""
    referral = busy_centre.referred()
    assert "queued" == referral["state"]
    assert f"{referral['complaint_number']}/1" == referral["number"]
    (message,) = busy_centre.owed(referral["id"])
    assert "referral.sent.v1" == message["type"]
    assert "ขอทราบกำหนดโอนเงิน" == message["data"]["question"]
    assert "สมศรี" == message["data"]["complainant"]["first_name"]

    assert "applied" == busy_centre.told(referral["id"], accepted(referral)).disposition
    referral = busy_centre.referral(referral["id"])
    assert ("accepted", "participation", "สพช-2569-000042") == (
        referral["state"],
        referral["work_group"],
        referral["case_number"],
    )

    assert "applied" == busy_centre.told(referral["id"], answered(referral)).disposition
    referral = busy_centre.referral(referral["id"])
    assert "answered" == referral["state"]
    assert (1, "โอนภายใน 30 วัน") == (referral["answer"]["version"], referral["answer"]["text"])
    complaint = busy_centre.complaint(referral["complaint_id"])
    assert "answered" == complaint["state"]
    assert ("โอนภายใน 30 วัน", AGENCY, "referral") == (
        complaint["answer"]["text"],
        complaint["answer"]["answered_by"],
        complaint["answer"]["origin"],
    )
    assert ["send", "accept", "answer"] == [entry["move"] for entry in referral["timeline"]]


def test_files_of_an_answer_are_listed_and_read_when_they_are_here(busy_centre: Centre) -> None:
    """As a download; a file that is still being fetched is listed, and who may not read referrals reads none."""
    referral = busy_centre.referred()
    content = "ใบเสร็จรับเงิน".encode()
    described = Attachment(
        id=uuid7(),
        filename="ใบเสร็จ.pdf",
        media_type="application/pdf",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    busy_centre.told(referral["id"], accepted(referral))
    answer = answered(referral).model_copy(update={"attachments": (described,)})
    assert "applied" == busy_centre.told(referral["id"], answer).disposition
    path = f"/v1/referrals/{referral['id']}/attachments"
    officer = busy_centre.as_("officer")
    (listed,) = ok(officer.get(path))["items"]
    assert (str(described.id), "ใบเสร็จ.pdf", None) == (listed["id"], listed["filename"], listed["fetched_at"])
    refused(officer.get(f"{path}/{described.id}"), 404)
    with busy_centre.session() as session, session.begin():
        session.execute(
            sa.text("UPDATE exchange_attachments SET content = :content, fetched_at = now() WHERE id = :id"),
            {"content": content, "id": described.id},
        )
    answer_file = officer.get(f"{path}/{described.id}")
    assert (200, content) == (answer_file.status_code, answer_file.content)
    assert ("nosniff", "default-src 'none'; sandbox") == (
        answer_file.headers["x-content-type-options"],
        answer_file.headers["content-security-policy"],
    )
    assert "attachment; filename*=UTF-8''%E0%B9%83" in answer_file.headers["content-disposition"]
    other = busy_centre.referred()
    refused(officer.get(f"/v1/referrals/{other['id']}/attachments/{described.id}"), 404)
    assert [] == ok(officer.get(f"/v1/referrals/{other['id']}/attachments"))["items"]
    refused(officer.get(f"/v1/referrals/{uuid7()}/attachments"), 404)
    for where in (path, f"{path}/{described.id}"):
        refused(busy_centre.anyone.get(where), 401)
        refused(busy_centre.as_("agency_client", client_id="another").get(where), 403)


def test_a_returned_complaint_is_the_centre_s_again_and_may_be_referred_anew(busy_centre: Centre) -> None:
    """The path so far is kept and travels with the next referral, which has its own number."""
    referral = busy_centre.referred()
    busy_centre.told(referral["id"], returned(referral))
    id_ = referral["complaint_id"]
    shown = busy_centre.referral(referral["id"])
    assert ("returned", "not_ours", "พช.") == (shown["state"], shown["return_reason"], shown["suggested_owner"])
    assert "verified" == busy_centre.complaint(id_)["state"]

    officer = busy_centre.as_("officer")
    again = {"to": AGENCY, "question": "โปรดพิจารณาอีกครั้ง"}
    second = made(officer.post(f"/v1/complaints/{id_}/referrals", json=again))
    assert f"{referral['complaint_number']}/2" == second["number"]
    (message,) = busy_centre.owed(second["id"])
    (earlier,) = message["data"]["path"]
    assert (referral["number"], "not_ours") == (earlier["referral_number"], earlier["reason"])


def test_a_complaint_does_not_go_round_in_circles(busy_centre: Centre) -> None:
    """Who refers it anew has read why it was returned; after a second return a person has to insist, each time anew."""
    officer = busy_centre.as_("officer")
    referral = busy_centre.referred()
    path = f"/v1/complaints/{referral['complaint_id']}/referrals"
    again = {"to": AGENCY, "question": "โปรดพิจารณาอีกครั้ง"}
    busy_centre.told(referral["id"], returned(referral))
    second = made(officer.post(path, json=again))
    busy_centre.told(second["id"], returned(second))

    assert "insist" in refused(officer.post(path, json=again), 409)["detail"]
    assert f"{referral['complaint_number']}/3" == made(officer.post(path, json=again | {"insist": True}))["number"]


def test_a_confidential_complaint_travels_without_its_complainant(busy_centre: Centre) -> None:
    """The agency learns that there is one, and not who."""
    referral = busy_centre.referred(busy_centre.verified(confidential=True))
    (message,) = busy_centre.owed(referral["id"])
    assert message["data"]["confidential"]
    assert message["data"].get("complainant") is None
    assert "สมศรี" not in str(message)


def test_a_later_version_supersedes_the_answer(busy_centre: Centre) -> None:
    """All versions stay readable; one that is not later is refused, and stands where an operator sees it."""
    referral = busy_centre.referred()
    busy_centre.told(referral["id"], answered(referral, 1))
    assert "applied" == busy_centre.told(referral["id"], answered(referral, 2, "แก้ไข: ภายใน 15 วัน")).disposition
    receipt = busy_centre.told(referral["id"], answered(referral, 2, "อีกครั้ง"))
    assert ("quarantined", "/problems/answer-superseded") == why_not(receipt)
    id_ = referral["complaint_id"]
    assert "แก้ไข: ภายใน 15 วัน" == busy_centre.complaint(id_)["answer"]["text"]
    answers = ok(busy_centre.as_("officer").get(f"/v1/complaints/{id_}/answers"))["items"]
    assert [2, 1] == [one["version"] for one in answers]


def test_a_withdrawn_referral_takes_no_answer(busy_centre: Centre) -> None:
    """The agency is told why; what it still says is quarantined, and the complaint stays the Centre's."""
    referral = busy_centre.referred()
    path = f"/v1/referrals/{referral['id']}/withdrawal"
    shown = ok(busy_centre.as_("officer").post(path, json={"reason": "ผู้ร้องได้รับเงินแล้ว"}))
    assert "withdrawn" == shown["state"]
    assert ["referral.sent.v1", "referral.withdrawn.v1"] == [one["type"] for one in busy_centre.owed(referral["id"])]
    receipt = busy_centre.told(referral["id"], answered(referral))
    assert ("quarantined", "/problems/move-not-allowed") == why_not(receipt)
    complaint = busy_centre.complaint(referral["complaint_id"])
    assert ("verified", None) == (complaint["state"], complaint["answer"])


def test_a_contested_answer_goes_back_to_the_agency(busy_centre: Centre) -> None:
    """The complaint is referred again under the same number until the agency answers anew."""
    referral = busy_centre.referred()
    busy_centre.told(referral["id"], accepted(referral))
    busy_centre.told(referral["id"], answered(referral))
    path = f"/v1/referrals/{referral['id']}/contest"
    shown = ok(busy_centre.as_("officer").post(path, json={"reason": "ยังไม่ได้รับเงิน"}))
    assert "accepted" == shown["state"]
    assert "referred" == busy_centre.complaint(referral["complaint_id"])["state"]
    message = busy_centre.owed(referral["id"])[-1]
    assert ("referral.contested.v1", 1, "สพช-2569-000042") == (
        message["type"],
        message["data"]["answer_version"],
        message["data"]["case_number"],
    )
    busy_centre.told(referral["id"], answered(referral, 2))
    assert "answered" == busy_centre.complaint(referral["complaint_id"])["state"]


def test_the_agency_s_question_waits_for_the_complainant(busy_centre: Centre) -> None:
    """Progress and questions stand in the timeline; an amendment answers the question and reaches the agency."""
    referral = busy_centre.referred()
    moment = datetime.now(UTC)
    progress = ReferralProgressed(**numbers(referral), text="กำลังตรวจสอบกับธนาคาร", progressed_at=moment)
    question = ReferralQuestion(**numbers(referral), question="ขอสำเนาสมุดบัญชี", asked_at=moment)
    busy_centre.told(referral["id"], accepted(referral))
    busy_centre.told(referral["id"], progress)
    busy_centre.told(referral["id"], question)
    assert "awaiting_complainant" == busy_centre.referral(referral["id"])["state"]
    path = f"/v1/referrals/{referral['id']}/amendments"
    shown = ok(busy_centre.as_("officer").post(path, json={"text": "ส่งสำเนาสมุดบัญชีแล้ว"}))
    assert "accepted" == shown["state"]
    assert "referral.amended.v1" == busy_centre.owed(referral["id"])[-1]["type"]
    notes = [entry["note"] for entry in shown["timeline"]]
    assert ["กำลังตรวจสอบกับธนาคาร", "ขอสำเนาสมุดบัญชี", "ส่งสำเนาสมุดบัญชีแล้ว"] == notes[2:]


def corrected(centre: Centre, referral: Json, **patch: object) -> list[Json]:
    """Correct the complaint while an agency has it; what the agency was told since it was referred."""
    path = f"/v1/complaints/{referral['complaint_id']}"
    ok(centre.as_("intake").patch(path, json=patch, headers={"If-Match": "*"}))
    return [said(message["data"]) for message in centre.owed(referral["id"])[1:]]


def said(body: Json) -> Json:
    """Without what is left out: a null says as much."""
    return {name: said(it) if isinstance(it, dict) else it for name, it in body.items() if it is not None}


def test_an_agency_is_told_what_was_corrected_in_the_record(busy_centre: Centre) -> None:
    """Only what changed of what it was sent, and no question is answered by that."""
    referral = busy_centre.referred()
    busy_centre.told(referral["id"], accepted(referral))
    busy_centre.told(referral["id"], asked := question(referral))
    (told,) = corrected(busy_centre, referral, subject="แก้ไขหัวเรื่อง", complainant={"phone": None}, place=None)
    assert {"subject", "place", "complainant"} == set(told["corrections"])
    assert ("แก้ไขหัวเรื่อง", {}) == (told["corrections"]["subject"], told["corrections"]["place"])
    assert ("สมศรี", False) == (
        told["corrections"]["complainant"]["first_name"],
        "phone" in told["corrections"]["complainant"],
    )
    assert "information" not in told
    shown = busy_centre.referral(referral["id"])
    assert ("awaiting_complainant", asked.question) == (
        shown["state"],
        busy_centre.complaint(referral["complaint_id"])["question"]["text"],
    )
    entry = shown["timeline"][-1]
    assert ("correct", "subject, place, complainant") == (entry["move"], entry["note"])


def test_what_an_agency_is_not_sent_is_not_told_either(busy_centre: Centre) -> None:
    """Evidence stays with the Centre."""
    referral = busy_centre.referred()
    assert [] == corrected(busy_centre, referral, evidence={"pages": 4})


def test_a_complainant_who_becomes_confidential_is_taken_back_from_the_agency(busy_centre: Centre) -> None:
    """And what becomes known of them later is not told."""
    referral = busy_centre.referred()
    (told,) = corrected(busy_centre, referral, confidential=True)
    assert {"complainant": {}} == told["corrections"]
    assert 1 == len(corrected(busy_centre, referral, complainant={"phone": None}))
    (_, again) = corrected(busy_centre, referral, confidential=False)
    assert "สมศรี" == again["corrections"]["complainant"]["first_name"]


def test_no_agency_is_told_of_a_correction_when_none_works_on_it(busy_centre: Centre) -> None:
    """An answered referral is at its end."""
    referral = busy_centre.referred()
    busy_centre.told(referral["id"], answered(referral))
    assert [] == corrected(busy_centre, referral, subject="แก้ไขหัวเรื่อง")


def test_another_party_s_referral_does_not_exist_for_an_agency(busy_centre: Centre) -> None:
    """What a stranger says of a referral is quarantined."""
    referral = busy_centre.referred()
    receipt = busy_centre.told(referral["id"], accepted(referral), source="other_agency")
    assert ("quarantined", "/problems/referral-not-found") == why_not(receipt)
    assert "queued" == busy_centre.referral(referral["id"])["state"]


@pytest.mark.parametrize(("state", "shown"), [("delivered", "delivered"), ("dead", "failed")])
def test_what_became_of_the_message_is_the_referral_s_state(centre: Centre, state: str, shown: str) -> None:
    """Delivered when the agency has taken it, failed when the exchange has given up; lists find it so."""
    referral = centre.referred()
    with centre.session() as session, session.begin():
        session.execute(
            sa.text("UPDATE exchange_outbox SET state = :state, disposition = 'applied', settled_at = now()"),
            {"state": state},
        )
    assert shown == centre.referral(referral["id"])["state"]
    officer = centre.as_("officer")
    assert 1 == ok(officer.get(f"/v1/referrals?state={shown}&count=true"))["total"]
    assert [] == ok(officer.get("/v1/referrals?state=queued"))["items"]
    assert (shown == "delivered") == (centre.referral(referral["id"])["delivered_at"] is not None)


def test_referrals_are_listed_by_what_is_known_of_them(centre: Centre) -> None:
    """State, agency, group, case, complaint; a page at a time."""
    first, second = centre.referred(), centre.referred()
    centre.told(first["id"], accepted(first))
    officer = centre.as_("officer")

    def found(query: str) -> list[str]:
        return [item["id"] for item in ok(officer.get(f"/v1/referrals?{query}"))["items"]]

    assert [second["id"], first["id"]] == found("")
    assert [first["id"]] == found("state=accepted,answered")
    assert [first["id"]] == found("work_group=participation&to=chumchon")
    assert [first["id"]] == found("case_number=สพช-2569-000042")
    assert [second["id"]] == found(f"complaint={second['complaint_id']}")
    assert [second["id"]] == found(f"tracking_number={second['complaint_number']}")
    page = ok(officer.get("/v1/referrals?limit=1"))
    assert [first["id"]] == found(f"limit=1&cursor={page['next']}")
    refused(officer.get("/v1/referrals?state=lost"), 400)
    refused(officer.get("/v1/referrals/019a5f0e-7c00-7000-8000-000000000001"), 404)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"to": "nowhere", "question": "ก"}, {"/to": "unknown_agency"}),
        ({"question": "ก"}, {"/to": "required"}),
        ({"to": AGENCY, "question": ""}, {"/question": "too_short"}),
        ({"to": AGENCY, "question": "ก", "insist": "yes"}, {"/insist": "wrong_type"}),
    ],
)
def test_a_referral_names_an_agency_that_is_known_and_a_question(quiet_centre: Centre, body: Json, wrong: Json) -> None:
    """The agencies are those that the configuration names."""
    path = "/v1/complaints/019a5f0e-7c00-7000-8000-000000000001/referrals"
    assert wrong == pointers(refused(quiet_centre.as_("officer").post(path, json=body), 400))


def test_a_repeated_referral_owes_one_message(busy_centre: Centre) -> None:
    """With its Idempotency-Key it is sent once."""
    id_ = busy_centre.verified()["id"]
    officer = busy_centre.as_("officer")
    body = {"to": AGENCY, "question": "ขอทราบกำหนดโอนเงิน"}
    answers = [
        made(officer.post(f"/v1/complaints/{id_}/referrals", json=body, headers={"Idempotency-Key": "r"}))
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert 1 == len(busy_centre.owed(answers[0]["id"]))
