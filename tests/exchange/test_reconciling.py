"""Feed, ledger, and what becomes of messages that one side has lost."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from exchange import OwnKeys, generate_keys, ledger
from exchange.fetching import Enquirer, PeerAnswerError
from exchange.jobs import Job, Jobs, every, nightly
from exchange.outbox import owe
from exchange.parties import FEED_PATH, LEDGER_PATH
from exchange.reconciling import Reconciler, Reconciliation, newest_reconciliations
from exchange.watching import statuses
from schemas import Feed, Ledger, LedgerBy
from servicekit.clock import utc_now
from servicekit.ids import uuid7

from .conftest import Clock, Parties, Party, eventually, saying, served

LONG_AGO = timedelta(days=3)


@pytest.fixture
def both(parties: Parties) -> Iterator[Parties]:
    """Both parties, served over HTTP."""
    with ExitStack() as stack:
        for party in (parties.centre, parties.office):
            stack.enter_context(served(party.app, parties.listeners[party.code]))
        yield parties


def exchanged(sender: Party, receiver: Party, *said: str, subject: UUID | None = None) -> list[UUID]:
    """Owe these on one subject and deliver them; their ids."""
    subject = subject or uuid7()
    ids = [sender.owes(it, to=receiver.code, subject=subject, now=utc_now())[1] for it in said]
    sender.relay().round(sender.peer(receiver.code))
    return ids


def reconciled(party: Party, other: Party, *, recover: bool = False) -> Reconciliation:
    reconciler = Reconciler(party.exchange, party.sessions, party.effects)
    try:
        since = utc_now() - LONG_AGO
        if recover:
            return reconciler.recover(party.peer(other.code), since=since)
        return reconciler.reconcile(party.peer(other.code), since=since, until=utc_now() + timedelta(seconds=1))
    finally:
        reconciler.close()


def forget(party: Party, *ids: UUID) -> None:
    """As after a restore from an older backup: what was exchanged since is gone."""
    for one in ids:
        party.sql("DELETE FROM exchange_inbox WHERE id = :id", id=one)
        party.sql("DELETE FROM exchange_outbox WHERE id = :id", id=one)
    party.sql(
        """UPDATE exchange_incoming SET taken_sequence = coalesce((
               SELECT max(sequence) FROM exchange_inbox
               WHERE source = exchange_incoming.source AND subject = exchange_incoming.subject), 0)"""
    )
    party.sql(
        """UPDATE exchange_outgoing SET last_sequence = greatest(1, (
               SELECT max(sequence) FROM exchange_outbox
               WHERE peer = exchange_outgoing.peer AND subject = exchange_outgoing.subject))"""
    )


def _feed(party: Party, *, after: UUID | None = None) -> list[UUID]:
    """What the feed shows; it waits for older transactions, those of other tests on the same server included."""
    with party.sessions() as session:
        return [row.id for row in ledger.feed(session, "chumchon", after=after).rows]


def test_the_feed_gives_all_that_was_sent_oldest_first_and_goes_on_from_its_cursor(both: Parties) -> None:
    """Who lost messages reads them again, page by page, until there are no more."""
    ids = [both.centre.owes(f"ข้อความ {i}", now=utc_now())[1] for i in range(130)]
    enquirer = Enquirer(both.office.exchange)
    peer = both.office.peer("center1111")
    eventually(lambda: len(_feed(both.centre, after=ids[99])) == 30)
    first, _ = enquirer.ask(peer, FEED_PATH, [], Feed)
    second, _ = enquirer.ask(peer, FEED_PATH, [("after", str(first.cursor))], Feed)
    third, _ = enquirer.ask(peer, FEED_PATH, [("after", str(second.cursor))], Feed)
    assert [str(one) for one in ids] == [message["id"] for message in (*first.messages, *second.messages)]
    assert (True, False, (), second.cursor) == (first.more, second.more, third.messages, third.cursor)
    with pytest.raises(PeerAnswerError, match="410"):
        enquirer.ask(peer, FEED_PATH, [("after", str(uuid4()))], Feed)
    enquirer.close()


def test_the_feed_never_passes_a_transaction_that_commits_late(centre: Party) -> None:
    """A reader who goes on from the last message would never see it."""
    with centre.sessions.begin() as late:
        owe(late, saying("ช้า"), to="chumchon", subject=uuid7(), now=utc_now())
        _, quick = centre.owes("เร็ว", now=utc_now())
        with centre.sessions() as reading:
            assert ([], False) == ledger.feed(reading, "chumchon", after=None)
    assert [quick] == eventually(lambda: _feed(centre)[1:])
    assert [] == _feed(centre, after=quick)


def test_feed_and_ledger_are_for_peers_alone(both: Parties) -> None:
    """Nobody else reads them, and a peer only what concerns it."""
    stranger = Enquirer(
        type(both.office.exchange).between("chumchon", "http://127.0.0.1:9", OwnKeys(generate_keys()), [])
    )
    for path in (FEED_PATH, LEDGER_PATH):
        with pytest.raises(PeerAnswerError, match="401"):
            stranger.fetch(both.office.peer("center1111"), path)
    stranger.close()
    both.centre.owes("ของอีกหน่วยงาน", to="other", now=utc_now())
    enquirer = Enquirer(both.office.exchange)
    given, _ = enquirer.ask(both.office.peer("center1111"), FEED_PATH, [], Feed)
    assert () == given.messages
    enquirer.close()


def test_a_ledger_of_too_long_a_period_is_refused(both: Parties) -> None:
    """A day's ledger of eleven years, an hour's of a year: no peer may ask for that much work at once."""
    enquirer = Enquirer(both.office.exchange)
    for by, days in (("day", 4000), ("hour", 100), ("message", 100), ("day", 0)):
        until = datetime(2026, 10, 6, tzinfo=UTC)
        period = [("from", (until - timedelta(days=days)).isoformat()), ("to", until.isoformat()), ("by", by)]
        with pytest.raises(PeerAnswerError, match="400"):
            enquirer.ask(both.office.peer("center1111"), LEDGER_PATH, period, Ledger)
    enquirer.close()


def test_the_ledgers_of_both_sides_agree(both: Parties) -> None:
    """After every message went through, each side finds the other equal, whatever became of the messages."""
    exchanged(both.centre, both.office, "ก", "refuse", "ค")
    exchanged(both.office, both.centre, "ง")
    for party, other in ((both.centre, both.office), (both.office, both.centre)):
        found = reconciled(party, other)
        assert ("equal", 4, []) == (found.outcome, found.compared, found.differences)
        with party.sessions() as session:
            (status,) = statuses(session)
            assert ("equal", 0) == (status.reconciliation, status.differences)
            assert [found] == newest_reconciliations(session, limit=5)


def test_what_the_receiver_lost_is_fetched_and_applied(both: Parties) -> None:
    """The messages that differ are found among all, and taken in the order of their subject."""
    exchanged(both.centre, both.office, "ก", "ข")
    lost = exchanged(both.centre, both.office, "ค", "ง", "จ")
    forget(both.office, *lost)
    both.office.sql("DELETE FROM effects WHERE said IN ('ค', 'ง', 'จ')")
    found = reconciled(both.office, both.centre)
    assert ("mended", 3, 0, 0) == (found.outcome, found.fetched, found.recalled, found.sent_again)
    assert ["ก", "ข", "ค", "ง", "จ"] == both.office.said()
    assert "equal" == reconciled(both.office, both.centre).outcome


def test_what_the_receiver_lost_is_sent_again_by_the_senders_own_comparison(both: Parties) -> None:
    """Either side's nightly job is enough."""
    (lost,) = exchanged(both.centre, both.office, "ก")
    forget(both.office, lost)
    both.office.sql("DELETE FROM effects")
    found = reconciled(both.centre, both.office)
    assert ("mended", 1) == (found.outcome, found.sent_again)
    both.centre.relay().round(both.centre.peer())
    assert ["ก"] == both.office.said()
    assert "equal" == reconciled(both.centre, both.office).outcome


