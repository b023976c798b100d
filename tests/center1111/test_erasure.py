"""Erasure of personal data: nothing that a complainant wrote, or that was written about them, is left anywhere."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import orjson
import pytest
import sqlalchemy as sa

from center1111.exchange import effects
from exchange.inbox import apply_again_to
from schemas import (
    ERASED,
    ERASED_TEXT,
    ERASURE_CONFIRMED,
    Attachment,
    PersonalDataErased,
    PersonalDataErasureConfirmed,
    ReferralAnswered,
    ReferralProgressed,
    ReferralQuestion,
    ReferralReturned,
    ReturnReason,
    Whose,
)
from servicekit.files.forgetting import forget_files
from servicekit.files.storing import FileStore
from servicekit.ids import uuid7
from servicekit.testing import columns_of, columns_with

from .conftest import AGENCY, LETTER, Centre, Json, made, ok, refused
from .test_attachments import announced, sent
from .test_referrals import accepted, answered, numbers

NAME = "Quillmarker"
PHONE = "0819191919"
PERSONAL = (NAME, PHONE, PHONE.removeprefix("0"), "1101700230708")
BASIS = {"basis": "consent_withdrawn", "note": "คำขอที่ 7/2569"}

STAYS = {
    # Codes, numbers, digests, officers and agencies: nothing by or about a complainant.
    "alembic_version": "version_num",
    "answer_templates": "name text changed_by",
    "answers": "origin answered_by work_group",
    "article_reviews": "reviewed_by note",
    "article_versions": "topic author published_by",
    "articles": "state topic",
    "checklist_ticks": "check ticked_by",
    "clock_stops": "reason stopped_by restarted_by",
    "complaint_erasures": "erased_by basis note",
    "complaint_history": "by move from_state to_state",
    "complaint_links": "kind linked_by removed_by",
    "complaints": "tracking_number tracking_secret_digest state channel kind province district recorded_by client_id"
    " verified_by refusal_ground answer_origin work_group text_sketch",
    "complainant_marks": "mark kind",
    "deliveries": "means state told_by",
    "attachments": "media_type announced_sha256 announced_by state received_sha256 store_key sha256 threat",
    "files_to_forget": "key",
    "idempotent_answers": "caller key fingerprint headers path",
    "owed_mails": "state",
    "rate_limit_meters": "policy caller",
    "referrals": "number to referred_by state case_number work_group topic return_reason",
    "reminders": "step rung to sending failure",
    "reopening_requests": "state decided_by",
    # The words of officers and editors that are tied to no complaint; a table is kept only until it is recorded.
    "complaint_imports": "state content sha256 created_by errors",
    "saved_views": "owner name filters sort",
    # Search by hashes of what is published.
    "articles_search_documents": "terms",
    # The exchange: identities, digests, receipts, states; operators see no contents, so their words hold none.
    "exchange_alarms": "watch about facts notice_problem",
    "exchange_attachments": "peer media_type sha256 last_problem",
    "exchange_decisions": "decided_by action peer reason",
    "exchange_erasures": "peer number",
    "exchange_feeds": "peer",
    "exchange_home": "place",
    "exchange_inbox": "source type digest request_id state problem",
    "exchange_incoming": "source",
    "exchange_jobs": "name",
    "exchange_outbox": "peer type digest request_id state last_problem disposition receipt_problem",
    "exchange_outgoing": "peer",
    "exchange_peers": "code pause pause_reason last_problem",
    "exchange_proofs": "peer key_id signature_base signature content",
    "exchange_reconciliations": "peer outcome differences problem",
}
"""What may stay, column by column; every other column that can hold words must be planted, and found empty after."""


@pytest.fixture
def kept_in(tmp_path: Path, centre: Centre) -> Path:
    """The folder in which this Centre's files lie."""
    vault = centre.app.state.vault
    centre.app.state.vault = type(vault)(FileStore(f"file://{tmp_path}"), vault.scanner)
    return tmp_path


