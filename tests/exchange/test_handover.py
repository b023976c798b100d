"""Handing over: what a transaction owes goes straight to a relay of its process, and is lost by nothing."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import cast
from unittest.mock import patch

import psycopg
import pytest
import sqlalchemy as sa

from exchange import Relay, RelaySettings, owe
from exchange.erasing import erase_messages
from exchange.handover import Reservation
from exchange.operating import pause
from exchange.relay import Round
from exchange.waking import Bell
from schemas import BATCH_BYTES
from servicekit.ids import uuid7

from .conftest import NOW, Clock, Party, Wire, answering, eventually, saying


def claimed(centre: Party) -> list[bool]:
    """Which messages are written as claimed."""
    return [row.lease for row in centre.sql("SELECT lease IS NOT NULL AS lease FROM exchange_outbox ORDER BY id")]


@pytest.fixture
def relay(centre: Party, clock: Clock) -> Relay:
    """A relay of the Centre that has asked its database for work once, as it does before it stands by."""
    made = centre.relay(clock)
    assert Round.IDLE is made.round(centre.peer())
    return made


@pytest.fixture
def waiting(centre: Party, relay: Relay) -> Iterator[Relay]:
    """The relay, standing by."""
    with relay.standing_by(centre.peer()):
        yield relay


def test_what_is_owed_is_sent_without_asking_the_database(centre: Party, office: Party, waiting: Relay) -> None:
    """It is written as claimed by the relay, which has it as soon as it is committed."""
    centre.owes("ก")
    assert [True] == claimed(centre)
    with patch("exchange.relay._CLAIM", None):
        assert Round.SENT is waiting.round_of_handed(centre.peer())
    assert (["ก"], ["delivered"]) == (office.said(), centre.states())
    assert Round.IDLE is waiting.round_of_handed(centre.peer())


def test_a_relay_at_work_is_handed_what_is_owed(centre: Party, office: Party) -> None:
    """Though it would not look for long, and nothing rings."""
    stop = threading.Event()
    relay = Relay(centre.exchange, centre.sessions, centre.metrics, RelaySettings(poll_seconds=600))
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    try:
        with patch.object(Bell, "ring"):
            standing_by = centre.exchange.handover._standing_by  # noqa: SLF001  # nobody else needs to know
            eventually(lambda: any(standing_by.values()))
            centre.owes("ก")
            eventually(lambda: ["delivered"] == centre.states())
    finally:
        stop.set()
        thread.join()
    assert ["ก"] == office.said()


def test_messages_of_one_transaction_go_out_together(centre: Party, office: Party, waiting: Relay, wire: Wire) -> None:
    """In one request, those of one subject in order."""
    subject = uuid7()
    with centre.sessions.begin() as session:
        for said in ("หนึ่ง", "สอง", "สาม"):
            owe(session, saying(said), to="chumchon", subject=subject, now=NOW)
    assert Round.SENT is waiting.round_of_handed(centre.peer())
    assert (["หนึ่ง", "สอง", "สาม"], 1) == (office.said(), len(wire.sizes))


@pytest.mark.parametrize(("count", "length", "handed"), [(60, 10, 50), (25, 19_000, 18)])
def test_what_one_request_cannot_carry_is_claimed(
    centre: Party, office: Party, waiting: Relay, wire: Wire, *, count: int, length: int, handed: int
) -> None:
    """More than a batch, in number or in bytes, waits for the next claim."""
    with centre.sessions.begin() as session:
        for _ in range(count):
            owe(session, saying("ก" * length), to="chumchon", subject=uuid7(), now=NOW)
    assert [True] * handed + [False] * (count - handed) == claimed(centre)
    assert [Round.SENT] * 2 == [waiting.round_of_handed(centre.peer()), waiting.round(centre.peer())]
    assert ({"delivered"}, count) == (set(centre.states()), len(office.said()))
    assert BATCH_BYTES >= max(wire.sizes)


def test_what_is_rolled_back_is_not_sent(centre: Party, office: Party, waiting: Relay, wire: Wire) -> None:
    """Neither a transaction, nor a savepoint in one that is committed; nor does either stand in the next one's way."""
    with centre.sessions() as session:
        owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=NOW)
        session.rollback()
    with centre.sessions() as session:
        owe(session, saying("ข"), to="chumchon", subject=uuid7(), now=NOW)
    with centre.sessions.begin() as session, suppress(ZeroDivisionError), session.begin_nested():
        owe(session, saying("ค"), to="chumchon", subject=uuid7(), now=NOW)
        raise ZeroDivisionError
    assert Round.IDLE is waiting.round_of_handed(centre.peer())
    centre.owes("ง")
    assert Round.SENT is waiting.round_of_handed(centre.peer())
    assert (["ง"], 1) == (office.said(), len(wire.sizes))


