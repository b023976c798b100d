"""A repeated request gets the first answer again, and changes nothing twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from servicekit import development_issuer
from servicekit.clock import utc_now
from servicekit.idempotency import Claim, forget_expired

KEY = {"Idempotency-Key": "0199-a"}


def test_the_first_answer_comes_again(maker: TestClient) -> None:
    """Status, headers and body are the first ones, marked as replayed; there is one thing."""
    first = maker.post("/v1/things", json={"subject": "a"}, headers=KEY)
    maker.patch(first.headers["location"], json={"subject": "changed since"}, headers={"If-Match": '"1"'})
    again = maker.post("/v1/things", json={"subject": "a"}, headers=KEY)

    assert (201, first.content) == (again.status_code, again.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    for name in ("location", "etag", "content-type"):
        assert first.headers[name] == again.headers[name]
    assert len(maker.get("/v1/things").json()["items"]) == 1


def test_a_key_with_another_body_is_refused(maker: TestClient) -> None:
    """422: the key belongs to the first request."""
    maker.post("/v1/things", json={"subject": "a"}, headers=KEY)
    other = maker.post("/v1/things", json={"subject": "b"}, headers=KEY)

    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")
    assert [thing["subject"] for thing in maker.get("/v1/things").json()["items"]] == ["a"]


def test_a_refused_request_leaves_its_key_free(maker: TestClient) -> None:
    """Nothing was changed, so the corrected request may use the key."""
    assert maker.post("/v1/things", json={"subject": "a", "details": "stop"}, headers=KEY).status_code == 404
    assert maker.post("/v1/things", json={"subject": "a"}, headers=KEY).status_code == 201


def test_keys_belong_to_their_caller(maker: TestClient, issuer_key: Path) -> None:
    """Two callers may use the same key for different things."""
    other = development_issuer.mint(issuer_key, audience="things", subject="somchai", roles=["maker"])
    maker.post("/v1/things", json={"subject": "a"}, headers=KEY)
    second = maker.post("/v1/things", json={"subject": "b"}, headers={**KEY, "Authorization": f"Bearer {other}"})

    assert (second.status_code, second.json()["subject"]) == (201, "b")


def test_twins_at_the_same_moment_make_one_thing(maker: TestClient) -> None:
    """Whatever the timing: one is made, the others see its answer or are told to wait."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: maker.post("/v1/things", json={"subject": "a"}, headers=KEY), range(8)))

    assert {201, 409} >= {answer.status_code for answer in answers}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert len(maker.get("/v1/things").json()["items"]) == 1


def test_a_running_twin_is_told_to_wait(maker: TestClient, app: FastAPI) -> None:
    """While the first transaction is open the second gets 409 at once, not a hanging connection."""
    claim = Claim("person:mali", KEY["Idempotency-Key"], b"x", "/v1/things")
    with app.state.sessions() as session:
        assert claim.take(session, now=utc_now(), kept_for=timedelta(hours=1)) is None
        waiting = maker.post("/v1/things", json={"subject": "a"}, headers=KEY)

    assert (waiting.status_code, waiting.json()["type"]) == (409, "/problems/request-still-running")


def test_agency_clients_must_send_a_key(client: TestClient, issuer_key: Path) -> None:
    """A system that retries without a key would double what it files."""
    token = development_issuer.mint(
        issuer_key, audience="things", subject="system", roles=["agency_client"], client_id="moi"
    )
    client.headers["Authorization"] = f"Bearer {token}"
    without = client.post("/v1/things", json={"subject": "a"})

    assert (without.status_code, without.json()["type"]) == (400, "/problems/idempotency-key-required")
    assert client.post("/v1/things", json={"subject": "a"}, headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", "a\tb", "x" * 256])
def test_keys_are_short_ascii(maker: TestClient, key: str) -> None:
    """Anything else is bad input."""
    assert maker.post("/v1/things", json={"subject": "a"}, headers={"Idempotency-Key": key}).status_code == 400


def test_answers_are_forgotten_when_their_time_is_over(maker: TestClient, app: FastAPI) -> None:
    """An expired key is free again, and cleaning removes what has expired, however much, and nothing else."""
    expire = sa.text("UPDATE idempotent_answers SET expires_at = now() WHERE key LIKE '0199-%'")
    for key in ("0199-a", "0199-b", "0199-c", "fresh"):
        maker.post("/v1/things", json={"subject": key}, headers={"Idempotency-Key": key})
    with app.state.sessions.begin() as session:
        session.execute(expire)

    assert maker.post("/v1/things", json={"subject": "anew"}, headers=KEY).status_code == 201
    with app.state.sessions.begin() as session:
        session.execute(expire)
    assert forget_expired(app.state.sessions, now=utc_now() + timedelta(seconds=1), at_once=2) == 3
    with app.state.sessions() as session:
        assert session.scalars(sa.text("SELECT key FROM idempotent_answers")).all() == ["fresh"]


def test_a_key_that_is_taken_anew_is_not_forgotten(maker: TestClient, app: FastAPI) -> None:
    """Cleaning neither waits for a request that has an expired key, nor takes the key away from it."""
    maker.post("/v1/things", json={"subject": "a"}, headers=KEY)
    with app.state.sessions.begin() as session:
        session.execute(sa.text("UPDATE idempotent_answers SET expires_at = now(), caller = 'person:mali'"))
    claim, later = Claim("person:mali", KEY["Idempotency-Key"], b"x", "/v1/things"), utc_now() + timedelta(seconds=1)
    with app.state.sessions.begin() as session:
        assert claim.take(session, now=later, kept_for=timedelta(hours=1)) is None
        assert forget_expired(app.state.sessions, now=later) == 0
    assert forget_expired(app.state.sessions, now=later) == 0
