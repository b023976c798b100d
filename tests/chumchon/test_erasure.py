"""Erasure of personal data at the Office: of cases of its own channels, and of those that the Centre referred."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
import sqlalchemy as sa

from chumchon.channels.desk import Desk
from chumchon.channels.tags import Tags
from chumchon.channels.taking import Place, receive, take_mail
from chumchon.codes import MailOutcome
from chumchon.confirmations import confirmations
from chumchon.exchange import recalled
from chumchon.files import NAMED_WITHIN, forget_file
from chumchon.problems import PROBLEMS
from exchange import Effects
from exchange.inbox import apply_again_to
from schemas import (
    ERASED,
    ERASED_TEXT,
    ERASURE_CONFIRMED,
    PersonalDataErased,
    PersonalDataErasureConfirmed,
    ReferralAmended,
    ReferralContested,
    ReferralWithdrawn,
    Whose,
)
from servicekit.clock import utc_now
from servicekit.files.forgetting import forget_files
from servicekit.files.storing import FileStore
from servicekit.ids import uuid7
from servicekit.testing import columns_of, columns_with

from .conftest import CENTRE, TRANSFER, Centre, Json, Office, numbers

NAME = "Quillmarker"
PHONE = "0819191919"
PERSONAL = (NAME, PHONE, PHONE.removeprefix("0"), "1101700230708")
SAID = f"{TRANSFER['details']} ตามที่ {NAME} โทร {PHONE} แจ้งไว้"
BASIS = {"basis": "consent_withdrawn", "note": "คำขอที่ 12/2569"}
OFFICER, HEAD = "group_officer.participation", "group_head.participation"
MAIL = f"""\
From: {NAME} {NAME} <{NAME}@example.org>
To: info@chumchon.go.th
Subject: {TRANSFER["subject"]} {NAME}
Message-ID: <{NAME}.1@example.org>
Content-Type: text/plain; charset=utf-8

{TRANSFER["details"]} {NAME}
"""

STAYS = {
    # Codes, numbers, digests, officers: nothing by or about a complainant.
    "alembic_version": "version_num",
    "answers": "topic work_group files drafted_by approved_by",
    "case_erasures": "erased_by basis note",
    "case_files": "kind media_type sha256",
    "case_history": "by action from_state to_state",
    "case_messages": "kind by",
    "cases": "case_number origin channel kind province district recorded_by client_id secret_hash state topic"
    " work_group officer return_reason closure_reason",
    "deliveries": "kind channel state sent_by",
    "channel_readers": "name waiting problem",
    "drafts": "files written_by",
    "files_to_forget": "key",
    "idempotent_answers": "caller key fingerprint headers path",
    "mail_places": "mailbox",
    "owed_mails": "state",
    "rate_limit_meters": "policy caller",
    "received_mails": "fingerprint outcome reason original",
    "referrals": "number party complaint_number channel",
    "routings": "decided_by method topic work_group proposals",
    "taken_files": "folder sha256",
    # The store of questions: the person was taken out when it was answered.
    "questions": "subject text kind topic work_group origin channel answer",
    "question_answers": "text topic work_group",
    "questions_search_documents": "terms",
    # Search by hashes; the case is taken out of it.
    "cases_search_documents": "terms",
    # Rules are the Office's own words; a model holds numbers, and the next one learns nothing from an erased case.
    "routing_rules": "rules saved_by note",
    "routing_models": "trained_by material outcome figures compared_figures model",
    "routing_model_activations": "activated_by reason",
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


@contextmanager
def by_sql(office: Office, **values: object) -> Iterator[Callable[[str], Any]]:
    """What no call can do: words of mail servers and fax gateways."""
    with office.app.state.sessions.begin() as session:
        yield lambda statement: session.execute(sa.text(statement), values)


@pytest.fixture
def kept_in(tmp_path: Path, office: Office) -> Path:
    """The folder in which this Office's files lie."""
    office.app.state.store = FileStore(tmp_path.as_uri())
    return tmp_path