def test_what_fails_to_commit_is_not_sent(centre: Party, office: Party, waiting: Relay, wire: Wire) -> None:
    """The relay has made the request ready by then, and lets it go."""
    with patch("psycopg.Connection.commit", side_effect=ZeroDivisionError), suppress(ZeroDivisionError):
        centre.owes("ก")
    assert Round.IDLE is waiting.round_of_handed(centre.peer())
    assert ([], []) == (office.said(), wire.sizes)


def test_a_savepoint_s_messages_are_claimed(centre: Party, office: Party, waiting: Relay) -> None:
    """It may still be rolled back, and nobody would tell the relay."""
    before = centre.exchange.bell.heard()
    with centre.sessions.begin() as session, session.begin_nested():
        owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=NOW)
    assert ([False], before + 1) == (claimed(centre), centre.exchange.bell.heard())
    assert Round.SENT is waiting.round(centre.peer())
    assert ["ก"] == office.said()


def test_order_is_kept(centre: Party, office: Party, relay: Relay) -> None:
    """While an earlier message of the subject is on its way, the next one waits for its turn; another subject's not."""
    first, _ = centre.owes("หนึ่ง")
    with relay.standing_by(centre.peer()):
        centre.owes("สอง", subject=first)
        centre.owes("อื่น")
    assert [False, False, True] == claimed(centre)
    assert Round.SENT is relay.round_of_handed(centre.peer())
    assert ["อื่น"] == office.said()
    assert Round.SENT is relay.round(centre.peer())
    assert ["อื่น", "หนึ่ง", "สอง"] == office.said()


def test_one_transaction_at_a_time_hands_over(centre: Party, office: Party, waiting: Relay) -> None:
    """What others owe meanwhile is claimed, so that many are sent in one request."""
    with centre.sessions.begin() as session:
        owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=NOW)
        centre.owes("ข")
    assert [True, False] == claimed(centre)
    assert [Round.SENT] * 2 == [waiting.round_of_handed(centre.peer()), waiting.round(centre.peer())]
    assert {"ก", "ข"} == set(office.said())


def test_a_peer_that_does_not_answer_or_is_paused_is_handed_nothing(
    centre: Party, office: Party, clock: Clock, wire: Wire, relay: Relay
) -> None:
    """It is probed by one message, or not asked at all, however many are owed."""
    with relay.standing_by(centre.peer()):
        wire.faults = [answering(503)]
        centre.owes("ก", now=clock())
        assert Round.FAILED is relay.round_of_handed(centre.peer())
        centre.owes("ข", now=clock())
    assert [False, False] == claimed(centre)
    assert Round.IDLE is relay.round_of_handed(centre.peer())
    clock.advance(minutes=2)
    assert [Round.SENT] * 2 == [relay.round(centre.peer()) for _ in range(2)]
    with centre.sessions.begin() as session:
        pause(session, "chumchon", by="นิดา", reason="ซ่อมระบบ", now=clock())
    with relay.standing_by(centre.peer()):
        centre.owes("ค", now=clock())
    assert Round.IDLE is relay.round_of_handed(centre.peer())
    assert {"ก", "ข"} == set(office.said())