def ended(centre: Centre) -> Json:
    """A complaint that is closed, answered by an agency."""
    referral = centre.referred()
    centre.told(referral["id"], accepted(referral))
    centre.told(referral["id"], answered(referral))
    ok(centre.as_("officer").post(f"/v1/complaints/{referral['complaint_id']}/closure", json={}))
    return referral


def erased(centre: Centre, complaint_id: str) -> Json:
    return ok(centre.as_("supervisor").post(f"/v1/complaints/{complaint_id}/erasure", json=BASIS))


def erasure_of(referral: Json, whose: Whose = Whose.COMPLAINANT) -> PersonalDataErased:
    return PersonalDataErased(**numbers(referral), whose=whose, legal_basis="objection", erased_at=datetime.now(UTC))


def types_owed(centre: Centre, referral: Json) -> list[str]:
    return [message["type"] for message in centre.owed(referral["id"])]


def lived_through(centre: Centre) -> tuple[Json, Json, str]:
    """A complaint to which everything has happened, with a person's name in every word of it; its last referral."""
    said = f"ตามที่ {NAME} โทร {PHONE} แจ้งไว้"
    officer, verifier = centre.as_("officer"), centre.as_("verifier")
    intake = centre.as_("intake")
    content = LETTER | {
        "channel": "hotline",
        "subject": said,
        "details": said,
        "complainant": {
            "title": NAME, "first_name": NAME, "last_name": NAME, "national_id": "1101700230708", "phone": PHONE,
            "email": f"{NAME}@example.org", "address": said,
        },
        "place": {"province": "ลำพูน", "district": "เมืองลำพูน", "subdistrict": None, "community": NAME},
        "evidence": {"caller_number": PHONE},
    }  # fmt: skip
    new = made(intake.post("/v1/complaints", json=content, headers={"Idempotency-Key": "k-1"}))
    id_, secret = new["id"], {"Tracking-Secret": new["tracking_secret"]}
    path, public = f"/v1/complaints/{id_}", f"/v1/public/complaints/{new['tracking_number']}"
    ok(
        verifier.put(
            f"{path}/checklist", json={"ticks": [{"check": "facts_checkable", "fulfilled": True, "note": said}]}
        )
    )
    ok(verifier.put(f"{path}/verification", json={"outcome": "accepted", "note": said}))
    link = {"to": centre.registered(channel="walk_in")["id"], "kind": "related", "note": said}
    for_good = made(verifier.post(f"{path}/links", json=link))
    ok(verifier.post(f"{path}/links/{for_good['id']}/removal", json={"reason": said}))
    made(officer.post(f"{path}/clock-stops", json={"reason": "other", "note": said}))
    ok(officer.post(f"{path}/clock-restart", json={"note": said}))
    made(centre.anyone.post(f"{public}/messages", json={"text": said}, headers=secret | {"Idempotency-Key": "k-2"}))
    file = f"%PDF-1.7 {said}".encode()
    sent(centre, announced(centre, new, file, filename=f"{NAME}.pdf"), file)
    first = made(officer.post(f"{path}/referrals", json={"to": AGENCY, "question": said}))
    centre.told(
        first["id"],
        ReferralReturned(**numbers(first), reason=ReturnReason.OTHER, note=said, suggested_owner=NAME),
    )
    withdrawn = made(officer.post(f"{path}/referrals", json={"to": AGENCY, "question": said, "insist": True}))
    ok(officer.post(f"/v1/referrals/{withdrawn['id']}/withdrawal", json={"reason": said}))
    last = made(officer.post(f"{path}/referrals", json={"to": AGENCY, "question": said, "insist": True}))
    told = {**numbers(last), "case_number": "สพช-2569-000042"}
    now = datetime.now(UTC)
    centre.told(last["id"], accepted(last))
    centre.told(last["id"], ReferralProgressed(**told, text=said, progressed_at=now))
    centre.told(last["id"], ReferralQuestion(**told, question=said, asked_at=now))
    ok(officer.post(f"/v1/referrals/{last['id']}/amendments", json={"text": said}))
    described = Attachment(
        id=uuid7(), filename=f"{NAME}.txt", media_type="text/plain", bytes=len(NAME), sha256="0" * 64
    )
    centre.told(
        last["id"],
        ReferralAnswered(
            **told, version=1, text=said, work_group="participation", answered_at=now, attachments=(described,)
        ),
    )
    made(officer.post(f"{path}/deliveries", json={"means": "email"}))
    (letter, *_) = ok(officer.get(f"{path}/deliveries"))["items"]
    ok(officer.post(f"/v1/deliveries/{letter['id']}/telling", json={"note": said}))
    article = made(centre.as_("km_editor").post("/v1/articles", json={"from_referral": last["id"]}))
    changed = {"question": said, "answer": said, "keywords": [NAME]}
    centre.as_("km_editor").patch(f"/v1/articles/{article['id']}", json=changed, headers={"If-Match": '"1"'})
    made(centre.anyone.post(f"{public}/feedback", json={"satisfied": False, "comment": said}, headers=secret))
    made(centre.anyone.post(f"{public}/reopening-requests", json={"reason": said}, headers=secret))
    ok(officer.post(f"{path}/reopening-refusal", json={"reason": said}))
    made(centre.anyone.post(f"{public}/reopening-requests", json={"reason": said}, headers=secret))
    made(intake.post(f"{path}/notes", json={"text": said}, headers={"Idempotency-Key": "k-3"}))
    ok(officer.post(f"{path}/closure", json={"note": said}))
    with centre.session() as session, session.begin():  # what servers and operators say
        session.execute(sa.text("UPDATE complaints SET subdistrict = :name WHERE community = :name"), {"name": NAME})
        session.execute(sa.text("UPDATE deliveries SET last_problem = :said"), {"said": said})
        session.execute(sa.text("UPDATE owed_mails SET last_problem = :said"), {"said": said})
        session.execute(sa.text("UPDATE exchange_inbox SET note = :said"), {"said": said})
        session.execute(
            sa.text("UPDATE exchange_attachments SET fetched_at = now(), content = :content"),
            {"content": NAME.encode()},
        )
    return new, last, f"{path}/erasure"


