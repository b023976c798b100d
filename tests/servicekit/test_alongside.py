"""Work beside requests: it lives as long as the service, which is not ready without it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from starlette.testclient import TestClient

from servicekit.alongside import beside, prepared, run_alongside
from servicekit.service import create_service
from servicekit.settings import ServiceSettings
from servicekit.testing import eventually


def test_work_ends_with_its_block() -> None:
    """It runs meanwhile, is told to stop, is woken from whatever it waits for, and is waited for."""
    bell, began = threading.Event(), threading.Event()
    seen = []

    def work(stop: threading.Event) -> None:
        began.set()
        bell.wait()
        seen.append(stop.is_set())

    with beside(work, name="waiter", wake=bell.set) as check:
        assert began.wait(5)
        assert None is check()
    assert [True] == seen
    assert "the waiter inside the service has ended" == check()


def test_a_service_is_not_ready_without_its_work(database_url: str) -> None:
    """The check bears the work's name, and tells when it ends though nobody stopped it."""
    app = service(database_url)
    die = threading.Event()

    def work(_stop: threading.Event) -> None:
        die.wait()

    run_alongside(app, "importing", work, wake=die.set)
    with TestClient(app) as client:
        assert "ok" == client.get("/readyz").json()["checks"]["importing"]
        die.set()
        eventually(lambda: client.get("/readyz").json()["checks"]["importing"] != "ok")
        told = client.get("/readyz").json()["checks"]["importing"]
        assert "the importing inside the service has ended" == told


def test_parts_live_as_long_as_the_service(database_url: str) -> None:
    """In their order, each outside of the event loop; left in the opposite order."""
    app = service(database_url)
    did = []

    @contextmanager
    def part(name: str) -> Iterator[None]:
        did.append((f"{name} begins", threading.current_thread() is threading.main_thread()))
        yield
        did.append((f"{name} ends", threading.current_thread() is threading.main_thread()))

    app.state.alongside += [prepared(lambda: did.append(("prepared", False))), part("one"), part("two")]
    with TestClient(app):
        assert [("prepared", False), ("one begins", False), ("two begins", False)] == did
    assert [("two ends", False), ("one ends", False)] == did[3:]


def service(database_url: str) -> FastAPI:
    return create_service(
        settings=ServiceSettings(database_url=database_url, port=1, issuer="urn:none", issuer_jwks="/nowhere"),
        audience="tried",
        title="Tried",
        description="",
        version="1",
        routers=[],
        problems={},
        migrations_head="1",
    )
