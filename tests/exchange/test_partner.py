"""What other agencies get: the conformance check, and the partner simulator with its faults."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
import typer
from typer.testing import CliRunner

from exchange import Exchange, OwnKeys, Peer, Relay, RelaySettings, generate_keys, owe
from exchange.inbox import Arrival
from exchange.partner.check_cli import check
from exchange.partner.checks import CHECKS, run_check
from exchange.partner.inbox_in_memory import MemoryInbox
from exchange.partner.playing import Player
from exchange.partner.simulating import STATE_PATH, Fault, Faults, Simulator
from exchange.relay import Round
from exchange.signing import IncomingRequest, SignatureError, verify_body, verify_request
from schemas import Disposition, Receipt, ReferralSent, sample
from servicekit.ids import uuid7

from .conftest import Clock, Parties, eventually, free_socket, served

CHECKER = "exchange_check"
CHECKER_KEYS = OwnKeys(generate_keys())

Answer = tuple[bytes, Mapping[str, str]]


@contextmanager
def simulated(
    *,
    kind: type[Simulator] = Simulator,
    inbox: MemoryInbox | None = None,
    faults: Faults | None = None,
    peers: Sequence[Peer] = (Peer(CHECKER, "http://127.0.0.1:1", CHECKER_KEYS.published),),
    keys: OwnKeys | None = None,
    slow_seconds: float = 0.0,
    answers: bool = False,
) -> Iterator[Simulator]:
    """A partner on a port of its own."""
    with free_socket() as reserved:
        port = reserved.getsockname()[1]
    exchange = Exchange.between("chumchon", f"http://127.0.0.1:{port}", keys or OwnKeys(generate_keys()), peers)
    with kind(
        exchange,
        faults or Faults(()),
        address=("127.0.0.1", port),
        inbox=inbox,
        slow_seconds=slow_seconds,
        answers=answers,
    ) as made:
        yield made


def broken(simulator: Simulator) -> set[str]:
    """The checks that such a partner does not stand."""
    player = Player(simulator.exchange.public_url, code=CHECKER, keys=CHECKER_KEYS)
    try:
        return {name for name in CHECKS if run_check(name, player).problem is not None}
    finally:
        player.close()


def test_a_partner_that_keeps_its_promises_stands_every_check() -> None:
    """The rules in memory are all that another agency needs, and the check asks for no more."""
    with simulated() as partner:
        assert set() == broken(partner)


def test_the_engine_stands_every_check(parties: Parties) -> None:
    """Our own inbox keeps what the check asks of others."""
    office = parties.office
    peers = [*office.exchange.peers.values(), Peer(CHECKER, "http://127.0.0.1:1", CHECKER_KEYS.published)]
    checked = Exchange.between("chumchon", office.url, office.exchange.keys, peers)
    object.__setattr__(office.exchange, "peers", checked.peers)
    object.__setattr__(office.exchange, "peer_keys", checked.peer_keys)
    with served(office.app, parties.listeners["chumchon"]):
        player = Player(office.url, code=CHECKER, keys=CHECKER_KEYS)
        found = [run_check(name, player) for name in CHECKS]
        player.close()
    assert [] == [(it.check, it.problem) for it in found if it.problem is not None]


class Forgetful(MemoryInbox):
    """Remembers nothing."""

    def take_one(self, arrival: Arrival, source: str) -> Receipt:  # noqa: D102  # its class says it
        self.taken.clear()
        self._reached.clear()
        return super().take_one(arrival, source)


class Impatient(MemoryInbox):
    """Applies whatever comes, in whatever order."""

    def take_one(self, arrival: Arrival, source: str) -> Receipt:  # noqa: D102  # its class says it
        receipt = super().take_one(arrival, source)
        return receipt.model_copy(update={"disposition": Disposition.APPLIED}) if _is(receipt, "held") else receipt


class Harmonious(MemoryInbox):
    """Calls a conflict a duplicate."""

    def take_one(self, arrival: Arrival, source: str) -> Receipt:  # noqa: D102  # its class says it
        receipt = super().take_one(arrival, source)
        calm = {"disposition": Disposition.DUPLICATE}
        return receipt.model_copy(update=calm) if _is(receipt, "conflict") else receipt


class Yielding(MemoryInbox):
    """Applies what it cannot understand."""

    def refused(self, _arrival: Arrival) -> None:  # noqa: D102  # its class says it
        return None


class Digesting(MemoryInbox):
    """Digests something else than the canonical JSON."""

    def take_one(self, arrival: Arrival, source: str) -> Receipt:  # noqa: D102  # its class says it
        return super().take_one(replace(arrival, digest="0" * 64), source)


class Silent(MemoryInbox):
    """Gives no receipt for what it quarantines."""

    def take(self, body: bytes, source: str) -> list[Receipt]:  # noqa: D102  # its class says it
        return [it for it in super().take(body, source) if not _is(it, "quarantined")]


class Fragile(MemoryInbox):
    """Fails over a message that it does not know."""

    def take_one(self, arrival: Arrival, source: str) -> Receipt:  # noqa: D102  # its class says it
        receipt = super().take_one(arrival, source)
        if _is(receipt, "quarantined"):
            raise ZeroDivisionError
        return receipt


class Stateless(MemoryInbox):
    """Looks at each message of a batch as if it came alone, before any is remembered."""

    def take(self, body: bytes, source: str) -> list[Receipt]:  # noqa: D102  # its class says it
        receipts = super().take(body, source)
        twice = len({it.id for it in receipts}) < len(receipts)
        fix = {"disposition": Disposition.APPLIED}
        return [it.model_copy(update=fix) if twice and _is(it, "duplicate") else it for it in receipts]


def _is(receipt: Receipt, disposition: str) -> bool:
    return receipt.disposition.value == disposition


@pytest.mark.parametrize(
    ("inbox", "found"),
    [
        (Forgetful, {"duplicate_is_known", "conflict_is_told", "early_message_is_held", "taken_sequence_is_refused"}),
        (Impatient, {"early_message_is_held"}),
        (Harmonious, {"conflict_is_told"}),
        (Yielding, {"unknown_type_is_quarantined", "invalid_body_is_quarantined"}),
        (Digesting, {"good_message_is_taken", "unknown_fields_are_ignored"}),
        (Silent, {"bad_message_stops_no_other", "unknown_type_is_quarantined"}),
        (Fragile, {"bad_message_stops_no_other", "wrong_source_is_quarantined"}),
        (Stateless, {"duplicate_in_one_batch_is_known"}),
    ],
)
def test_a_broken_inbox_is_found(inbox: type[MemoryInbox], found: set[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Each way to break the inbox's promise is named by the checks for it."""
    with simulated(inbox=inbox()) as partner:
        assert found <= broken(partner)
    capfd.readouterr()


