"""Erasure of messages: their bodies go, their place, digest and proof stay, on both sides and on the way."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy.orm import Session

from exchange import Effects, take
from exchange.alarms import exchange_watches, look
from exchange.attachments import want, wanted_about
from exchange.canonical import canonical, digest_of
from exchange.erasing import (
    confirm_erasure,
    confirmations,
    erase_messages,
    erased_content,
    owe_erasure,
    recall_erasure,
    record_confirmation,
    refuse_third_party,
)
from exchange.inbox import read_batch
from exchange.listing import outgoing_messages
from exchange.reconciling import Reconciler, Reconciliation
from schemas import (
    ERASED,
    ERASED_TEXT,
    ERASURE_CONFIRMED,
    Attachment,
    Message,
    PersonalDataErased,
    PersonalDataErasureConfirmed,
    Receipt,
    Whose,
    sample,
)
from servicekit.clock import utc_now
from servicekit.ids import uuid7

from .conftest import HANDLERS, PROBLEMS, Parties, Party, served

SECRET = "สมหญิง ไม่ประสงค์ออกนาม"


def on_erasure(session: Session, message: Message, body: PersonalDataErased, now: Any) -> None:  # noqa: ANN401  # a moment
    """What a service does when a peer has erased."""
    refuse_third_party(body)
    erase_messages(session, {message.subject: message.source}, now=now)
    confirm_erasure(session, message, body, case_number="7/2570", now=now)


def erase_again(session: Session, message: Message, body: PersonalDataErased, now: Any) -> None:  # noqa: ANN401  # as above
    """What a restored service does with its own message."""
    recall_erasure(session, message, body)
    erase_messages(session, {message.subject: "chumchon"}, now=now)


EFFECTS = Effects(
    {**HANDLERS, ERASED: on_erasure, ERASURE_CONFIRMED: record_confirmation},
    PROBLEMS,
    recalled={ERASED: erase_again},
)


@pytest.fixture
def both(parties: Parties) -> Iterator[Parties]:
    """Both parties, served over HTTP, which know what an erasure is."""
    with ExitStack() as stack:
        for party in (parties.centre, parties.office):
            object.__setattr__(party.effects, "handlers", EFFECTS.handlers)
            object.__setattr__(party.effects, "recalled", EFFECTS.recalled)
            stack.enter_context(served(party.app, parties.listeners[party.code]))
        yield parties


def erasure(whose: Whose = Whose.COMPLAINANT) -> PersonalDataErased:
    body = sample(ERASED)["data"] | {"whose": whose, "erased_at": utc_now().isoformat()}
    return PersonalDataErased.model_validate(body)


def erases(party: Party, subject: UUID, *, to: str = "chumchon") -> UUID:
    """The party erases and tells the peer; the message's id."""
    with party.sessions.begin() as session:
        erase_messages(session, {subject: to}, now=utc_now())
        return owe_erasure(session, erasure(), to=to, subject=subject, now=utc_now())


def contents(party: Party) -> str:
    """All that is kept of messages."""
    return str(party.sql("SELECT content FROM exchange_outbox UNION ALL SELECT content FROM exchange_inbox"))


def digests(party: Party) -> set[tuple[UUID, str]]:
    rows = party.sql("SELECT id, digest FROM exchange_outbox UNION SELECT id, digest FROM exchange_inbox")
    return {(row.id, row.digest) for row in rows}


def deliver(sender: Party, receiver: Party) -> None:
    sender.relay().round(sender.peer(receiver.code))


def taken(party: Party, *messages: dict[str, Any]) -> list[Receipt]:
    arrivals = read_batch(orjson.dumps({"messages": messages}), "center1111")
    return take(party.sessions, arrivals, source="center1111", effects=EFFECTS, now=utc_now())


def reconciled(party: Party, other: Party, *, recover: bool = False) -> Reconciliation:
    reconciler = Reconciler(party.exchange, party.sessions, party.effects)
    since = utc_now() - timedelta(days=3)
    try:
        if recover:
            return reconciler.recover(party.peer(other.code), since=since)
        return reconciler.reconcile(party.peer(other.code), since=since, until=utc_now() + timedelta(seconds=1))
    finally:
        reconciler.close()