def taken_in(office: Office, raw: bytes, uid: int = 1) -> MailOutcome:
    desk = Desk(
        store=office.app.state.store,
        deadlines=office.app.state.deadlines,
        tags=Tags(["a key of the tests, long enough for anybody"]),
        own_addresses=frozenset(),
        fax_gateways=frozenset(),
        acknowledges=False,
    )
    arrival = receive(raw, desk, received_at=None)
    with office.app.state.sessions.begin() as session:
        return take_mail(session, arrival, Place("inbox", 1, uid), desk, now=utc_now())


def erased(office: Office, case: Json, **options: Any) -> Json:  # noqa: ANN401  # as `ask`
    return office.done("POST", f"/cases/{case['id']}/erasure", BASIS, **options)


def erasure(whose: Whose = Whose.COMPLAINANT) -> PersonalDataErased:
    return PersonalDataErased.model_validate(
        {**numbers(), "whose": whose, "legal_basis": "objection", "erased_at": datetime.now(UTC)}
    )


def found(office: Office, *words: str) -> set[str]:
    with office.app.state.sessions() as session:
        return columns_with(session, *words)


def referred_and_answered(office: Office, centre: Centre, case_of: Callable[[UUID], Json]) -> Json:
    """A referred case to which everything has happened, with a person's name in every word of it."""
    described = {
        "id": str(uuid7()), "filename": f"{NAME}.txt", "media_type": "text/plain", "bytes": len(NAME),
        "sha256": "0" * 64,
    }  # fmt: skip
    referral = centre.refer(
        subject=SAID[:290],
        details=SAID,
        question=SAID,
        complainant={
            "title": NAME, "first_name": NAME, "last_name": NAME, "national_id": "1101700230708", "phone": PHONE,
            "email": f"{NAME}@example.org", "address": SAID,
        },
        place={"province": "ขอนแก่น", "district": "เมืองขอนแก่น", "subdistrict": NAME, "community": NAME},
        attachments=[described],
        path=[{"referral_number": numbers()["referral_number"], "to": "other", "referred_at": "2026-10-01T00:00:00Z",
               "returned_at": "2026-10-02T00:00:00Z", "reason": "other", "note": SAID}],
    )  # fmt: skip
    case = case_of(referral)
    path = f"/cases/{case['id']}"
    office.done("PUT", f"{path}/routing", {"topic": "transfers_and_changes", "reason": SAID}, role="registrar")
    office.accept(office.case(case["id"]))
    hand_over = {"to": OFFICER, "note": SAID}
    office.done("POST", f"{path}/hand-over", hand_over, role=OFFICER)
    office.done("POST", f"{path}/progress", {"text": SAID}, role=OFFICER)
    office.done("POST", f"{path}/questions", {"text": SAID}, role=OFFICER)
    amended = {**numbers(), "information": SAID, "corrections": {"details": SAID}}
    centre.send(referral, ReferralAmended.model_validate(amended))
    office.draft(case, SAID)
    office.approve(case)
    centre.send(referral, ReferralContested.model_validate({**numbers(), "reason": SAID}))
    office.draft(case, SAID)
    office.approve(case)
    office.draft(case, SAID)
    return office.case(case["id"])


def mailed_and_answered(office: Office) -> Json:
    """A case of our own that came by mail, with files, and was answered by mail."""
    assert MailOutcome.OPENED == taken_in(office, MAIL.encode())
    (case,) = office.done("GET", "/cases", channel="email")["items"]
    scan = office.http.post(
        f"/v1/cases/{case['id']}/files",
        params={"filename": f"{NAME}.pdf"},
        content=NAME.encode(),
        headers={"Authorization": f"Bearer {office.token('registrar')}"},
    )
    assert scan.is_success, scan.text
    office.answered(case, f"เรียนคุณ {NAME}")
    return office.case(case["id"])