def test_a_sender_that_forgot_learns_its_messages_and_sequences_again(both: Parties) -> None:
    """A sequence that the peer knows is never given to another message."""
    subject = uuid7()
    kept = exchanged(both.centre, both.office, "ก", subject=subject)
    lost = exchanged(both.centre, both.office, "ข", "refuse", subject=subject)
    forget(both.centre, *lost)
    found = reconciled(both.centre, both.office, recover=True)
    assert ("mended", 2) == (found.outcome, found.recalled)
    rows = both.centre.sql(
        """SELECT id, sequence, state, disposition, recalled_at IS NOT NULL AS recalled
           FROM exchange_outbox ORDER BY sequence"""
    )
    expected = [
        (kept[0], 1, "delivered", "applied", False),
        (lost[0], 2, "delivered", "applied", True),
        (lost[1], 3, "delivered", "quarantined", True),
    ]
    assert expected == [tuple(row) for row in rows]
    exchanged(both.centre, both.office, "ง", subject=subject)
    assert ["ก", "ข", "ง"] == both.office.said()
    assert "equal" == reconciled(both.centre, both.office).outcome


def test_a_restored_party_reads_the_feed_from_its_own_cursor(both: Parties) -> None:
    """It takes what came since; what it knows does no harm."""
    exchanged(both.centre, both.office, "ก")
    reconciler = Reconciler(both.office.exchange, both.office.sessions, both.office.effects)
    peer = both.office.peer("center1111")
    assert 0 == reconciler.read_feed(peer)
    both.centre.owes("ข", now=utc_now())
    assert 1 == eventually(lambda: reconciler.read_feed(peer))
    both.office.sql("UPDATE exchange_feeds SET after = :id", id=uuid4())
    assert 0 == reconciler.read_feed(peer)
    assert ["ก", "ข"] == both.office.said()
    reconciler.close()


def test_a_dead_message_that_had_arrived_is_found_out(both: Parties) -> None:
    """Every answer with its receipt was lost; the peer's copy tells, and nothing is sent again."""
    (message,) = exchanged(both.centre, both.office, "ก")
    both.centre.sql(
        """UPDATE exchange_outbox SET state = 'dead', disposition = NULL, settled_at = NULL, proof_id = NULL
           WHERE id = :id""",
        id=message,
    )
    found = reconciled(both.centre, both.office)
    assert ("mended", 1, []) == (found.outcome, found.recalled, found.differences)
    assert ["delivered"] == both.centre.states()