def test_a_message_is_erased_on_both_sides_and_keeps_its_digest(both: Parties) -> None:
    """The body goes; id, digest and receipt stay, the ledgers are equal, and the peer confirms."""
    subject, _ = both.centre.owes(SECRET, now=utc_now())
    deliver(both.centre, both.office)
    before = digests(both.centre)
    erases(both.centre, subject)
    deliver(both.centre, both.office)
    assert SECRET not in contents(both.centre) + contents(both.office)
    assert before <= digests(both.centre) & digests(both.office)
    deliver(both.office, both.centre)
    with both.centre.sessions() as session:
        (told,) = confirmations(session, [subject])
    assert told.confirmed_at is not None
    assert "equal" == reconciled(both.centre, both.office).outcome
    assert "equal" == reconciled(both.office, both.centre).outcome


def test_what_is_still_queued_goes_out_erased(both: Parties) -> None:
    """The peer never sees what was said, and the receipt's digest is the one that was owed."""
    subject, message_id = both.centre.owes(SECRET, now=utc_now())
    erases(both.centre, subject)
    deliver(both.centre, both.office)
    assert SECRET not in contents(both.office)
    assert [ERASED_TEXT] == both.office.said()
    with both.centre.sessions() as session:
        sent = {one.id: one for one in outgoing_messages(session, limit=10)}[message_id]
    assert ("delivered", "applied", True) == (sent.state, sent.disposition, sent.erased_at is not None)
    assert "equal" == reconciled(both.office, both.centre).outcome


def test_the_erased_form_of_a_known_message_is_a_duplicate(both: Parties) -> None:
    """And so is its original, wherever only the erased form was seen; any other content is a conflict."""
    message = sample("referral.withdrawn.v1") | {"sequence": 1}
    original = digest_of(canonical(message))
    erased = orjson.loads(erased_content(canonical(message).decode(), original))
    assert ["applied", "duplicate"] == [taken(both.office, it)[0].disposition for it in (message, erased)]
    other = sample("referral.withdrawn.v1") | {"id": str(uuid7()), "subject": str(uuid7()), "sequence": 1}
    digest = digest_of(canonical(other))
    only_erased = orjson.loads(erased_content(canonical(other).decode(), digest))
    (receipt,) = taken(both.office, only_erased)
    assert ("applied", digest, True) == (receipt.disposition, receipt.digest, receipt.erased)
    assert ["duplicate"] == [it.disposition for it in taken(both.office, other)]
    assert ["conflict"] == [it.disposition for it in taken(both.office, other | {"time": "2026-10-06T02:20:00Z"})]


def test_what_comes_in_one_batch_with_its_erasure_is_kept_erased(both: Parties) -> None:
    """The messages of a batch are written after their effects; none of them escapes."""
    subject = str(uuid7())
    said = sample("referral.withdrawn.v1") | {"id": str(uuid7()), "subject": subject, "sequence": 1}
    said["data"] = said["data"] | {"reason": SECRET}
    told = sample(ERASED) | {"id": str(uuid7()), "subject": subject, "sequence": 2}
    assert ["applied", "applied"] == [it.disposition for it in taken(both.office, said, told)]
    assert SECRET not in contents(both.office)


def test_what_comes_later_is_kept_erased(both: Parties) -> None:
    """A message that had been under way, or that could not even be read, brings nothing back."""
    subject, _ = both.centre.owes("ก", now=utc_now())
    deliver(both.centre, both.office)
    with both.office.sessions.begin() as session:
        erase_messages(session, {subject: "center1111"}, now=utc_now())
    late = sample("referral.withdrawn.v1") | {"id": str(uuid7()), "subject": str(subject), "sequence": 2}
    late["data"] = late["data"] | {"reason": SECRET}
    (receipt,) = taken(both.office, late)
    assert (digest_of(canonical(late)), None) == (receipt.digest, receipt.erased)
    assert SECRET not in contents(both.office)


def test_an_unreadable_message_about_the_subject_goes_as_a_whole(both: Parties) -> None:
    """It stands in quarantine without a subject of its own, and is found by its text."""
    subject, _ = both.centre.owes("ก", now=utc_now())
    broken = sample("referral.withdrawn.v1") | {"id": str(uuid7()), "subject": str(subject).upper(), "time": SECRET}
    assert ["quarantined"] == [it.disposition for it in taken(both.office, broken)]
    with both.office.sessions.begin() as session:
        erase_messages(session, {subject: "center1111"}, now=utc_now())
    assert SECRET not in contents(both.office)


