"""Handing over: what a transaction owes goes straight to a relay of its process, and is lost by nothing."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from unittest.mock import patch

import pytest

from exchange import Relay, RelaySettings, owe
from exchange.erasing import erase_messages
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
            eventually(lambda: centre.exchange.handover._standing_by)  # noqa: SLF001  # nobody else needs to know
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


def test_a_commit_that_takes_long_is_not_waited_for(centre: Party, office: Party, clock: Clock, wire: Wire) -> None:
    """A request made then might outlast its lease: it is claimed anew."""
    hasty = Relay(
        centre.exchange,
        centre.sessions,
        centre.metrics,
        RelaySettings(timeout_seconds=9.0, lease_seconds=9.0001),
        clock=clock,
    )
    hasty.round(centre.peer())
    with hasty.standing_by(centre.peer()):
        centre.owes("ก", now=clock())
    assert Round.IDLE is hasty.round_of_handed(centre.peer())
    assert [] == wire.sizes
    clock.advance(seconds=10)
    assert Round.SENT is hasty.round(centre.peer())
    hasty.close()
    assert ["ก"] == office.said()


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
