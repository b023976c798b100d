"""Both services stand the check that any partner's endpoint has to stand."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

import center1111.app
import center1111.settings
import chumchon.app
import chumchon.settings
from devstack.testing.databases import templates
from exchange import OwnKeys, generate_keys, write_keys
from exchange.partner.checks import CHECKS, run_check
from exchange.partner.playing import Player
from servicekit import development_issuer
from servicekit.testing import Databases, eventually

CHECKER = "exchange_check"
ROLES = {"center1111": "office", "chumchon": "centre"}


@contextmanager
def served(app: FastAPI, listener: socket.socket) -> Iterator[None]:
    """The application over HTTP, in a thread."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    eventually(lambda: server.started)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("service", ["center1111", "chumchon"])
def test_our_services_stand_every_check(service: str, databases: Databases, tmp_path: Path) -> None:
    """What the check asks of other agencies, the Centre and the Office keep themselves."""
    issuer = tmp_path / "issuer.json"
    development_issuer.make_key_file(issuer)
    development_issuer.write_public_keys(issuer, tmp_path / "issuer.public.json")
    write_keys(tmp_path / "keys.json", generate_keys())
    checker = OwnKeys(generate_keys())
    migrated = templates(databases)
    template = migrated.centre if service == "center1111" else migrated.office
    with template.clone() as database, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        values: dict[str, Any] = {
            "database_url": database,
            "public_url": url,
            "environment": "development",
            "issuer": development_issuer.ISSUER,
            "issuer_jwks": str(tmp_path / "issuer.public.json"),
            "exchange_keys_file": tmp_path / "keys.json",
            "peers": {CHECKER: {"url": "http://127.0.0.1:1", "jwks": checker.published}},
            "relay_in_service": False,
        }
        if service == "center1111":
            app = center1111.app.create_app(center1111.settings.Settings(**values))
        else:
            app = chumchon.app.create_app(chumchon.settings.Settings(**values))
        player = Player(url, code=CHECKER, keys=checker, role=ROLES[service])
        with served(app, listener):
            found = [run_check(name, player) for name in CHECKS]
        player.close()
    assert [] == [(it.check, it.problem) for it in found if it.problem is not None]