def test_nothing_personal_is_left_anywhere(
    office: Office, centre: Centre, case_of: Callable[[UUID], Json], kept_in: Path
) -> None:
    """Every column that can hold words was planted, or is named as one that holds none; after it, none has a trace.

    A new table or column fails here until somebody decides what an erasure does with it.
    """
    referred, mailed = referred_and_answered(office, centre, case_of), mailed_and_answered(office)
    told = {"channel": "telephone", "kind": "inquiry", **TRANSFER, "evidence": {"called_number": "02-629-9226"},
            "complainant": {"first_name": NAME}}  # fmt: skip
    by_phone = office.done("POST", "/cases", told, headers={"Idempotency-Key": "k-1"})
    office.answered(by_phone, f"เรียนคุณ {NAME}")
    with by_sql(office, said=SAID, name=NAME, mailed=mailed["id"], id=uuid7(), content=NAME.encode()) as run:
        run("UPDATE deliveries SET note = :said")
        run("UPDATE owed_mails SET last_problem = :said")
        run("UPDATE exchange_inbox SET note = :said")
        run("UPDATE exchange_attachments SET fetched_at = now(), content = :content")
        run("INSERT INTO taken_files VALUES ('fax', :name, repeat('0', 64), :mailed, now())")
        run(
            "INSERT INTO routings SELECT :id, case_id, now(), NULL, 'model', topic, work_group, 0.5, false,"
            " jsonb_build_array(jsonb_build_object('term', CAST(:name AS text), 'weight', 1)), proposals, NULL,"
            " rules_version, NULL FROM routings WHERE case_id = :mailed"
        )
    stays = {f"{table}.{column}" for table, columns in STAYS.items() for column in columns.split()}
    with office.app.state.sessions() as session:
        every, planted = columns_of(session), columns_with(session, *PERSONAL)
    assert set() == every - stays - planted, "not planted, and not named as one that stays"
    assert set() == planted & stays
    assert set() == stays - every
    assert any(NAME.encode() in file.read_bytes() for file in kept_in.rglob("*") if file.is_file())

    views = [erased(office, case) for case in (referred, mailed, by_phone)]
    assert set() == found(office, *PERSONAL)
    assert NAME.lower() not in str(views).lower()
    later = utc_now() + NAMED_WITHIN + timedelta(minutes=1)
    sessions, store = office.app.state.sessions, office.app.state.store
    assert 0 == forget_files(sessions, lambda digest: forget_file(sessions, store, digest, now=utc_now()))
    assert 2 == forget_files(sessions, lambda digest: forget_file(sessions, store, digest, now=later))
    assert [] == [file for file in kept_in.rglob("*") if file.is_file()]
    (asked,) = [message for message in centre.owed() if message["type"] == ERASED]
    assert ("complainant", "consent_withdrawn") == (asked["data"]["whose"], asked["data"]["legal_basis"])
    assert [1, 0, 0] == [len(view["erasure"]["confirmations"]) for view in views]
    with office.app.state.sessions() as session:
        assert [] == session.execute(confirmations).all()  # nothing is learned from them
    again = office.ask("POST", "/cases", told, headers={"Idempotency-Key": "k-1"})
    assert (410, "/problems/answer-erased") == (again.status_code, again.json()["type"])


def test_an_erased_case_stays_as_it_is(office: Office) -> None:
    """Nothing more can be done with it; lists, search and history go on."""
    case = office.record("website", subject=f"{TRANSFER['subject']} {NAME}")
    secret = {"Tracking-Secret": case["tracking_secret"]}
    office.answered(case, "โอนแล้ว")
    view = erased(office, case)
    assert (ERASED_TEXT, "registrar", "consent_withdrawn") == (
        view["subject"], view["erasure"]["by"], view["erasure"]["basis"]
    )  # fmt: skip
    path = f"/cases/{case['id']}"
    assert (409, "erased") == office.refused("POST", f"{path}/erasure", BASIS)
    assert (409, "erased") == office.refused("POST", f"{path}/answers", {"text": "ก"}, role=HEAD)
    assert (409, "erased") == office.refused("POST", f"{path}/replies", {"text": "ก"})
    number = case["case_number"]
    assert (404, "case-not-found") == office.refused("GET", f"/public/cases/{number}", role=None, headers=secret)
    (line,) = office.done("GET", "/cases")["items"]
    assert ERASED_TEXT == line["subject"]
    assert [] == office.done("GET", "/cases", q=NAME)["items"]
    last = office.done("GET", f"{path}/history")["items"][-1]
    assert ("erase", "answered", "answered", None) == tuple(
        last[name] for name in ("action", "from_state", "to_state", "note")
    )