def test_what_cannot_be_mended_is_told_by_name(both: Parties) -> None:
    """Another content, an unknown message, a dead one: each stands in the result with its reason."""
    changed, gone, dead = exchanged(both.centre, both.office, "ก", "ข", "ค")
    both.office.sql("UPDATE exchange_inbox SET digest = repeat('0', 64) WHERE id = :id", id=changed)
    forget(both.centre, gone)
    both.office.sql("DELETE FROM exchange_inbox WHERE id = :id", id=dead)
    both.centre.sql(
        "UPDATE exchange_outbox SET state = 'dead', disposition = NULL, proof_id = NULL WHERE id = :id", id=dead
    )
    office = reconciled(both.office, both.centre)
    assert {(changed, "another_content"), (gone, "unknown_to_sender")} == {
        (one.id, one.why) for one in office.differences
    }
    assert 1 == office.fetched  # the dead one: it was there for the asking
    both.centre.owes("ง", now=utc_now())
    both.centre.sql("UPDATE exchange_outbox SET state = 'dead' WHERE state = 'queued'")
    centre = reconciled(both.centre, both.office)
    assert ("different", 2) == (centre.outcome, centre.recalled)
    assert ["another_content", "dead"] == sorted(one.why for one in centre.differences)
    with both.centre.sessions() as session:
        (status,) = statuses(session)
        assert len(centre.differences) == status.differences


def test_a_peer_that_does_not_answer_leaves_a_failed_comparison(centre: Party, clock: Clock) -> None:
    """The result says so; nothing is changed."""
    assert clock.now.tzinfo is UTC
    centre.owes("ก", now=utc_now())
    found = reconciled(centre, Party("chumchon", "", *[None] * 7))  # type: ignore[arg-type]  # only its code is asked for
    assert ("failed", "ConnectError") == (found.outcome, found.problem)
    assert ["queued"] == centre.states()


def test_rows_of_another_server_come_before_new_ones(both: Parties) -> None:
    """A dump restored on a new server carries numbers of transactions that this one has not reached."""
    (old,) = exchanged(both.centre, both.office, "ก")
    both.centre.sql("UPDATE exchange_outbox SET transaction_number = 1000000000000")
    assert [old] == eventually(lambda: _feed(both.centre))
    assert "equal" == reconciled(both.centre, both.office, recover=True).outcome
    (new,) = exchanged(both.centre, both.office, "ข")
    assert [new] == eventually(lambda: _feed(both.centre, after=old))


def test_a_period_begins_and_ends_with_its_ids(centre: Party) -> None:
    """Hours and days are those of the ids, in UTC; their bounds are half-open."""
    moment = datetime(2026, 10, 5, 2, 0, tzinfo=UTC)
    for minutes in (-1, 0, 59, 60):
        one = UUID(int=ledger.first_id(moment + timedelta(minutes=minutes)).int | 0x7 << 76 | 0x8 << 60)
        with centre.sessions.begin() as session:
            made = owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=moment)
            session.execute(sa.text("UPDATE exchange_outbox SET id = :new WHERE id = :old"), {"new": one, "old": made})
    with centre.sessions() as session:
        hours = ledger.periods(session, "chumchon", since=moment, until=moment + timedelta(hours=1), by=LedgerBy.HOUR)
        assert [(moment, 2)] == [(one.start, one.messages) for one in hours]


def test_a_job_is_done_by_one_process_and_again_when_it_is_due(centre: Party, clock: Clock) -> None:
    """However many look at the same time."""
    done: list[str] = []
    job = Job("nightly", lambda: done.append("ก"), every(timedelta(hours=1)))
    processes = [Jobs(centre.sessions, [job], clock=clock) for _ in range(3)]
    assert [["nightly"], [], []] == [process.do_what_is_due() for process in processes]
    clock.advance(minutes=59)
    assert [] == processes[1].do_what_is_due()
    clock.advance(minutes=1)
    assert ["nightly"] == processes[2].do_what_is_due()


def test_a_job_that_fails_is_tried_again_by_anyone(centre: Party, clock: Clock) -> None:
    """When its lease ends; the other jobs are done meanwhile."""
    outcomes = [ZeroDivisionError("ก"), None]

    def work() -> None:
        if (outcome := outcomes.pop(0)) is not None:
            raise outcome

    jobs = Jobs(centre.sessions, [Job("a", work, nightly(19)), Job("b", lambda: None, nightly(19))], clock=clock)
    assert ["b"] == jobs.do_what_is_due()
    assert [] == jobs.do_what_is_due()
    clock.advance(minutes=10)
    assert ["a"] == jobs.do_what_is_due()
    (due,) = centre.sql("SELECT due_at FROM exchange_jobs WHERE name = 'a'")
    assert datetime(2026, 10, 5, 19, tzinfo=UTC) == due.due_at
