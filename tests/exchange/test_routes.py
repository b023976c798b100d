"""The door: who may hand over messages, and what everyone else gets."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import orjson
import psycopg
import pytest
import sqlalchemy as sa
from prometheus_client import generate_latest

from exchange import OwnKeys, Peer, StatusCollector, generate_keys, routes
from exchange.signing import sign_request, verify_receipts
from schemas import JsonObject, Receipts, sample
from servicekit.database import make_read_sessions
from servicekit.ids import uuid7

from .conftest import Parties, Party, party, served

BATCH = "/v1/exchange/messages"


def batch(count: int = 1) -> bytes:
    kept = sample("referral.withdrawn.v1")
    return orjson.dumps(
        {"messages": [kept | {"id": str(uuid7()), "subject": str(uuid7()), "sequence": 1} for _ in range(count)]}
    )


def signed(
    url: str,
    keys: OwnKeys,
    body: bytes,
    *,
    created: datetime | None = None,
    method: str = "POST",
    content_type: str = "application/json",
) -> httpx2.Request:
    request = httpx2.Request(method, url, content=body, headers={"Content-Type": content_type})
    sign_request(request, keys, created=created or datetime.now(UTC))
    return request


def send(request: httpx2.Request) -> httpx2.Response:
    with httpx2.Client() as client:
        return client.send(request)


def problem(response: httpx2.Response) -> tuple[int, str]:
    assert "application/problem+json" == response.headers["content-type"]
    return response.status_code, response.json()["type"].removeprefix("/problems/")


def count(party: Party) -> int:
    return int(party.sql("SELECT count(*) AS n FROM exchange_inbox")[0].n)


def test_a_signed_batch_gets_signed_receipts(centre: Party, office: Party) -> None:
    """The receipts come with the receiver's signature over them and over the request that they answer."""
    body = batch(3)
    response = send(signed(office.url + BATCH, centre.exchange.keys, body))
    assert (200, "application/json") == (response.status_code, response.headers["content-type"])
    receipts = Receipts.model_validate_json(response.content).receipts
    assert [it["id"] for it in orjson.loads(body)["messages"]] == [str(receipt.id) for receipt in receipts]
    key = centre.exchange.peer_keys.key
    proof = verify_receipts(response, response.content, lambda key_id: key("chumchon", key_id))
    assert '"signature";req' in proof.base
    assert 3 == count(office)


Change = Callable[[httpx2.Request, Parties], httpx2.Request]


def _without(name: str) -> Change:
    def change(request: httpx2.Request, _parties: Parties) -> httpx2.Request:
        del request.headers[name]
        return request

    return change


def _with(name: str, value: str) -> Change:
    def change(request: httpx2.Request, _parties: Parties) -> httpx2.Request:
        request.headers.encoding = "latin-1"
        request.headers[name] = value
        return request

    return change


def _altered(request: httpx2.Request, _parties: Parties) -> httpx2.Request:
    other = batch()[: len(request.content)].ljust(len(request.content))
    return httpx2.Request("POST", request.url, content=other, headers=request.headers)


def _signed_by_a_stranger(request: httpx2.Request, _parties: Parties) -> httpx2.Request:
    return signed(str(request.url), OwnKeys(generate_keys()), request.content)


def _stranger_with_our_key_id(request: httpx2.Request, parties: Parties) -> httpx2.Request:
    forged: JsonObject = {"keys": [dict(generate_keys()["keys"][0]) | {"kid": parties.centre.exchange.keys.key_id}]}
    return signed(str(request.url), OwnKeys(forged), request.content)


def _signed_by_the_receiver(request: httpx2.Request, parties: Parties) -> httpx2.Request:
    return signed(str(request.url), parties.office.exchange.keys, request.content)


def _signed_at(offset: timedelta) -> Change:
    def change(request: httpx2.Request, parties: Parties) -> httpx2.Request:
        keys = parties.centre.exchange.keys
        return signed(str(request.url), keys, request.content, created=datetime.now(UTC) + offset)

    return change


