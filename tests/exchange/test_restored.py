"""A database that was restored from an older backup is recognised before anything is said with what it forgot."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from exchange import Standing, operating
from exchange.fetching import Enquirer
from exchange.outbox import RecoveryNeeded
from exchange.reconciling import Reconciler
from exchange.relay import Round
from exchange.restored import Forgotten, forgotten, look_back, recognise, waiting_for_recovery
from servicekit.clock import utc_now
from servicekit.ids import uuid7

from .conftest import Clock, Parties, Party, served

MOVED = "UPDATE exchange_home SET place = '1/1'"


@pytest.fixture
def both(parties: Parties) -> Iterator[Parties]:
    """Both parties, served over HTTP, the Centre's database known to itself, and one message of it delivered."""
    with ExitStack() as stack:
        for party in (parties.centre, parties.office):
            stack.enter_context(served(party.app, parties.listeners[party.code]))
        parties.centre.owes("ก", now=utc_now())
        assert Round.SENT is parties.centre.relay().round(parties.centre.peer())
        recognise(parties.centre.sessions, ["chumchon"])
        yield parties


@pytest.fixture
def enquirer(centre: Party) -> Iterator[Enquirer]:
    made = Enquirer(centre.exchange)
    yield made
    made.close()


def forget_newest(party: Party) -> None:
    """As after a restore from an older backup."""
    party.sql("DELETE FROM exchange_outbox WHERE id = (SELECT id FROM exchange_outbox ORDER BY id DESC LIMIT 1)")


def status_of(party: Party) -> tuple[str | None, str | None]:
    ((pause, why),) = party.sql("SELECT pause, pause_reason FROM exchange_peers WHERE code = 'chumchon'")
    return pause, why


def test_a_database_that_stays_where_it_is_raises_no_suspicion(centre: Party) -> None:
    """Its first place is the right one, and asking again changes nothing."""
    assert [False, False] == [recognise(centre.sessions, ["chumchon"]) for _ in range(2)]
    assert [] == waiting_for_recovery(centre.sessions)
    assert None is Standing(centre.exchange, centre.sessions).problem()


def test_a_database_elsewhere_owes_sends_and_takes_nothing(both: Parties) -> None:
    """The service is not ready and says which command mends it; a restored database gives no sequence twice."""
    centre = both.centre
    centre.sql(MOVED)
    said = Standing(centre.exchange, centre.sessions).problem()
    assert said is not None
    assert "center1111 exchange recover chumchon" in said
    with pytest.raises(RecoveryNeeded):
        centre.owes("ข", now=utc_now())
    centre.sql("UPDATE exchange_outbox SET state = 'queued', disposition = NULL, settled_at = NULL, proof_id = NULL")
    assert Round.IDLE is centre.relay().round(centre.peer())


def test_what_a_peer_sends_meanwhile_is_taken_later(both: Parties, clock: Clock) -> None:
    """A message whose effect owes one is no fault of its sender: it is not quarantined, and comes again."""
    centre, office = both.centre, both.office
    office.owes("reply", to="center1111", now=clock())
    centre.sql(MOVED)
    recognise(centre.sessions, ["chumchon"])
    relay = office.relay(clock)
    assert Round.FAILED is relay.round(office.peer("center1111"))
    assert [] == centre.sql("SELECT FROM exchange_inbox")


def test_a_database_that_was_only_moved_goes_on_by_itself(both: Parties, enquirer: Enquirer) -> None:
    """The peer is asked, nothing is missing, and what was held back goes out."""
    centre = both.centre
    centre.sql(MOVED)
    recognise(centre.sessions, ["chumchon"])
    assert look_back(enquirer, centre.sessions, centre.peer())
    assert [] == waiting_for_recovery(centre.sessions)
    centre.owes("ข", now=utc_now())


def test_a_restored_copy_in_the_same_place_is_told_by_the_peer(both: Parties, enquirer: Enquirer) -> None:
    """What the peer has and we have not is proof enough; `recover` ends it, and no sequence is given twice."""
    centre = both.centre
    subject, _ = centre.owes("ข", now=utc_now())
    assert Round.SENT is centre.relay().round(centre.peer())
    forget_newest(centre)
    centre.sql("DELETE FROM exchange_outgoing WHERE subject = :subject", subject=subject)
    assert Forgotten(sent=1, taken=0) == forgotten(enquirer, centre.sessions, centre.peer())
    assert look_back(enquirer, centre.sessions, centre.peer())
    assert ["chumchon"] == waiting_for_recovery(centre.sessions)
    with pytest.raises(operating.PeerNotFound), centre.sessions.begin() as session:
        operating.resume(session, "chumchon", by="operator", now=utc_now())
    reconciler = Reconciler(centre.exchange, centre.sessions, centre.effects)
    found = reconciler.recover(centre.peer(), since=utc_now() - timedelta(days=1))
    reconciler.close()
    assert ("mended", 1) == (found.outcome, found.recalled)
    assert (None, None) == status_of(centre)
    centre.owes("ค", subject=subject, now=utc_now())
    assert [1, 2] == [
        row.sequence
        for row in centre.sql("SELECT sequence FROM exchange_outbox WHERE subject = :s ORDER BY sequence", s=subject)
    ]
    assert Forgotten(0, 0) == forgotten(enquirer, centre.sessions, centre.peer())


def test_what_the_peer_has_a_receipt_for_is_missed_too(both: Parties, enquirer: Enquirer, clock: Clock) -> None:
    """A message that we took and have forgotten is a sign like one that we sent."""
    centre, office = both.centre, both.office
    office.owes("ก", to="center1111", now=clock())
    assert Round.SENT is office.relay(clock).round(office.peer("center1111"))
    assert Forgotten(0, 0) == forgotten(enquirer, centre.sessions, centre.peer())
    centre.sql("DELETE FROM exchange_inbox")
    assert Forgotten(sent=0, taken=1) == forgotten(enquirer, centre.sessions, centre.peer())


def test_a_silent_peer_leaves_it_open(both: Parties) -> None:
    """Who cannot be asked changes nothing: what is suspected stays so, and what is not may be owed."""
    centre = both.centre
    nobody = Enquirer(centre.exchange)
    peer = centre.peer()
    gone = replace(peer, url="http://127.0.0.1:1")
    assert not look_back(nobody, centre.sessions, gone)
    centre.owes("ข", subject=uuid7(), now=utc_now())
    centre.sql(MOVED)
    recognise(centre.sessions, ["chumchon"])
    assert not look_back(nobody, centre.sessions, gone)
    assert ["chumchon"] == waiting_for_recovery(centre.sessions)
    nobody.close()
