"""The Office's commands: serve, relay, mail, migrate, sample, train, models, activate, rollback, openapi, exchange."""

import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import sqlalchemy.exc
import typer
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from chumchon.app import MIGRATIONS, create_app, make_effects, make_exchange
from chumchon.channels.working import workers, working
from chumchon.routing import registry
from chumchon.sample import load_sample
from chumchon.settings import PARTY, PREFIX, Settings
from exchange import ExchangeMetrics, Relay, generate_keys, listening, write_keys
from exchange.cli import Desk, exchange_commands
from servicekit.clock import utc_now
from servicekit.database import Sessions, make_engine, make_sessions
from servicekit.migrating import upgrade
from servicekit.observing import configure_logging
from servicekit.serving import run_until_told_to_stop
from servicekit.serving import serve as serve_app

cli = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="The Office's service."
)


COMMAND_LINE: Final = "command line"
"""Who it was, in what is kept of changes made by a command."""


def main() -> None:
    """Run the command line."""
    cli()


@contextmanager
def _explained() -> Iterator[None]:
    """End with a plain word on what the operator has to do, instead of a traceback."""
    try:
        yield
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            name = "_".join(str(step) for step in fault["loc"][:1]).upper()
            print(f"{PREFIX}{name}: {fault['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None
    except (OSError, ValueError) as error:
        print(f"{PARTY}: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    except sqlalchemy.exc.OperationalError:
        print(f"{PARTY}: the database does not answer; see {PREFIX}DATABASE_URL", file=sys.stderr)
        raise typer.Exit(1) from None


def _settings() -> Settings:
    return Settings()


@contextmanager
def _desk() -> Iterator[Desk]:
    with _explained():
        settings = _settings()
        exchange = make_exchange(settings)
        engine = make_engine(settings.database_url, pool_size=2, name=f"{PARTY} commands")
        sessions = make_sessions(engine)
        exchange.enrol(sessions)
        try:
            yield Desk(exchange, sessions, make_effects(settings), settings.exchange_keys_file)
        finally:
            exchange.close()
            engine.dispose()


cli.add_typer(exchange_commands(_desk), name="exchange")


@cli.command()
def serve() -> None:
    """Serve the API, with a relay inside unless RELAY_IN_SERVICE=false."""
    with _explained():
        settings = _settings()
        app = create_app(settings)
        serve_app(app, settings, name=PARTY)


@cli.command()
def relay() -> None:
    """Send what the Office owes, beside services with RELAY_IN_SERVICE=false; any number may run."""
    with _explained():
        settings = _settings()
        configure_logging(f"{PARTY}-relay", settings.log_level)
        exchange = make_exchange(settings)
        engine = make_engine(settings.database_url, pool_size=4, name=f"{PARTY} relay")
        sessions = make_sessions(engine)
        exchange.enrol(sessions)
        with listening(exchange.bell, engine):
            run_until_told_to_stop(Relay(exchange, sessions, ExchangeMetrics(CollectorRegistry())).run)
        engine.dispose()


@cli.command()
def mail() -> None:
    """Read the mailbox and the watched folders, and send mails: whatever of it is set up. Any number may run."""
    with _explained():
        settings = _settings()
        configure_logging(f"{PARTY}-mail", settings.log_level)
        engine = make_engine(settings.database_url, pool_size=4, name=f"{PARTY} mail")
        found = workers(settings, make_sessions(engine))
        if not found:
            names = ", ".join(f"{PREFIX}{name}" for name in ("IMAP_HOST", "SMTP_HOST", "FAX_FOLDER", "PO_BOX_FOLDER"))
            raise ValueError(f"nothing to do: set one of {names}")
        with working(found):
            run_until_told_to_stop(threading.Event.wait)
        engine.dispose()


@cli.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    with _explained():
        upgrade(MIGRATIONS, _settings().database_url)


@cli.command()
def sample() -> None:
    """Load a small sample of cases, unless there are cases already."""
    with _explained():
        settings = _settings()
        engine = make_engine(settings.database_url, pool_size=1, name=f"{PARTY} sample")
        with make_sessions(engine).begin() as session:
            count = load_sample(session, settings.deadlines())
        engine.dispose()
        print(f"{count} cases loaded" if count else "there are cases already; nothing loaded")


@cli.command()
def train() -> None:
    """Train the routing model on what people confirmed, and put it in force if it is better."""
    # Here alone, because it loads scikit-learn: no other command needs it.
    from chumchon.routing.learning import NothingToLearn, learn  # noqa: PLC0415

    with _explained(), _database("training") as sessions:
        try:
            trained = learn(sessions, by=COMMAND_LINE, now=utc_now())
        except NothingToLearn as error:
            print(f"nothing was trained: {error}")
            return
        rows = {f"version {trained.version}": trained.figures, _basis(trained.compared_with): trained.compared_figures}
        print(f"learned from {trained.learned_from:,} confirmed cases, judged on {trained.figures.examples:,} others")
        for name, figures in rows.items():
            print(
                f"{name:<16} accuracy {figures.accuracy:.3f}  macro-F1 {figures.macro_f1:.3f}"
                f"  ECE {figures.calibration_error:.3f}  coverage {figures.coverage:.3f}"
            )
        print(f"version {trained.version} is {'in force' if trained.in_force else 'kept, and not in force'}")


@cli.command()
def models() -> None:
    """List the newest routing models with their figures; * marks the one in force."""
    with _explained(), _database("models") as sessions, sessions() as session:
        for row in registry.find_models(session, before=registry.NEWEST, limit=20):
            mark, figures = "*" if row.in_force else " ", row.figures
            print(
                f"{mark}{row.version:>4}  {row.trained_at:%Y-%m-%d %H:%M}  {row.outcome:<10}"
                f"  accuracy {figures['accuracy']:.3f}  macro-F1 {figures['macro_f1']:.3f}"
                f"  ECE {figures['calibration_error']:.3f}  coverage {figures['coverage']:.3f}"
            )


@cli.command()
def activate(version: int, reason: Annotated[str, typer.Option(help="Kept with the activation.")]) -> None:
    """Put a version of the routing model in force."""
    with _explained(), _database("models") as sessions, sessions.begin() as session:
        try:
            registry.activate(session, version, reason=reason, by=COMMAND_LINE, now=utc_now())
        except registry.ModelNotFound:
            raise ValueError(f"there is no version {version}; see `{PARTY} models`") from None
        except registry.ModelInForce:
            print(f"version {version} was in force already")
            return
    print(f"version {version} is in force")


@cli.command()
def rollback(reason: Annotated[str, typer.Option(help="Kept with the activation.")]) -> None:
    """Go back to the routing model that was in force before."""
    with _explained(), _database("models") as sessions, sessions.begin() as session:
        try:
            version = registry.roll_back(session, reason=reason, by=COMMAND_LINE, now=utc_now())
        except registry.NothingToRollBack:
            raise ValueError("no model is in force") from None
    print(f"in force: {_basis(version)}")


@contextmanager
def _database(purpose: str) -> Iterator[Sessions]:
    engine = make_engine(_settings().database_url, pool_size=1, name=f"{PARTY} {purpose}")
    try:
        yield make_sessions(engine)
    finally:
        engine.dispose()


def _basis(version: int | None) -> str:
    return "the rules alone" if version is None else f"version {version}"


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    with _explained():
        print(openapi_document())


def openapi_document() -> str:
    """The OpenAPI document as it is committed: it depends on no setting and no database."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.json"
        write_keys(keys, generate_keys())
        app = create_app(
            Settings(
                database_url="postgresql://nobody@127.0.0.1:1/none",
                issuer="urn:none",
                issuer_jwks=str(keys),
                exchange_keys_file=keys,
            )
        )
    return json.dumps(app.openapi(), ensure_ascii=False, indent=2) + "\n"
