"""A service as a party of the exchange: what its application has, and who is woken by whose commits."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from prometheus_client import generate_latest
from pydantic import ValidationError
from starlette.testclient import TestClient

from exchange import Effects, ExchangeSettings, Upkeep, generate_keys, host_exchange, owe, write_keys
from servicekit.ids import uuid7
from servicekit.service import create_service

from .conftest import HANDLERS, NOW, PROBLEMS, Party, eventually, saying


@pytest.fixture
def settings(centre: Party, tmp_path: Path) -> ExchangeSettings:
    """Those of a Centre without peers, on the database of these tests."""
    write_keys(tmp_path / "keys.json", generate_keys())
    return settings_of(centre, tmp_path / "keys.json")


def settings_of(party: Party, keys: Path, **told: Any) -> ExchangeSettings:  # noqa: ANN401  # any setting
    return ExchangeSettings(
        database_url=party.engine.url.render_as_string(hide_password=False),
        database_pool_size=2,
        port=8001,
        issuer="urn:none",
        issuer_jwks="/nowhere",
        exchange_keys_file=keys,
        **told,
    )


@contextmanager
def running(settings: ExchangeSettings, *, relay_in_service: bool) -> Iterator[tuple[FastAPI, TestClient]]:
    app = create_service(
        settings=settings,
        audience="center1111",
        title="Tried",
        description="",
        version="1",
        routers=[],
        problems=PROBLEMS,
        migrations_head="1",
    )
    host_exchange(
        app,
        settings.exchange("center1111"),
        Effects(HANDLERS, PROBLEMS),
        Upkeep((), ()),
        operators=["operator"],
        readers=["operator", "auditor"],
        alarm_readers=["officer"],
        relay_in_service=relay_in_service,
    )
    with TestClient(app) as client:
        yield app, client


def test_a_service_has_all_that_a_party_needs(settings: ExchangeSettings) -> None:
    """Keys for everybody; its routes for peers and for who may; its figures; and work that readiness looks at."""
    with running(settings, relay_in_service=True) as (app, client):
        assert app.state.exchange.keys.published == client.get("/.well-known/jwks.json").json()
        paths = ("/v1/exchange/messages", "/v1/exchange/status", "/v1/alarms")
        assert [401, 401, 401] == [
            client.request("POST" if path.endswith("messages") else "GET", path).status_code for path in paths
        ]
        assert {"database", "exchange", "upkeep", "relay"} == client.get("/readyz").json()["checks"].keys()
        assert b"exchange_backlog" in generate_latest(app.state.metrics.registry)


def test_a_relay_is_woken_by_commits_of_processes_that_have_none(settings: ExchangeSettings) -> None:
    """They announce theirs to it; those of its own process wake it without that."""
    with (
        running(settings, relay_in_service=True) as (sending, _),
        running(settings, relay_in_service=False) as (writing, client),
    ):
        bell = sending.state.exchange.bell
        assert eventually(bell.heard)  # it rings once when it has begun to listen
        owed(sending)
        assert 2 == bell.heard()

        def woken() -> bool:
            owed(writing)
            return bool(bell.wait(2, timeout_seconds=0.05))

        assert eventually(woken)
        assert "relay" not in client.get("/readyz").json()["checks"]


def owed(app: FastAPI) -> None:
    with app.state.sessions.begin() as session:
        owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=NOW)


def test_a_peer_is_a_url_with_nothing_unknown(centre: Party, tmp_path: Path) -> None:
    """What is misspelt is refused at the start, and not left out."""
    for wrong in ({"url": "chumchon.example"}, {"url": "https://chumchon.example", "type": []}):
        with pytest.raises(ValidationError, match="peers"):
            settings_of(centre, tmp_path / "keys.json", peers={"chumchon": wrong})