def test_nothing_personal_is_left_anywhere(centre: Centre, kept_in: Path) -> None:
    """Every column that can hold words was planted, or is named as one that holds none; after it, none has a trace.

    A new table or column fails here until somebody decides what an erasure does with it.
    """
    new, last, path = lived_through(centre)
    stays = {f"{table}.{column}" for table, columns in STAYS.items() for column in columns.split()}
    with centre.session() as session:
        every, planted = columns_of(session), columns_with(session, *PERSONAL)
    assert set() == every - stays - planted, "not planted, and not named as one that stays"
    assert set() == planted & stays
    assert set() == stays - every
    assert any(NAME.encode() in file.read_bytes() for file in kept_in.rglob("*") if file.is_file())

    view = ok(centre.as_("supervisor").post(path, json=BASIS))
    with centre.session() as session:
        assert set() == columns_with(session, *PERSONAL)
        assert set() == columns_with(session, new["tracking_secret"])
    assert 1 == forget_files(centre.app.state.sessions, centre.app.state.vault.store.forget)
    assert [] == [file for file in kept_in.rglob("*") if file.is_file()]
    assert NAME.lower() not in str(view).lower()
    assert ("supervisor", "consent_withdrawn", BASIS["note"]) == tuple(
        view["erasure"][name] for name in ("by", "basis", "note")
    )
    assert 3 == len(view["erasure"]["confirmations"])
    assert ERASED == types_owed(centre, last)[-1]
    assert ("hotline", "ลำพูน", "เมืองลำพูน") == (
        view["channel"], view["place"]["province"], view["place"]["district"]
    )  # fmt: skip


def test_what_was_answered_to_a_request_is_erased_and_the_request_not_repeated(centre: Centre, kept_in: Path) -> None:
    """The same key again is 410, not a second complaint."""
    assert kept_in.exists()
    body, key = LETTER, {"Idempotency-Key": "k-9"}
    intake = centre.as_("intake")
    new = made(intake.post("/v1/complaints", json=body, headers=key))
    refusal = {"outcome": "refused", "ground": "purely_abusive"}
    ok(centre.as_("verifier").put(f"/v1/complaints/{new['id']}/verification", json=refusal))
    erased(centre, new["id"])
    assert "/problems/answer-erased" == refused(intake.post("/v1/complaints", json=body, headers=key), 410)["type"]
    assert 1 == ok(intake.get("/v1/complaints?count=true"))["total"]


