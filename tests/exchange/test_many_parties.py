"""Several office-like parties beside each other: what one does or suffers never touches another's."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2
import orjson
import pytest
import sqlalchemy as sa

from exchange import Exchange, OwnKeys, Peer, generate_keys
from exchange.listing import outgoing_messages
from exchange.operating import pause, redeliver_all, resume
from exchange.parties import MESSAGES_PATH
from exchange.partner.inbox_in_memory import MemoryInbox
from exchange.partner.playing import Player
from exchange.partner.simulating import Fault, Faults, Simulator
from exchange.relay import Round
from exchange.signing import sign_request
from exchange.watching import statuses
from servicekit.ids import uuid7

from .conftest import Clock, Parties, Party, free_socket, party, served

FIRST, SECOND = "chumchon", "second_office"


@dataclass
class Offices:
    """A Centre with two offices, each with a line that can be broken, and keys of its own."""

    centre: Party
    keys: dict[str, OwnKeys]
    offices: dict[str, Simulator]

    def said_to(self, code: str) -> list[str]:
        """What took effect at an office, in its order."""
        return [message.data["reason"] for message in self.offices[code].inbox.applied]

    def player(self, code: str) -> Player:
        """An office that sends whatever one likes."""
        return Player(self.centre.url, code=code, keys=self.keys[code], role="office")


@pytest.fixture
def offices(parties: Parties, engines: dict[str, sa.Engine]) -> Iterator[Offices]:
    keys = {code: OwnKeys(generate_keys()) for code in ("center1111", FIRST, SECOND)}
    centre_url = parties.centre.url
    with ExitStack() as exits:
        made = {}
        for code in (FIRST, SECOND):
            with free_socket() as reserved:
                port = reserved.getsockname()[1]
            centre = Peer("center1111", centre_url, keys["center1111"].published)
            exchange = Exchange.between(code, f"http://127.0.0.1:{port}", keys[code], [centre])
            faults = Faults([Fault.BUSY], share=0.0)
            made[code] = exits.enter_context(
                Simulator(exchange, faults, address=("127.0.0.1", port), inbox=MemoryInbox(), answers=False)
            )
        peers = [Peer(code, it.exchange.public_url, keys[code].published) for code, it in made.items()]
        it = party("center1111", centre_url, engines["center1111"], keys["center1111"], peers)
        exits.callback(it.exchange.close)
        relays = exits.enter_context(ExitStack())
        exits.enter_context(served(it.app, parties.listeners["center1111"]))
        yield Offices(it, keys, made)
        for relay in it.relays:
            relays.callback(relay.close)


def fail(offices: Offices, code: str) -> None:
    """From now on that office answers nothing but 429."""
    offices.offices[code].faults = Faults([Fault.BUSY], share=1.0)


def test_a_failing_party_holds_back_no_other(offices: Offices, clock: Clock) -> None:
    """While one office fails, the other gets its messages at once; the first one's wait, and arrive when it is back."""
    centre = offices.centre
    relay = centre.relay(clock)
    for code in (FIRST, SECOND):
        centre.owes(f"ถึง {code}", to=code, now=clock())
    fail(offices, FIRST)
    assert Round.FAILED is relay.round(centre.peer(FIRST))
    assert Round.SENT is relay.round(centre.peer(SECOND))
    assert (["ถึง second_office"], []) == (offices.said_to(SECOND), offices.said_to(FIRST))
    with centre.sessions() as session:
        found = {it.peer: (it.backlog, it.failures, it.silent_since is None) for it in statuses(session)}
    assert {FIRST: (1, 1, False), SECOND: (0, 0, True)} == found
    offices.offices[FIRST].faults = Faults(())
    clock.advance(hours=2)
    assert Round.SENT is relay.round(centre.peer(FIRST))
    assert ["ถึง chumchon"] == offices.said_to(FIRST)


def test_a_pause_concerns_one_party(offices: Offices, clock: Clock) -> None:
    """What an operator pauses is one office's; the other's messages pass."""
    centre = offices.centre
    relay = centre.relay(clock)
    for code in (FIRST, SECOND):
        assert Round.IDLE is relay.round(centre.peer(code))
        centre.owes(f"ถึง {code}", to=code, now=clock())
    with centre.sessions.begin() as session:
        pause(session, FIRST, reason="ปิดปรับปรุง", by="operator", now=clock())
    assert [Round.IDLE, Round.SENT] == [relay.round(centre.peer(code)) for code in (FIRST, SECOND)]
    with centre.sessions.begin() as session:
        resume(session, FIRST, by="operator", now=clock())
    assert Round.SENT is relay.round(centre.peer(FIRST))


def test_dead_messages_are_sent_again_for_one_party(offices: Offices, clock: Clock) -> None:
    """What died on the way to one office, and what is done about it, leaves the other's as they are."""
    centre = offices.centre
    relay = centre.relay(clock)
    for code in (FIRST, SECOND):
        centre.owes(f"ถึง {code}", to=code, now=clock())
        fail(offices, code)
    clock.advance(days=8)
    for code in (FIRST, SECOND):
        assert Round.FAILED is relay.round(centre.peer(code))
        offices.offices[code].faults = Faults(())
    clock.advance(hours=2)
    with centre.sessions.begin() as session:
        assert 1 == redeliver_all(session, SECOND, by="operator", now=clock())
        assert [FIRST] == [it.peer for it in outgoing_messages(session, states=["dead"], limit=9)]
    assert [Round.IDLE, Round.SENT] == [relay.round(centre.peer(code)) for code in (FIRST, SECOND)]


def test_each_party_counts_and_remembers_for_itself(offices: Offices) -> None:
    """One subject and one message id from two offices are two subjects and two messages."""
    subject, identity = uuid7(), str(uuid7())
    for code in (FIRST, SECOND):
        player = offices.player(code)
        assert ["applied"] == player.dispositions(player.message(subject, id=identity))
        assert ["held"] == player.dispositions(player.message(subject, 3))
        player.close()
    rows = offices.centre.sql("SELECT source, sequence, state FROM exchange_inbox ORDER BY source, sequence")
    assert [(c, n, s) for c in (FIRST, SECOND) for n, s in ((1, "applied"), (3, "held"))] == [tuple(it) for it in rows]


def test_no_party_speaks_for_another(offices: Offices) -> None:
    """What one office signs in the other's name is kept as its own, quarantined, and takes no place in an order."""
    subject = uuid7()
    impostor, honest = offices.player(SECOND), offices.player(FIRST)
    (receipt,) = impostor.send(impostor.message(subject, source=FIRST))
    assert receipt.problem is not None
    assert ("quarantined", "/problems/wrong-source") == (receipt.disposition, receipt.problem.type)
    assert ["applied"] == honest.dispositions(honest.message(subject))
    for player in (impostor, honest):
        player.close()


def test_the_keys_of_one_party_open_nothing_of_another(offices: Offices) -> None:
    """A request under the other office's key id, signed with one's own key, is refused."""
    player = offices.player(FIRST)
    body = orjson.dumps({"messages": [player.message()]})
    player.close()
    forged = OwnKeys(generate_keys())
    forged.key_id = offices.keys[FIRST].key_id
    url = offices.centre.url + MESSAGES_PATH
    with httpx2.Client() as client:
        request = client.build_request("POST", url, content=body, headers={"Content-Type": "application/json"})
        sign_request(request, forged, created=datetime.now(UTC))
        assert 401 == client.send(request).status_code
    assert [] == offices.centre.sql("SELECT FROM exchange_inbox")