def test_only_what_is_at_its_end_is_erased_by_who_may(office: Office) -> None:
    """The problem says what to do first."""
    case = office.record()
    path = f"/cases/{case['id']}/erasure"
    assert (409, "not-at-its-end") == office.refused("POST", path, BASIS)
    assert (403, "not-allowed") == office.refused("POST", path, BASIS, role=HEAD)
    assert {("/basis", "unknown_code")} == office.faults("POST", path, {"basis": "because"})
    assert (404, "case-not-found") == office.refused("POST", f"/cases/{uuid7()}/erasure", BASIS)


def test_what_the_centre_erases_the_office_erases_and_confirms(
    office: Office, centre: Centre, case_of: Callable[[UUID], Json]
) -> None:
    """Once the case is at its end; before that it stands in quarantine with the reason."""
    referral = centre.refer(details=SAID)
    receipt = centre.send(referral, erasure())
    assert ("quarantined", "/problems/not-at-its-end") == (
        receipt.disposition, receipt.problem.type if receipt.problem else None
    )  # fmt: skip
    centre.send(referral, ReferralWithdrawn.model_validate({**numbers(), "reason": SAID}))
    assert "applied" == centre.send(referral, erasure()).disposition
    case = office.case(case_of(referral)["id"])
    assert (CENTRE, "objection", ERASED_TEXT) == (case["erasure"]["by"], case["erasure"]["basis"], case["details"])
    assert set() == found(office, NAME)
    (confirmed,) = [message for message in centre.owed() if message["type"] == ERASURE_CONFIRMED]
    assert case["case_number"] == confirmed["data"]["case_number"]
    assert "quarantined" == centre.send(referral, erasure(Whose.THIRD_PARTY)).disposition


def test_a_whole_story_in_one_batch_leaves_nothing(office: Office, centre: Centre) -> None:
    """After a day down it may all come at once."""
    referral = centre.refer()
    reason = ReferralWithdrawn.model_validate({**numbers(), "reason": SAID})
    assert ["applied", "applied"] == [
        it.disposition for it in centre.send_together((referral, reason), (referral, erasure()))
    ]
    assert set() == found(office, NAME)


def test_what_was_never_a_case_is_erased_as_far_as_its_messages_go(office: Office, centre: Centre) -> None:
    """And confirmed: the Centre has nothing more to wait for."""
    unknown = uuid7()
    refused = ReferralWithdrawn.model_validate({**numbers(), "reason": SAID})
    assert "quarantined" == centre.send(unknown, refused).disposition
    assert "applied" == centre.send(unknown, erasure()).disposition
    assert set() == found(office, NAME)
    assert [ERASURE_CONFIRMED] == [message["type"] for message in centre.owed()]


def test_the_centre_confirms_what_the_office_erased(
    office: Office, centre: Centre, case_of: Callable[[UUID], Json]
) -> None:
    """It is shown with the case."""
    referral = centre.refer()
    case = case_of(referral)
    office.answered(case, "โอนแล้ว")
    (waiting,) = erased(office, case, role="director")["erasure"]["confirmations"]
    assert (CENTRE, None) == (waiting["party"], waiting["confirmed_at"])
    asked = centre.owed()[-1]
    body = {**numbers(), "message_id": asked["id"], "erased_at": datetime.now(UTC)}
    assert "applied" == centre.send(referral, PersonalDataErasureConfirmed.model_validate(body)).disposition
    (told,) = office.case(case["id"])["erasure"]["confirmations"]
    assert told["confirmed_at"] is not None


