"""The Centre's commands: `center1111 serve | relay | remind | deliver | migrate | reindex | sample | exchange …`."""

import contextlib
from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

import typer

from center1111.app import MIGRATIONS, create_app
from center1111.exchange import effects
from center1111.knowledge.actions import searched_fields
from center1111.postman import make_postman, make_reminding
from center1111.records import ARTICLES_SEARCH
from center1111.sample import load_sample
from center1111.settings import PREFIX, Settings
from center1111.steps import PARTY
from exchange.cli import Desk, exchange_commands
from exchange.documenting import openapi_document
from exchange.hosting import run_relay, taking_part
from servicekit.database import connected
from servicekit.explaining import explained
from servicekit.migrating import upgrade
from servicekit.observing import configure_logging
from servicekit.serving import run_until_told_to_stop
from servicekit.serving import serve as serve_app
from thaikit.search import index_all_again

cli = typer.Typer(
    help="The Centre: complaint centre 1111.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run a command; what an operator can mend is told in a few words, without a traceback."""
    with explained(PARTY, prefix=PREFIX):
        cli()


@contextlib.contextmanager
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
    """Send what is owed to agencies, beside services with RELAY_IN_SERVICE=false; any number of relays may run."""
    run_relay(Settings(), PARTY)


@cli.command()
def remind() -> None:
    """Remind of deadlines that are near due and overdue; any number of workers may run, nobody is reminded twice."""
    settings = Settings()
    configure_logging(f"{PARTY} remind", settings.log_level)
    with connected(settings.database_url, name=f"{PARTY} remind") as sessions:
        reminding = make_reminding(sessions, settings)
        run_until_told_to_stop(reminding.run)


@cli.command()
def deliver() -> None:
    """Send the mails that tell complainants of answers; any number of these may run."""
    settings = Settings()
    configure_logging(f"{PARTY} deliver", settings.log_level)
    with connected(settings.database_url, name=f"{PARTY} deliver", pool_size=2) as sessions:
        postman = make_postman(sessions, settings)
        if postman is None:
            raise ValueError(f"there is no mail server: set {PREFIX}SMTP_HOST and {PREFIX}MAIL_FROM")
        run_until_told_to_stop(postman.run)


@cli.command()
def migrate() -> None:
    """Bring the database to this version's tables."""
    upgrade(MIGRATIONS, Settings().database_url)


@cli.command()
def reindex(
    after: Annotated[UUID | None, typer.Option(help="Go on after this article, where an earlier run ended.")] = None,
) -> None:
    """Index all published articles again, beside the running service, as the notes of a version may ask for."""
    with connected(Settings().database_url, name=f"{PARTY} reindex") as sessions:
        for count, last in index_all_again(sessions, ARTICLES_SEARCH, searched_fields, after=after):
            print(f"{count:,} articles, the last {last}", flush=True)


@cli.command()
def sample() -> None:
    """Load a small sample of complaints and articles, if there are none yet."""
    settings = Settings()
    with connected(settings.database_url, name=f"{PARTY} sample") as sessions, sessions.begin() as session:
        loaded = load_sample(session, settings.deadlines(), settings.writers())
    print(f"{loaded} complaints loaded." if loaded else "There are complaints already: nothing loaded.")


@cli.command()
def openapi() -> None:
    """Print the API's OpenAPI document."""
    print(openapi_document(create_app, Settings), end="")