class Trusting(Simulator):
    """Looks at no signature."""

    def verify(self, _incoming: IncomingRequest, _body: bytes) -> str:  # noqa: D102  # its class says it
        return CHECKER


class Bodiless(Simulator):
    """Does not compare the body with what was signed."""

    def verify(self, incoming: IncomingRequest, _body: bytes) -> str:  # noqa: D102  # its class says it
        return verify_request(incoming, self.exchange.peer_keys.holders).peer


class Targetless(Simulator):
    """Believes any target."""

    def verify(self, incoming: IncomingRequest, body: bytes) -> str:  # noqa: D102  # its class says it
        try:
            return super().verify(incoming, body)
        except SignatureError:
            elsewhere = IncomingRequest("POST", "https://elsewhere.example/v1/exchange/messages", [])
            elsewhere.headers = incoming.headers
            verified = verify_request(elsewhere, self.exchange.peer_keys.holders)
            verify_body(elsewhere, verified.result, body)
            return verified.peer


class Unsigned(Simulator):
    """Signs no receipts."""

    def receipts(self, receipts: Sequence[Receipt], incoming: IncomingRequest) -> Answer:  # noqa: D102  # its class says it
        return super().receipts(receipts, incoming)[0], {}


class Borrowed(Simulator):
    """Signs its receipts for another request."""

    def receipts(self, receipts: Sequence[Receipt], incoming: IncomingRequest) -> Answer:  # noqa: D102  # its class says it
        answer, headers = super().receipts(receipts, incoming)
        return answer + b" ", headers


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        (
            Trusting,
            {
                "unsigned_is_refused",
                "stale_is_refused",
                "signature_from_the_future_is_refused",
                "stranger_is_refused",
                "forger_is_refused",
                "wrong_target_is_refused",
                "altered_is_refused",
                "signature_without_body_is_refused",
            },
        ),
        (Bodiless, {"altered_is_refused"}),
        (Targetless, {"wrong_target_is_refused"}),
        (Unsigned, {"good_message_is_taken"}),
        (Borrowed, {"good_message_is_taken"}),
    ],
)
def test_a_careless_endpoint_is_found(kind: type[Simulator], found: set[str]) -> None:
    """Each carelessness about signatures is named by the checks for it."""
    with simulated(kind=kind) as partner:
        assert found <= broken(partner)