def test_what_a_killed_process_had_handed_over_moves_again(
    centre: Party, office: Party, clock: Clock, waiting: Relay
) -> None:
    """Within 15 seconds, as what a killed relay had claimed."""
    centre.owes("ก", now=clock())
    assert centre.exchange.handover.take("chumchon")
    assert Round.IDLE is waiting.round(centre.peer())
    clock.advance(seconds=13)
    assert Round.SENT is waiting.round(centre.peer())
    assert (["ก"], ["delivered"]) == (office.said(), centre.states())


def test_what_comes_too_late_for_its_lease_is_claimed_anew(
    centre: Party, office: Party, clock: Clock, wire: Wire
) -> None:
    """A request made then might outlast the lease: it is let go, and claimed at once."""
    settings = RelaySettings(timeout_seconds=9.0, lease_seconds=9.0001)
    hasty = Relay(centre.exchange, centre.sessions, centre.metrics, settings, clock=clock)
    hasty.round(centre.peer())
    with hasty.standing_by(centre.peer()):
        centre.owes("ก", now=clock())
    assert (Round.LET_GO, []) == (hasty.round_of_handed(centre.peer()), wire.sizes)
    assert Round.SENT is hasty.round(centre.peer())
    hasty.close()
    assert ["ก"] == office.said()


def test_a_commit_that_is_not_over_soon_keeps_nobody_waiting(
    centre: Party, office: Party, waiting: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others owe goes out meanwhile; once it is over, the relay is told, and sends it."""
    monkeypatch.setattr("exchange.relay._COMMIT_SECONDS", 0.001)
    commit = psycopg.Connection.commit
    rounds = []

    def slow(connection: psycopg.Connection) -> None:
        rounds.append(waiting.round_of_handed(centre.peer()))
        with patch.object(psycopg.Connection, "commit", commit):
            centre.owes("อื่น")
            rounds.extend([waiting.round(centre.peer()), waiting.round_of_handed(centre.peer())])
            commit(connection)

    with patch.object(psycopg.Connection, "commit", slow):
        centre.owes("ช้า")
    assert ([Round.IDLE, Round.SENT, Round.IDLE], ["อื่น"]) == (rounds, office.said())
    assert Round.SENT is waiting.round_of_handed(centre.peer())
    assert ["อื่น", "ช้า"] == office.said()


def test_a_transaction_that_takes_long_is_claimed(
    centre: Party, office: Party, waiting: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its first message to its commit: too little would be left of the lease. The bell rings instead."""
    monkeypatch.setattr("exchange.outbox._HANDED_WITHIN_SECONDS", 0.0)
    before = centre.exchange.bell.heard()
    centre.owes("ก")
    assert ([False], before + 1) == (claimed(centre), centre.exchange.bell.heard())
    assert [Round.IDLE, Round.SENT] == [waiting.round_of_handed(centre.peer()), waiting.round(centre.peer())]
    assert ["ก"] == office.said()


def test_what_the_server_rolls_back_is_not_sent(centre: Party, office: Party, waiting: Relay) -> None:
    """Told to commit after a statement that failed, it rolls back and says that all went well."""
    subject = uuid7()
    with centre.sessions.begin() as session:
        owe(session, saying("ผี"), to="chumchon", subject=subject, now=NOW)
        with suppress(sa.exc.DBAPIError):
            session.execute(sa.text("SELECT 1 / 0"))
    assert [] == centre.states()
    assert Round.IDLE is waiting.round_of_handed(centre.peer())
    centre.owes("จริง", subject=subject)
    assert Round.SENT is waiting.round_of_handed(centre.peer())
    assert ["จริง"] == office.said()


def test_a_peer_s_limit_bounds_what_is_handed_over(centre: Party, office: Party, wire: Wire, waiting: Relay) -> None:
    """After a 413 no more goes out at once than the peer has taken."""
    wire.faults = [answering(413)]
    for expected in ([True] * 4, [True] * 3 + [False]):
        with centre.sessions.begin() as session:
            for _ in range(4):
                owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=NOW)
        assert expected == claimed(centre)[-4:]
        waiting.round_of_handed(centre.peer())
        while waiting.round(centre.peer()) is not Round.IDLE:
            pass
    assert 8 == len(office.said())


