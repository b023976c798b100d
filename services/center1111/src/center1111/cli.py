"""The Centre's commands: `center1111 serve | relay | remind | deliver | migrate | sample | openapi | exchange …`."""

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import sqlalchemy as sa
import typer
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from center1111.app import MIGRATIONS, create_app, make_exchange
from center1111.exchange import effects
from center1111.postman import make_postman, make_reminding
from center1111.sample import load_sample
from center1111.settings import PREFIX, Settings
from center1111.steps import PARTY
from exchange import ExchangeMetrics, Relay, listening
from exchange.cli import Desk, exchange_commands
from exchange.keys import KeysError, generate_keys, write_keys
from servicekit.database import make_engine, make_sessions
from servicekit.migrating import upgrade
from servicekit.observing import configure_logging
from servicekit.serving import run_until_told_to_stop
from servicekit.serving import serve as serve_app

app = typer.Typer(help="The Centre: complaint centre 1111.", no_args_is_help=True, add_completion=False)


def main() -> None:
    """Run a command; what an operator can mend is told in a few words, without a traceback."""
    try:
        app()
    except KeysError as error:
        _fail(f"The exchange keys cannot be used: {error}")
    except sa.exc.OperationalError:
        _fail(f"The database does not answer: check {PREFIX}DATABASE_URL, and that PostgreSQL runs.")
    except OSError as error:
        _fail(f"{error.filename or 'A file'}: {error.strerror or error}")


@contextlib.contextmanager
def _desk() -> Iterator[Desk]:
    settings = _settings()
    engine = make_engine(settings.database_url, pool_size=2, name=f"{PARTY} commands")
    exchange = make_exchange(settings)
    sessions = make_sessions(engine)
    exchange.enrol(sessions)
    try:
        yield Desk(exchange, sessions, effects(settings.deadlines()), settings.exchange_keys_file)
    finally:
        exchange.close()
        engine.dispose()


app.add_typer(exchange_commands(_desk), name="exchange")


@app.command()
def serve() -> None:
    """Serve the API, with a relay inside unless RELAY_IN_SERVICE is false."""
    settings = _settings()
    serve_app(create_app(settings), settings, name=PARTY)


@app.command()
def relay() -> None:
    """Send what is owed to agencies; any number of relays may run."""
    settings = _settings()
    configure_logging(f"{PARTY} relay", settings.log_level)
    engine = make_engine(settings.database_url, pool_size=settings.database_pool_size, name=f"{PARTY} relay")
    sessions = make_sessions(engine)
    exchange = make_exchange(settings)
    exchange.enrol(sessions)
    try:
        with listening(exchange.bell, engine):
            run_until_told_to_stop(Relay(exchange, sessions, ExchangeMetrics(CollectorRegistry())).run)
    finally:
        exchange.close()
        engine.dispose()


@app.command()
def remind() -> None:
    """Remind of deadlines that are near due and overdue; any number of workers may run, nobody is reminded twice."""
    settings = _settings()
    configure_logging(f"{PARTY} remind", settings.log_level)
    engine = make_engine(settings.database_url, pool_size=1, name=f"{PARTY} remind")
    reminding = make_reminding(make_sessions(engine), settings)
    try:
        run_until_told_to_stop(reminding.run)
    finally:
        engine.dispose()


@app.command()
def deliver() -> None:
    """Send the mails that tell complainants of answers; any number of these may run."""
    settings = _settings()
    configure_logging(f"{PARTY} deliver", settings.log_level)
    engine = make_engine(settings.database_url, pool_size=2, name=f"{PARTY} deliver")
    postman = make_postman(make_sessions(engine), settings)
    if postman is None:
        _fail(f"There is no mail server: set {PREFIX}SMTP_HOST and {PREFIX}MAIL_FROM.")
    try:
        run_until_told_to_stop(postman.run)
    finally:
        engine.dispose()


@app.command()
def migrate() -> None:
    """Bring the database to this version's tables."""
    upgrade(MIGRATIONS, _settings().database_url)


@app.command()
def sample() -> None:
    """Load a small sample of complaints and articles, if there are none yet."""
    settings = _settings()
    engine = make_engine(settings.database_url, pool_size=1, name=f"{PARTY} sample")
    try:
        with make_sessions(engine).begin() as session:
            loaded = load_sample(session, settings.deadlines(), settings.writers())
    finally:
        engine.dispose()
    print(f"{loaded} complaints loaded." if loaded else "There are complaints already: nothing loaded.")


@app.command()
def openapi() -> None:
    """Print the API's OpenAPI document."""
    print(openapi_document(), end="")


def openapi_document() -> str:
    """The document as it is kept in `docs/openapi`: it depends on no setting and no database."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.json"
        write_keys(keys, generate_keys())
        service = create_app(
            Settings(
                environment="development",
                database_url="postgresql://nobody@127.0.0.1:1/none",
                issuer="urn:none",
                issuer_jwks=str(keys),
                exchange_keys_file=keys,
            )
        )
    return json.dumps(service.openapi(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"  {PREFIX}{'_'.join(str(part) for part in found['loc']).upper() or 'SETTINGS'}: {found['msg']}"
            for found in error.errors(include_input=False, include_url=False)
        ]
        _fail("The settings are not right:\n" + "\n".join(lines))


def _fail(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(1)
