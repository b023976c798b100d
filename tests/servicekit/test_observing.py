"""Logs, metrics and health tell an operator what goes on, and nothing about people."""

import logging
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
import structlog
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.testclient import TestClient

from servicekit import development_issuer
from servicekit.observing import configure_logging
from servicekit.problems import describe
from servicekit.settings import ServiceSettings


@pytest.fixture
def _json_logs() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers, root.level)
    configure_logging("things", "info")
    yield
    structlog.reset_defaults()
    root.handlers, root.level = before


def lines(text: str) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("_json_logs")
def test_a_request_s_log_names_its_route_and_no_words(
    maker: TestClient, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """One line a request, found by its id; never the query, the body, or an error's message."""
    capfdbinary.readouterr()
    maker.post("/v1/things", json={"subject": "ความลับ"}, headers={"X-Request-ID": "req-1"})
    maker.get("/v1/clock?at=secret")
    maker.post("/v1/breakdowns")
    out = capfdbinary.readouterr().out.decode()
    told = [line for line in lines(out) if line["event"] == "request"]

    assert tuple(told[0][key] for key in ("method", "status", "request_id", "caller")) == ("POST", 201, "req-1", "mali")
    assert "/v1/things" == told[0]["route"]
    assert "ความลับ" not in out
    assert "secret" not in out
    assert "RuntimeError" in out


@pytest.mark.usefixtures("_json_logs")
def test_logs_of_libraries_are_json_too_and_tell_no_messages(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception that a library logs is told by its type and place."""
    configure_logging("things", "info")  # again, on the captured output
    try:
        raise ValueError("นายสมชาย ใจดี")  # noqa: TRY301  # the traceback is what is tested
    except ValueError:
        logging.getLogger("library").exception("it failed")
    (line,) = lines(capsys.readouterr().out)

    assert (line["event"], line["error"], line["service"]) == ("it failed", "builtins.ValueError", "things")
    assert "สมชาย" not in str(line)


@pytest.mark.parametrize("sent", ["", "a" * 65, "a b", "a\x7f"])
def test_a_strange_request_id_is_replaced(client: TestClient, sent: str) -> None:
    """Ids go into logs and to other services: only plain short ones are taken over."""
    taken = client.get("/healthz", headers={"X-Request-ID": sent}).headers["x-request-id"]

    assert sent != taken
    assert len(taken) == 36


def test_metrics_count_requests_by_route(client: TestClient) -> None:
    """Prometheus sees how many, how fast, with which status; labels are templates, so there are few of them."""
    client.get("/v1/things/1")
    client.get("/v1/things/2")
    text = client.get("/metrics").text

    assert 'status="404"} 2.0' in text
    assert 'route="/v1/things/{thing_id}"' in text


def test_invented_methods_make_no_new_series(client: TestClient) -> None:
    """A stranger cannot fill the metrics with names."""
    client.request("INVENTED", "/v1/things")

    assert 'method="other"' in client.get("/metrics").text
    assert "INVENTED" not in client.get("/metrics").text


def test_ready_means_the_database_answers_at_the_right_migration(client: TestClient, app: FastAPI) -> None:
    """Ready; after a foreign migration not, with the reason."""
    assert (client.get("/readyz").status_code, client.get("/readyz").json()["status"]) == (200, "ready")
    with app.state.sessions.begin() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '0009'"))
    unready = client.get("/readyz")

    assert unready.status_code == 503
    assert "run migrate" in unready.json()["checks"]["database"]
    assert client.get("/healthz").status_code == 200


def test_a_database_error_is_described_by_its_codes(app: FastAPI) -> None:
    """The constraint's name helps; the values that broke it are nobody's business."""
    with pytest.raises(sa.exc.IntegrityError) as caught, app.state.sessions.begin() as session:
        session.execute(sa.text("INSERT INTO things (subject) VALUES ('forbidden')"))
    told = describe(caught.value)

    assert (told["sqlstate"], told["constraint"]) == ("23514", "not_forbidden")
    assert "Failing row" not in str(told)


def test_production_refuses_the_development_issuer(tmp_path: Path) -> None:
    """A token that anybody on the machine can mint must never open a production service."""
    with pytest.raises(ValidationError, match="not for production"):
        ServiceSettings(
            database_url="postgresql://x",
            port=1,
            issuer=development_issuer.ISSUER,
            issuer_jwks=str(tmp_path),
        )


def test_the_base_url_is_the_public_one_or_host_and_port() -> None:
    """Others reach the service by its public URL; on a machine alone host and port will do."""
    common = {"database_url": "postgresql://x", "issuer": "https://login.example", "issuer_jwks": "x", "port": 8001}

    assert ServiceSettings(**common).base_url == "http://127.0.0.1:8001"  # type: ignore[arg-type]
    assert ServiceSettings(**common, public_url="https://c.example/").base_url == "https://c.example"  # type: ignore[arg-type]