def _for_another_party(request: httpx2.Request, parties: Parties) -> httpx2.Request:
    elsewhere = signed("http://127.0.0.1:9" + BATCH, parties.centre.exchange.keys, request.content)
    headers = elsewhere.headers | {"host": request.headers["host"]}
    return httpx2.Request("POST", request.url, content=request.content, headers=headers)


def _another_method(request: httpx2.Request, parties: Parties) -> httpx2.Request:
    other = signed(str(request.url), parties.centre.exchange.keys, request.content, method="PUT")
    return httpx2.Request("POST", request.url, content=request.content, headers=other.headers)


def _covering_less(request: httpx2.Request, _parties: Parties) -> httpx2.Request:
    request.headers["signature-input"] = request.headers["signature-input"].replace('"content-digest"', "")
    return request


@pytest.mark.parametrize(
    "change",
    [
        _without("signature"),
        _without("signature-input"),
        _without("content-digest"),
        _without("content-type"),
        _with("signature", "x"),
        _with("signature", "exchange=:AAAA:"),
        _with("signature-input", "exchange=()"),
        _with("signature-input", "x" * 20_000),
        _with("signature-input", "\xff"),
        _with("content-digest", "sha-256=:AAAA:"),
        _with("content-type", "text/plain"),
        _altered,
        _covering_less,
        _signed_by_a_stranger,
        _stranger_with_our_key_id,
        _signed_by_the_receiver,
        _signed_at(timedelta(minutes=-5, seconds=-5)),
        _signed_at(timedelta(minutes=5, seconds=5)),
        _for_another_party,
        _another_method,
    ],
)
def test_what_no_peer_has_signed_is_401(parties: Parties, office: Party, change: Change) -> None:
    """Unsigned, altered, stale, early, for someone else, by someone else: nothing is taken, and it is counted."""
    request = change(signed(office.url + BATCH, parties.centre.exchange.keys, batch()), parties)
    response = send(request)
    assert (401, "signature-refused") == problem(response)
    assert "Signature" == response.headers["www-authenticate"]
    assert 0 == count(office)
    assert 1 == office.registry.get_sample_value("exchange_requests_refused_total")


@pytest.mark.parametrize("offset", [timedelta(minutes=-4, seconds=-50), timedelta(minutes=4, seconds=50)])
def test_clocks_may_differ_by_five_minutes(parties: Parties, office: Party, offset: timedelta) -> None:
    """Within five minutes to either side a signature is fresh."""
    request = signed(office.url + BATCH, parties.centre.exchange.keys, batch(), created=datetime.now(UTC) + offset)
    assert 200 == send(request).status_code


def test_a_replayed_request_is_harmless(parties: Parties, office: Party) -> None:
    """Who records a request and sends it again gets the same facts, and changes nothing."""
    request = signed(office.url + BATCH, parties.centre.exchange.keys, batch())
    first, again = send(request), send(request)
    assert ["applied"] == [it["disposition"] for it in first.json()["receipts"]]
    assert ["duplicate"] == [it["disposition"] for it in again.json()["receipts"]]
    assert 1 == len(office.said())


def test_the_signature_is_judged_before_the_body(parties: Parties, office: Party) -> None:
    """A stranger's body is not even read: he learns nothing from how bad it is."""
    assert (401, "signature-refused") == problem(send(httpx2.Request("POST", office.url + BATCH, content=b"{")))
    known = signed(office.url + BATCH, parties.centre.exchange.keys, b"{")
    assert (400, "malformed-batch") == problem(send(known))


def test_a_body_over_a_mebibyte_is_413(parties: Parties, office: Party) -> None:
    """The sender halves the batch; nothing of it was taken."""
    request = signed(office.url + BATCH, parties.centre.exchange.keys, b" " * (1024 * 1024) + batch())
    assert 413 == problem(send(request))[0]
    assert 0 == count(office)


def test_another_media_type_is_415(parties: Parties, office: Party) -> None:
    """A batch is JSON, and says so under its signature."""
    request = signed(office.url + BATCH, parties.centre.exchange.keys, batch(), content_type="text/json")
    assert 415 == problem(send(request))[0]


