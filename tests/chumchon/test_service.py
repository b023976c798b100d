"""The service as a whole: migrations, settings, commands, its contract, its sample."""

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

import chumchon
from chumchon import codes, journey, work_groups
from chumchon.app import MIGRATIONS, create_app
from chumchon.deadlines import Deadlines
from chumchon.problems import PROBLEMS
from chumchon.records import Record
from chumchon.sample import load_sample
from chumchon.settings import Settings
from exchange import jobs
from exchange.documenting import openapi_document
from schemas.bodies import Kind, ReturnReason
from servicekit import development_issuer
from servicekit.database import make_engine
from servicekit.files.forgetting import metadata as file_tables
from servicekit.idempotency import metadata as idempotency_tables
from servicekit.mail_queue import metadata as mail_tables
from servicekit.migrating import downgrade, upgrade
from servicekit.problems import DomainError
from servicekit.rate_limits import metadata as rate_limit_tables
from servicekit.testing import Databases, eventually

from .conftest import Keys, Office, new_case

ROOT = Path(__file__).parents[2]


def test_migrations_go_up_down_and_up(databases: Databases) -> None:
    """Down to nothing, and up again."""
    with databases.empty() as url:
        upgrade(MIGRATIONS, url)
        downgrade(MIGRATIONS, url, "base")
        engine = make_engine(url, pool_size=1)
        assert ["alembic_version"] == sa.inspect(engine).get_table_names()
        engine.dispose()
        upgrade(MIGRATIONS, url)


def test_the_tables_are_what_the_records_say(office_url: str) -> None:
    """Nothing is missing on either side; indexes and CHECKs stand in the migrations alone."""
    engine = make_engine(office_url, pool_size=1)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": lambda _object, name, kind, reflected, other: (
                    not (kind == "index" and reflected and other is None) and not name.startswith("exchange_")
                ),
            },
        )
        owned = [Record.metadata, file_tables, idempotency_tables, mail_tables, rate_limit_tables]
        found = compare_metadata(context, owned)  # type: ignore[arg-type]
    engine.dispose()
    assert [] == found


@pytest.mark.parametrize("statement", ["UPDATE case_history SET by = 'x'", "DELETE FROM routings", "TRUNCATE answers"])
def test_history_cannot_be_changed(office: Office, session: Session, statement: str) -> None:
    """Not even by a hand in the database."""
    office.answered(office.record(), "โอนแล้ว")
    with pytest.raises(sa.exc.ProgrammingError, match="append-only"):
        session.execute(sa.text(statement))


def test_every_code_has_its_labels() -> None:
    """A new state, topic or reason cannot be forgotten in the code lists."""
    expected = {
        "states": journey.State,
        "channels": journey.Channel,
        "origins": journey.Origin,
        "kinds": Kind,
        "return_reasons": ReturnReason,
        "topics": work_groups.Topic,
        "work_groups": work_groups.WorkGroup,
        "delivery_states": codes.DeliveryState,
        "delivery_kinds": codes.DeliveryKind,
        "message_kinds": codes.MessageKind,
        "file_kinds": codes.FileKind,
        "mail_outcomes": codes.MailOutcome,
    }
    assert {name: set(kind) for name, kind in expected.items()} == {
        name: set(codes.CODE_LISTS[name]) for name in expected
    }


def test_every_error_is_a_problem() -> None:
    """Each error of the Office's own has its status and words."""

    def all_below(kind: type[DomainError]) -> set[type[DomainError]]:
        return {kind, *(it for child in kind.__subclasses__() for it in all_below(child))}

    ours = {kind for kind in all_below(DomainError) if kind.__module__.startswith(f"{chumchon.__name__}.")}
    assert ours <= PROBLEMS.keys()


def test_the_contract_is_the_committed_one() -> None:
    """`chumchon openapi > docs/openapi/chumchon.json` after each change of the API."""
    committed = (ROOT / "docs/openapi/chumchon.json").read_text("utf-8")
    assert committed == openapi_document(create_app, Settings)


def test_every_route_says_what_it_does(office: Office) -> None:
    """Summary and description, for the front-end team."""
    for path, methods in office.app.openapi()["paths"].items():
        for method, operation in methods.items():
            if not {"health", "exchange"} & set(operation["tags"]):
                assert operation.get("summary"), (method, path)
                assert operation.get("description"), (method, path)


def test_the_service_is_ready(office: Office) -> None:
    """Its database is there and migrated; metrics are Prometheus'."""
    assert {"status": "ready", "checks": {"database": "ok", "exchange": "ok"}} == office.http.get("/readyz").json()
    assert "exchange_" in office.http.get("/metrics").text


def test_the_sample_is_loaded_once(session: Session, office: Office) -> None:
    """A second time does nothing; what it holds can be read."""
    deadlines: Deadlines = office.app.state.deadlines
    assert 6 == load_sample(session, deadlines)
    session.commit()
    assert 0 == load_sample(session, deadlines)
    states = {case["state"] for case in office.done("GET", "/cases")["items"]}
    assert {"new", "routed", "answered"} == states


def test_production_refuses_the_development_issuer(keys: Keys) -> None:
    """Whoever holds a development key is nobody in production."""
    with pytest.raises(ValidationError, match="development issuer"):
        Settings(
            database_url="postgresql://x@y/z",
            issuer=development_issuer.ISSUER,
            issuer_jwks=str(keys.issuer_public),
            exchange_keys_file=keys.exchange,
        )


def test_special_days_move_deadlines(keys: Keys, tmp_path: Path) -> None:
    """What the cabinet decides is put into a file."""
    days = tmp_path / "days.txt"
    days.write_text("+ 2026-10-06 วันหยุดพิเศษ\n", "utf-8")
    common = {
        "environment": "development",
        "database_url": "postgresql://x@y/z",
        "issuer": development_issuer.ISSUER,
        "issuer_jwks": str(keys.issuer_public),
        "exchange_keys_file": keys.exchange,
    }
    plain, special = Settings(**common), Settings(**common, special_days_file=days)  # type: ignore[arg-type]
    days_off = [settings.deadlines().holidays for settings in (plain, special)]
    assert [False, True] == [date(2026, 10, 6) in holidays for holidays in days_off]


def test_the_service_forgets_answers_whose_time_is_over(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself; the others stay."""
    monkeypatch.setattr(jobs, "LOOK_SECONDS", 0.01)
    for key in ("expired", "fresh"):
        office.done("POST", "/cases", new_case(), headers={"Idempotency-Key": key})
    sessions = office.app.state.sessions
    with sessions.begin() as session:
        session.execute(sa.text("UPDATE idempotent_answers SET expires_at = now() WHERE key = 'expired'"))

    def kept() -> list[str]:
        with sessions() as session:
            return list(session.scalars(sa.text("SELECT key FROM idempotent_answers")))

    with TestClient(office.app):
        eventually(lambda: ["fresh"] == kept())