def test_an_erased_complaint_stays_as_it_is(centre: Centre) -> None:
    """Nothing more can be done with it, its complainant sees no complaint, and lists, exports and history go on."""
    new = centre.registered()
    path = f"/v1/complaints/{new['id']}"
    officer = centre.as_("officer")
    ok(officer.post(f"{path}/withdrawal", json={"reason": "ผู้ร้องขอถอนเรื่อง"}))
    erased(centre, new["id"])
    calls: list[tuple[str, Json]] = [
        ("notes", {"text": "โทรแจ้งแล้ว"}),
        ("reopening", {"reason": "ขอพิจารณาใหม่"}),
        ("attachments", {"filename": "a.pdf", "media_type": "application/pdf", "bytes": 1}),
        ("erasure", BASIS),
    ]
    for part, body in calls:
        problem = refused(centre.as_("supervisor").post(f"{path}/{part}", json=body), 409)
        assert "/problems/erased" == problem["type"], part
    secret = {"Tracking-Secret": new["tracking_secret"]}
    refused(centre.anyone.get(f"/v1/public/complaints/{new['tracking_number']}", headers=secret), 404)
    (line,) = ok(officer.get("/v1/complaints"))["items"]
    assert ERASED_TEXT == line["subject"]
    history = ok(officer.get(f"{path}/history"))["items"]
    assert ["register", "withdraw", "erase"] == [entry["move"] for entry in history]
    assert {None} == {entry["note"] for entry in history}


@pytest.mark.parametrize("state", ["received", "verified", "referred", "answered"])
def test_only_what_is_at_its_end_is_erased(busy_centre: Centre, state: str) -> None:
    """The problem says what to do first, in both languages."""
    makers: dict[str, Callable[[], str]] = {
        "received": lambda: busy_centre.registered()["id"],
        "verified": lambda: busy_centre.verified()["id"],
        "referred": lambda: busy_centre.referred()["complaint_id"],
        "answered": lambda: busy_centre.answered()["id"],
    }
    path = f"/v1/complaints/{makers[state]()}/erasure"
    problem = refused(busy_centre.as_("supervisor").post(path, json=BASIS), 409)
    assert "/problems/not-at-its-end" == problem["type"]
    assert state in problem["detail"]
    thai = busy_centre.as_("supervisor").post(path, json=BASIS, headers={"Accept-Language": "th"}).json()
    assert re.search("ต้องยุติเรื่อง", thai["detail"])


def test_who_may_erase_and_on_what_ground(quiet_centre: Centre) -> None:
    """Supervisors alone, on a ground of the law."""
    path = "/v1/complaints/019a5f0e-7c00-7000-8000-000000000001/erasure"
    for role in ("intake", "verifier", "officer", "auditor", "operator"):
        refused(quiet_centre.as_(role).post(path, json=BASIS), 403)
    refused(quiet_centre.as_("supervisor").post(path, json={"basis": "because"}), 400)
    refused(quiet_centre.as_("supervisor").post(path, json=BASIS), 404)
    grounds = ok(quiet_centre.anyone.get("/v1/code-lists/erasure_grounds"))
    assert 5 == len(grounds["items"] if "items" in grounds else grounds["codes"])


def test_the_agency_confirms_and_it_is_shown(centre: Centre) -> None:
    """Until then the erasure is unconfirmed."""
    referral = ended(centre)
    (waiting,) = erased(centre, referral["complaint_id"])["erasure"]["confirmations"]
    assert (AGENCY, referral["number"], None) == (waiting["party"], waiting["number"], waiting["confirmed_at"])
    asked = centre.owed(referral["id"])[-1]
    assert ("complainant", "consent_withdrawn") == (asked["data"]["whose"], asked["data"]["legal_basis"])
    confirmation = PersonalDataErasureConfirmed(
        **numbers(referral), message_id=asked["id"], erased_at=datetime.now(UTC)
    )
    assert "applied" == centre.told(referral["id"], confirmation).disposition
    (confirmed,) = centre.complaint(referral["complaint_id"])["erasure"]["confirmations"]
    assert confirmed["confirmed_at"] is not None