def test_described_files_are_dropped(both: Parties) -> None:
    """Fetched or not."""
    message = Message.model_validate(sample("referral.sent.v1"))
    file = Attachment(id=uuid7(), filename=SECRET, media_type="text/plain", bytes=1, sha256="0" * 64)
    with both.office.sessions.begin() as session:
        want(session, message, [file], now=utc_now())
        erase_messages(session, {message.subject: message.source}, now=utc_now())
        assert [] == wanted_about(session, message.subject)


def test_an_erasure_that_nobody_confirms_raises_an_alarm(both: Parties) -> None:
    """It ends with the confirmation, which may come twice; a confirmation of nothing is quarantined."""
    subject, _ = both.centre.owes("ก", now=utc_now())
    message_id = erases(both.centre, subject)
    (watch,) = [it for it in exchange_watches() if it.name == "erasure_unconfirmed"]
    confirmation = Message.model_validate(
        sample(ERASURE_CONFIRMED) | {"source": "chumchon", "subject": str(subject), "sequence": 1}
    )
    body = PersonalDataErasureConfirmed.model_validate(confirmation.data | {"message_id": str(message_id)})

    def alarms() -> list[str]:
        with both.centre.sessions.begin() as session:
            look(session, [watch], frozenset(), now=utc_now() + timedelta(days=10))
        return [row.about for row in both.centre.sql("SELECT about FROM exchange_alarms WHERE ended_at IS NULL")]

    assert [body.referral_number] == alarms()
    for _ in range(2):
        with both.centre.sessions.begin() as session:
            record_confirmation(session, confirmation, body, utc_now())
    assert [] == alarms()
    both.office.owes("ก", to="center1111", subject=subject, now=utc_now())
    with both.office.sessions.begin() as session:
        confirm = Message.model_validate(sample(ERASED) | {"subject": str(subject)})
        confirm_erasure(session, confirm, erasure(), case_number=None, now=utc_now())
        confirm_erasure(session, confirm, erasure(), case_number=None, now=utc_now())
    deliver(both.office, both.centre)
    assert ["quarantined"] == [
        row.disposition
        for row in both.office.sql(f"SELECT disposition FROM exchange_outbox WHERE type = '{ERASURE_CONFIRMED}'")  # noqa: S608  # a constant
    ]


def test_a_third_partys_data_are_left_to_people(both: Parties) -> None:
    """No program can know which words of a complaint speak of somebody else."""
    subject, _ = both.centre.owes(SECRET, now=utc_now())
    with both.centre.sessions.begin() as session:
        owe_erasure(session, erasure(Whose.THIRD_PARTY), to="chumchon", subject=subject, now=utc_now())
    deliver(both.centre, both.office)
    assert ["applied", "quarantined"] == [
        row.disposition for row in both.centre.sql("SELECT disposition FROM exchange_outbox ORDER BY sequence")
    ]
    assert SECRET in contents(both.office)


@pytest.mark.parametrize("restored", ["center1111", "chumchon"])
def test_who_is_restored_from_before_the_erasure_erases_again(both: Parties, restored: str) -> None:
    """Its own message is recalled, or the peer's is read from the feed; what was forgotten comes back erased."""
    party, other = (both.centre, both.office) if restored == "center1111" else (both.office, both.centre)
    subject, message_id = both.centre.owes(SECRET, now=utc_now())
    deliver(both.centre, both.office)
    kept = party.sql("SELECT content FROM exchange_outbox UNION ALL SELECT content FROM exchange_inbox")[0].content
    erases(both.centre, subject)
    deliver(both.centre, both.office)
    deliver(both.office, both.centre)
    for table in ("exchange_outbox", "exchange_inbox"):
        party.sql(f"DELETE FROM {table} WHERE id <> :id", id=message_id)  # noqa: S608  # constants
        party.sql(f"UPDATE {table} SET content = :kept, erased_at = NULL", kept=kept)  # noqa: S608  # constants
    party.sql("DELETE FROM exchange_erasures")
    party.sql("UPDATE exchange_incoming SET erased_at = NULL, taken_sequence = least(taken_sequence, 1)")
    if restored == "center1111":
        party.sql("UPDATE exchange_incoming SET taken_sequence = 0")
    assert SECRET in contents(party)

    assert "mended" == reconciled(party, other, recover=True).outcome
    assert SECRET not in contents(party)
    assert "equal" == reconciled(other, party).outcome
    assert [] == party.sql("SELECT id FROM exchange_inbox WHERE state = 'quarantined'")
    if restored == "center1111":
        assert [True] == [
            row.done for row in party.sql("SELECT confirmed_at IS NOT NULL AS done FROM exchange_erasures")
        ]