def test_a_savepoint_left_open_does_not_keep_back_what_was_owed_before_it(
    centre: Party, office: Party, waiting: Relay
) -> None:
    """The commit ends it."""
    with centre.sessions.begin() as session:
        owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=NOW)
        session.begin_nested()
    assert Round.SENT is waiting.round_of_handed(centre.peer())
    assert ["ก"] == office.said()


def test_what_an_undone_savepoint_erased_is_claimed_all_the_same(centre: Party, office: Party, waiting: Relay) -> None:
    """The relay might have had it as it was: it reads it as it stands."""
    subject = uuid7()
    with centre.sessions.begin() as session:
        owe(session, saying("ก"), to="chumchon", subject=subject, now=NOW)
        with suppress(ZeroDivisionError), session.begin_nested():
            erase_messages(session, {subject: "chumchon"}, now=NOW)
            raise ZeroDivisionError
    assert ([False], Round.IDLE) == (claimed(centre), waiting.round_of_handed(centre.peer()))
    assert Round.SENT is waiting.round(centre.peer())
    assert ["ก"] == office.said()


def test_a_reservation_that_nobody_ended_is_forgotten_with_its_lease(centre: Party, clock: Clock) -> None:
    """As of a session that was dropped without a word."""
    handover = centre.exchange.handover
    with centre.relay(clock).standing_by(centre.peer()):
        lost = handover.reserve("chumchon")
        assert (True, None) == (lost is not None, handover.reserve("chumchon"))
    brief = Relay(
        centre.exchange, centre.sessions, centre.metrics, RelaySettings(timeout_seconds=1e-9, lease_seconds=1e-8)
    )
    with brief.standing_by(centre.peer()):
        handover.close(cast("Reservation", lost))
        assert handover.reserve("chumchon")
        assert handover.reserve("chumchon")
    brief.close()


def test_a_relay_that_stops_sends_what_it_was_handed(centre: Party, office: Party) -> None:
    """And once nobody serves the peer any more, what is committed then is claimed like all else."""
    stop = threading.Event()
    relay = Relay(centre.exchange, centre.sessions, centre.metrics, RelaySettings(poll_seconds=600))
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()
    eventually(lambda: any(centre.exchange.handover._standing_by.values()))  # noqa: SLF001  # nobody else needs to know
    with centre.sessions.begin() as session:
        owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=NOW)
        stop.set()
        thread.join()
    assert [False] == claimed(centre)
    assert Round.SENT is centre.relay().round(centre.peer())
    assert ["ก"] == office.said()


def test_two_relays_of_one_process_stand_by_for_each_other(centre: Party, relay: Relay) -> None:
    """When one goes, the other still waits; and one of them alone takes what is handed over."""
    with relay.standing_by(centre.peer()):
        with centre.relay().standing_by(centre.peer()):
            pass
        centre.owes("ก")
    assert [True] == claimed(centre)
    handed = centre.exchange.handover.take("chumchon")
    assert (True, None) == (handed is not None, centre.exchange.handover.take("chumchon"))


def test_what_is_erased_in_the_same_transaction_is_not_handed_over(
    centre: Party, office: Party, waiting: Relay
) -> None:
    """The relay would have it as it was; it reads it as it stands."""
    subject = uuid7()
    with centre.sessions.begin() as session:
        owe(session, saying("ชื่อจริง"), to="chumchon", subject=subject, now=NOW)
        erase_messages(session, {subject: "chumchon"}, now=NOW)
    assert [False] == claimed(centre)
    assert Round.IDLE is waiting.round_of_handed(centre.peer())
    assert Round.SENT is waiting.round(centre.peer())
    assert "ชื่อจริง" not in "".join(office.said())