def test_a_database_that_is_away_is_503(parties: Parties, office: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was taken and nothing is lost: the sender tries again when it is told to."""

    def failing(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("SELECT 1", None, psycopg.OperationalError("the password is swordfish"))

    monkeypatch.setattr(routes, "take", failing)
    response = send(signed(office.url + BATCH, parties.centre.exchange.keys, batch()))
    assert (503, "exchange-unavailable") == problem(response)
    assert "2" == response.headers["retry-after"]
    assert "swordfish" not in response.text


def test_a_peer_sends_only_what_it_may(parties: Parties, office: Party) -> None:
    """Allowed types are the peer's configuration; others are quarantined with that reason."""
    peers = {"center1111": Peer("center1111", "http://127.0.0.1:1", types=frozenset({"referral.sent.v1"}))}
    object.__setattr__(office.exchange, "peers", peers)  # frozen, but this test is its configuration
    (receipt,) = send(signed(office.url + BATCH, parties.centre.exchange.keys, batch())).json()["receipts"]
    assert "/problems/type-not-allowed" == receipt["problem"]["type"]


def test_our_public_keys_are_published_without_the_private_part(office: Party) -> None:
    """Peers fetch them at the well-known address; the secret stays at home."""
    with httpx2.Client() as client:
        found = client.get(office.url + "/.well-known/jwks.json").json()
    assert [office.exchange.keys.key_id] == [key["kid"] for key in found["keys"]]
    assert {"kty", "crv", "x", "kid", "use", "alg"} == set(found["keys"][0])


def test_the_status_tells_how_it_stands(parties: Parties, centre: Party, office: Party) -> None:
    """Backlog, age, dead, held and quarantined, for each peer, for operators and in metrics."""
    centre.owes("refuse")
    centre.owes("ก")
    centre.relay(batch_messages=1).round(centre.peer())
    with httpx2.Client() as client:
        (status,) = client.get(office.url + "/v1/exchange/status").json()
    assert ("center1111", 1, 0) == (status["peer"], status["quarantined"], status["backlog"])
    centre.registry.register(StatusCollector(make_read_sessions(centre.engine)))
    shown = generate_latest(centre.registry).decode()
    assert 'exchange_backlog{peer="chumchon"} 1.0' in shown
    assert 'exchange_receipts_total{disposition="quarantined",peer="chumchon"} 1.0' in shown
    assert parties.office is office


def test_a_rotated_key_is_learned_on_its_first_use(parties: Parties, centre: Party) -> None:
    """The peer's new key is fetched from it when it first signs; the old one goes when it is published no more."""
    office = parties.office
    taker = party("chumchon", office.url, office.engine, office.exchange.keys, [Peer("center1111", centre.url)])
    old, new = generate_keys(), generate_keys()
    ring: JsonObject = {"keys": [*new["keys"], *old["keys"]]}
    centre_keys = OwnKeys(ring)
    sender = party("center1111", centre.url, centre.engine, centre_keys, [])
    with served(sender.app, parties.listeners["center1111"]), served(taker.app, parties.listeners["chumchon"]):
        for keys in (OwnKeys(old), centre_keys):
            assert 200 == send(signed(office.url + BATCH, keys, batch())).status_code
        assert 401 == send(signed(office.url + BATCH, OwnKeys(generate_keys()), batch())).status_code
    taker.exchange.close()
    sender.exchange.close()
    assert 2 == count(office)


def test_a_key_that_cannot_be_checked_now_is_503(parties: Parties) -> None:
    """While the peer's keys cannot be fetched, its relay is told to try again instead of being refused."""
    office = parties.office
    taker = party(
        "chumchon", office.url, office.engine, office.exchange.keys, [Peer("center1111", "http://127.0.0.1:9")]
    )
    with served(taker.app, parties.listeners["chumchon"]):
        response = send(signed(office.url + BATCH, parties.centre.exchange.keys, batch()))
    taker.exchange.close()
    assert (503, "exchange-unavailable") == problem(response)