def test_what_an_agency_erases_the_centre_erases_and_confirms(centre: Centre) -> None:
    """Once the complaint is at its end; before that it stands in quarantine with the reason, to be applied again."""
    referral = centre.referred()
    centre.told(referral["id"], accepted(referral))
    centre.told(referral["id"], answered(referral))
    receipt = centre.told(referral["id"], erasure_of(referral))
    assert ("quarantined", "/problems/not-at-its-end") == (
        receipt.disposition, receipt.problem.type if receipt.problem else None
    )  # fmt: skip
    ok(centre.as_("officer").post(f"/v1/complaints/{referral['complaint_id']}/closure", json={}))
    again = f"/v1/exchange/inbox/{AGENCY}/{receipt.id}/application"
    assert centre.as_("operator").post(again, json={"reason": "ยุติเรื่องแล้ว"}).is_success
    view = centre.complaint(referral["complaint_id"])
    assert (AGENCY, "objection", ERASED_TEXT) == (view["erasure"]["by"], view["erasure"]["basis"], view["subject"])
    assert ERASURE_CONFIRMED == types_owed(centre, referral)[-1]
    assert "applied" == centre.told(referral["id"], erasure_of(referral)).disposition
    third = centre.told(referral["id"], erasure_of(referral, Whose.THIRD_PARTY))
    assert "quarantined" == third.disposition


def test_what_an_agency_still_sends_is_refused_and_kept_erased(centre: Centre) -> None:
    """Its later answer had been under way."""
    referral = ended(centre)
    erased(centre, referral["complaint_id"])
    receipt = centre.told(referral["id"], answered(referral, 2, f"เรียน {NAME}"))
    assert ("quarantined", "/problems/erased") == (
        receipt.disposition, receipt.problem.type if receipt.problem else None
    )  # fmt: skip
    with centre.session() as session:
        assert set() == columns_with(session, NAME)


def test_a_restored_centre_erases_again(centre: Centre) -> None:
    """Its own message tells it, whatever state its backup left the complaint in; nobody is told twice."""
    referral = ended(centre)
    officer = centre.as_("officer")
    ok(officer.post(f"/v1/complaints/{referral['complaint_id']}/reopening", json={"reason": "ยังไม่ชัดเจน"}))
    with centre.session() as session, session.begin():
        content = centre.owed(referral["id"])[0] | {
            "type": ERASED,
            "sequence": 2,
            "data": erasure_of(referral).model_dump(mode="json"),
        }
        does = effects(centre.app.state.deadlines)
        problem = apply_again_to(
            session,
            orjson.dumps(content).decode(),
            "center1111",
            type(does)(does.recalled, does.problems),
            datetime.now(UTC),
        )
    assert problem is None
    view = centre.complaint(referral["complaint_id"])
    assert ("withdrawn", "recovery", ERASED_TEXT) == (view["state"], view["erasure"]["by"], view["subject"])
    assert ["referral.sent.v1"] == types_owed(centre, referral)


def test_history_loses_notes_and_nothing_else(busy_centre: Centre) -> None:
    """Even for the transaction that erases."""
    id_ = UUID(busy_centre.answered()["id"])
    for change in ("by = 'x', note = NULL", "note = 'another'", "at = now()"):
        with busy_centre.session() as session:
            session.execute(sa.text("SELECT set_config('erasure.of', :id, true)"), {"id": str(id_)})
            changing = sa.text(f"UPDATE complaint_history SET {change} WHERE complaint_id = :id")  # noqa: S608  # constants
            with pytest.raises(sa.exc.IntegrityError, match="append-only"):
                session.execute(changing, {"id": id_})