def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(check)
    return app


def test_the_command_says_what_is_broken_by_its_words_and_its_exit_code(tmp_path: Path) -> None:
    """0 when all promises are kept, 1 when one is broken, 2 when nobody could be checked."""
    path = tmp_path / "keys.json"
    arguments = ["--keys", str(path), "--only", "conflict_is_told", "--only", "duplicate_is_known"]
    first = CliRunner().invoke(command(), ["http://127.0.0.1:1", *arguments])
    assert (2, "exchange_check") == (first.exit_code, CHECKER if CHECKER in first.output else "")
    published = json.loads(first.output.splitlines()[-1])
    assert 2 == CliRunner().invoke(command(), ["http://127.0.0.1:1", *arguments]).exit_code
    peers = [Peer(CHECKER, "http://127.0.0.1:1", published)]
    with simulated(peers=peers) as partner:
        kept = CliRunner().invoke(command(), [partner.exchange.public_url, *arguments])
    assert (0, True) == (kept.exit_code, "2 of 2 promises kept" in kept.output)
    with simulated(peers=peers, inbox=Harmonious()) as partner:
        failed = CliRunner().invoke(command(), [partner.exchange.public_url, *arguments, "--json"])
    assert 1 == failed.exit_code
    assert ["duplicate_is_known"] == [it["check"] for it in json.loads(failed.output) if it["problem"] is None]
    unknown = CliRunner().invoke(command(), [partner.exchange.public_url, *arguments, "--only", "no_such"])
    assert 2 == unknown.exit_code


@pytest.mark.parametrize("fault", [None, *Fault])
def test_no_fault_of_a_partner_loses_or_doubles_anything(parties: Parties, clock: Clock, fault: Fault | None) -> None:
    """Against a partner with any of the faults, every referral arrives once, and every answer too."""
    centre = parties.centre
    faults = Faults([fault] if fault else (), share=0.5, seed="1")
    keys = OwnKeys(generate_keys())
    body = ReferralSent.model_validate(sample("referral.sent.v1")["data"])
    with (
        served(centre.app, parties.listeners["center1111"]),
        simulated(
            faults=faults,
            keys=keys,
            peers=[Peer("center1111", centre.url, centre.exchange.keys.published)],
            slow_seconds=0.7,
            answers=True,
        ) as partner,
    ):
        # Each knows the other by the address that it has now.
        known = Exchange.between(
            "center1111",
            centre.url,
            centre.exchange.keys,
            [Peer("chumchon", partner.exchange.public_url, keys.published)],
        )
        object.__setattr__(centre.exchange, "peers", known.peers)
        object.__setattr__(centre.exchange, "peer_keys", known.peer_keys)
        settings = RelaySettings(batch_messages=2, timeout_seconds=0.5, lease_seconds=12.0)
        relay = Relay(centre.exchange, centre.sessions, centre.metrics, settings, clock=clock)
        with centre.sessions.begin() as session:
            subjects = [uuid7() for _ in range(8)]
            for subject in subjects:
                owe(session, body, to="chumchon", subject=subject, now=clock())
        for _ in range(200):
            if relay.round(known.peers["chumchon"]) is not Round.SENT:
                clock.advance(hours=2)
            if set(centre.states()) == {"delivered"}:
                break
        assert ["delivered"] * 8 == centre.states()
        assert sorted(subjects) == sorted(message.subject for message in partner.inbox.applied)
        inbox = "SELECT subject, sequence FROM exchange_inbox WHERE state = 'applied' ORDER BY subject, sequence"
        expected = [(subject, sequence) for subject in sorted(subjects) for sequence in (1, 2)]
        eventually(lambda: len(centre.sql(inbox)) == len(expected))
        assert expected == [(row.subject, row.sequence) for row in centre.sql(inbox)]
        state = httpx2.get(f"{partner.exchange.public_url}{STATE_PATH}").json()
        assert (fault is not None) == bool(state["faults"])
        relay.close()
        known.close()


def test_the_same_seed_chooses_the_same_faults() -> None:
    """A run with a simulator can be repeated."""

    def chosen(seed: str) -> list[Fault | None]:
        faults = Faults(list(Fault), share=0.5, seed=seed)
        return [faults.of_request() for _ in range(50)]

    assert chosen("a") == chosen("a")
    assert chosen("a") != chosen("b")