def test_a_restored_office_erases_again(office: Office, centre: Centre, case_of: Callable[[UUID], Json]) -> None:
    """Its own message tells it; the Centre is not told twice."""
    referral = centre.refer(details=SAID)
    case = case_of(referral)
    office.answered(case, "โอนแล้ว")
    message = centre.owed()[-1] | {"type": ERASED, "data": erasure().model_dump(mode="json")}
    ours = Effects(recalled(), PROBLEMS)
    with office.app.state.sessions.begin() as session:
        assert apply_again_to(session, orjson.dumps(message).decode(), "chumchon", ours, utc_now()) is None
    assert ("recovery", ERASED_TEXT) == (office.case(case["id"])["erasure"]["by"], office.case(case["id"])["details"])
    assert ERASED not in [message["type"] for message in centre.owed()]


def test_who_writes_again_after_an_erasure_opens_a_new_case(office: Office, kept_in: Path) -> None:
    """What machines answer to earlier mails of ours is kept by no case, and its bytes are forgotten."""
    case = mailed_and_answered(office)
    with office.app.state.sessions() as session:
        mail_id = session.scalar(sa.text("SELECT id FROM owed_mails ORDER BY id DESC LIMIT 1"))
    erased(office, case)
    reply = MAIL.replace(f"<{NAME}.1@", f"<{NAME}.2@").replace(
        "Content-Type", f"In-Reply-To: <{mail_id}@chumchon.go.th>\nContent-Type"
    )
    assert MailOutcome.OPENED == taken_in(office, reply.encode(), 2)
    assert 2 == len(office.done("GET", "/cases")["items"])
    automatic = reply.replace(f"<{NAME}.2@", f"<{NAME}.3@").replace("To:", "Auto-Submitted: auto-replied\nTo:", 1)
    assert MailOutcome.AUTOMATIC == taken_in(office, automatic.encode(), 3)
    with by_sql(office, key=hashlib.sha256(automatic.encode()).hexdigest()) as run:
        assert 1 == run("SELECT count(*) FROM files_to_forget WHERE key = :key").scalar()
    assert kept_in.exists()


def test_bytes_that_another_case_has_too_stay(office: Office, kept_in: Path) -> None:
    """A file is named by its content, whoever sent it."""
    digests = set()
    for _ in range(2):
        case = office.record()
        answer = office.http.post(
            f"/v1/cases/{case['id']}/files",
            params={"filename": "ก.pdf"},
            content=b"the same",
            headers={"Authorization": f"Bearer {office.token('registrar')}"},
        )
        digests.add(answer.json()["sha256"])
    office.answered(case, "โอนแล้ว")
    erased(office, case)
    sessions, store = office.app.state.sessions, office.app.state.store
    later = utc_now() + 2 * NAMED_WITHIN
    assert 1 == forget_files(sessions, lambda digest: forget_file(sessions, store, digest, now=later))
    assert [b"the same"] == [file.read_bytes() for file in kept_in.rglob("*") if file.is_file()]
    assert 1 == len(digests)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE case_history SET note = 'another'",
        "UPDATE answers SET text = 'another'",
        "UPDATE answers SET drafted_by = 'x', text = 'ลบข้อมูลส่วนบุคคลตามกฎหมายแล้ว'",
        "UPDATE routings SET confidence = 1",
    ],
)
def test_history_loses_words_and_nothing_else(office: Office, statement: str) -> None:
    """Even for the transaction that erases."""
    case = office.record()
    office.answered(case, "โอนแล้ว")
    with office.app.state.sessions() as session:
        session.execute(sa.text("SELECT set_config('erasure.of', :id, true)"), {"id": case["id"]})
        with pytest.raises(sa.exc.ProgrammingError, match="append-only"):
            session.execute(sa.text(statement))
