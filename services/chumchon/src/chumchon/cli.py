"""The Office's commands: it serves and sends, reads its mailbox, migrates, trains, and looks after the exchange."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import typer

from chumchon import question_store
from chumchon.app import MIGRATIONS, create_app
from chumchon.arrivals.routes import channels
from chumchon.channels.working import announce, workers
from chumchon.exchange import effects
from chumchon.filters import NEWEST
from chumchon.intake import indexing
from chumchon.records import case_search, question_search
from chumchon.routing import registry
from chumchon.sample import load_sample
from chumchon.settings import PARTY, PREFIX, Settings
from exchange.cli import Desk, exchange_commands
from exchange.documenting import openapi_document
from exchange.hosting import run_relay, taking_part
from servicekit.alongside import beside
from servicekit.clock import utc_now
from servicekit.database import Sessions, connected
from servicekit.explaining import explained
from servicekit.migrating import upgrade
from servicekit.observing import configure_logging
from servicekit.serving import run_until_told_to_stop
from servicekit.serving import serve as serve_app
from thaikit.search import index_all_again

cli = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help="The Office's service."
)


COMMAND_LINE: Final = "command line"
"""Who it was, in what is kept of changes made by a command."""


def main() -> None:
    """Run a command; what an operator can mend is told in a few words, without a traceback."""
    with explained(PARTY, prefix=PREFIX):
        cli()


@contextmanager
def _desk() -> Iterator[Desk]:
    settings = Settings()
    with taking_part(settings, PARTY, purpose="commands") as (exchange, sessions):
        yield Desk(exchange, sessions, effects(settings.deadlines()), settings.exchange_keys_file)


cli.add_typer(exchange_commands(_desk), name="exchange")


@cli.command()
def serve() -> None:
    """Serve the API, with a relay inside unless RELAY_IN_SERVICE is false."""
    settings = Settings()
    serve_app(create_app(settings), settings, name=PARTY)


@cli.command()
def relay() -> None:
    """Send what the Office owes, beside services with RELAY_IN_SERVICE=false; any number of relays may run."""
    run_relay(Settings(), PARTY)


@cli.command()
def mail() -> None:
    """Read the mailbox and the watched folders, and send mails: whatever of it is set up. Any number may run."""
    settings = Settings()
    configure_logging(f"{PARTY} mail", settings.log_level)
    with ExitStack() as stack:
        sessions = stack.enter_context(connected(settings.database_url, name=f"{PARTY} mail", pool_size=4))
        found = workers(settings, sessions)
        if not found:
            names = ", ".join(f"{PREFIX}{name}" for name in ("IMAP_HOST", "SMTP_HOST", "FAX_FOLDER", "PO_BOX_FOLDER"))
            raise ValueError(f"nothing to do: set one of {names}")
        announce(found, sessions)
        for name, work in found.items():
            stack.enter_context(beside(work, name=name))
        run_until_told_to_stop(threading.Event.wait)


@cli.command(name="channels")
def show_channels() -> None:
    """Show how the readers of mailbox and folders fare, and what waits to be sent; status 1 if one is silent."""
    with _database("channels") as sessions, sessions() as session:
        silent_after = timedelta(minutes=Settings().channel_silent_after_minutes)
        found = channels(session, now=utc_now(), silent_after=silent_after)
    for reader in found.readers:
        looked = f"{reader.succeeded_at:%Y-%m-%d %H:%M:%S}" if reader.succeeded_at else "never"
        print(
            f"{reader.name:<14} {'SILENT' if reader.silent else 'reads':<7} last {looked:<19}"
            f"  {reader.waiting or '-':<4}  taken {reader.taken:,}  left over {reader.left_over}"
            f"  failures {reader.failures}{f' ({reader.problem})' if reader.failures else ''}"
        )
    since = f", the oldest since {found.outgoing.oldest_at:%Y-%m-%d %H:%M:%S}" if found.outgoing.oldest_at else ""
    print(f"{found.outgoing.owed:,} mails wait to be sent{since}")
    if any(reader.silent for reader in found.readers):
        raise typer.Exit(1)


@cli.command()
def migrate() -> None:
    """Bring the database to the newest revision."""
    upgrade(MIGRATIONS, Settings().database_url)


class Searched(StrEnum):
    """What the Office's search indexes hold."""

    QUESTIONS = "questions"
    CASES = "cases"


_INDEXES: Final = {
    Searched.QUESTIONS: (question_search, question_store.searched_fields),
    Searched.CASES: (case_search, indexing.searched_fields),
}


@cli.command()
def reindex(
    what: Searched,
    after: Annotated[UUID | None, typer.Option(help="Go on after this one, where an earlier run ended.")] = None,
) -> None:
    """Index all questions or cases again, beside the running service, as the notes of a version may ask for."""
    with _database("reindex") as sessions:
        for count, last in index_all_again(sessions, *_INDEXES[what], after=after):
            print(f"{count:,} {what}, the last {last}", flush=True)


@cli.command()
def sample() -> None:
    """Load a small sample of cases, unless there are cases already."""
    settings = Settings()
    with connected(settings.database_url, name=f"{PARTY} sample") as sessions, sessions.begin() as session:
        count = load_sample(session, settings.deadlines())
    print(f"{count} cases loaded" if count else "there are cases already; nothing loaded")


@cli.command()
def train() -> None:
    """Train the routing model on what people confirmed, and put it in force if it is better."""
    # Here alone, because it loads scikit-learn: no other command needs it.
    from chumchon.routing.learning import NothingToLearn, learn  # noqa: PLC0415

    with _database("training") as sessions:
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
    with _database("models") as sessions, sessions() as session:
        for row in registry.find_models(session, before=NEWEST, limit=20):
            mark, figures = "*" if row.in_force else " ", row.figures
            print(
                f"{mark}{row.version:>4}  {row.trained_at:%Y-%m-%d %H:%M}  {row.outcome:<10}"
                f"  accuracy {figures['accuracy']:.3f}  macro-F1 {figures['macro_f1']:.3f}"
                f"  ECE {figures['calibration_error']:.3f}  coverage {figures['coverage']:.3f}"
            )


@cli.command()
def activate(version: int, reason: Annotated[str, typer.Option(help="Kept with the activation.")]) -> None:
    """Put a version of the routing model in force."""
    with _database("models") as sessions, sessions.begin() as session:
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
    with _database("models") as sessions, sessions.begin() as session:
        try:
            version = registry.roll_back(session, reason=reason, by=COMMAND_LINE, now=utc_now())
        except registry.NothingToRollBack:
            raise ValueError("no model is in force") from None
    print(f"in force: {_basis(version)}")


def _database(purpose: str) -> AbstractContextManager[Sessions]:
    return connected(Settings().database_url, name=f"{PARTY} {purpose}")


def _basis(version: int | None) -> str:
    return "the first day's" if version is None else f"version {version}"


@cli.command()
def openapi() -> None:
    """Print the API's OpenAPI document."""
    print(openapi_document(create_app, Settings), end="")
