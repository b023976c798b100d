"""A service as a party of the exchange: everything that it needs in its application, and in its own `relay` command."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial

import sqlalchemy as sa
from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry

from exchange.attachments import AttachmentSource
from exchange.inbox import Effects
from exchange.metrics import ExchangeMetrics, StatusCollector
from exchange.operators import alarms_router
from exchange.parties import Exchange
from exchange.relay import Relay
from exchange.restored import Standing
from exchange.routes import exchange_router, keys_router
from exchange.settings import ExchangeSettings
from exchange.upkeep import Upkeep, run_upkeep
from exchange.waking import announcing, listening
from servicekit.alongside import prepared, run_alongside
from servicekit.database import Sessions, connected
from servicekit.identity import require
from servicekit.observing import configure_logging
from servicekit.serving import run_until_told_to_stop


def host_exchange(
    app: FastAPI,
    exchange: Exchange,
    effects: Effects,
    upkeep: Upkeep,
    *,
    operators: Sequence[str],
    readers: Sequence[str],
    alarm_readers: Sequence[str],
    source: AttachmentSource | None = None,
    relay_in_service: bool = True,
) -> None:
    """Let a service, made by `create_service`, take part in the exchange: routes, metrics, regular work and relay.

    `app.state.exchange` is the exchange from then on, and the transactions of `app.state.sessions` may owe messages.

    With a relay inside, commits of this process wake it, and so does what processes without one announce. Without
    one, this process announces its commits to the relays elsewhere. None does both: it would announce what it hears.

    Args:
        operators: the roles that may decide on messages that cannot go on.
        readers: the roles that may look at the exchange.
        alarm_readers: the roles that may look at the alarms.
        source: where the files are that the service's messages describe.
    """
    sessions: Sessions = app.state.sessions
    engine: sa.Engine = sessions.kw["bind"]
    exchange.enrol(sessions)
    app.state.exchange = exchange
    metrics = ExchangeMetrics(app.state.metrics.registry)
    app.state.metrics.registry.register(StatusCollector(app.state.read_sessions, effects.unanswered))
    routes = exchange_router(
        exchange,
        effects,
        operators=Depends(require(*operators)),
        readers=Depends(require(*readers)),
        metrics=metrics,
        source=source,
    )
    app.include_router(routes, prefix="/v1")
    app.include_router(alarms_router(upkeep.watches, readers=Depends(require(*alarm_readers))), prefix="/v1")
    app.include_router(keys_router(exchange))
    app.state.alongside.append(closing(exchange))
    standing = Standing(exchange, sessions)
    app.state.checks["exchange"] = standing.problem
    app.state.alongside.append(prepared(standing.problem))
    run_alongside(app, "upkeep", partial(run_upkeep, exchange, sessions, effects, upkeep))
    if relay_in_service:
        run_alongside(app, "relay", Relay(exchange, sessions, metrics).run)
        app.state.alongside.append(listening(exchange.bell, engine))
    else:
        app.state.alongside.append(announcing(exchange.bell, engine))


@contextmanager
def taking_part(settings: ExchangeSettings, party: str, *, purpose: str) -> Iterator[tuple[Exchange, Sessions]]:
    """The exchange of a command, with sessions that may owe messages; both are closed at the end.

    Args:
        purpose: what the command is for, as the database's administrator sees it.
    """
    name, pool_size = f"{party} {purpose}", settings.database_pool_size
    with (
        closing(settings.exchange(party)) as exchange,
        connected(settings.database_url, name=name, pool_size=pool_size) as sessions,
    ):
        exchange.enrol(sessions)
        yield exchange, sessions


def run_relay(settings: ExchangeSettings, party: str) -> None:
    """Send what the party owes until SIGINT or SIGTERM; any number of processes may do so, beside its services."""
    configure_logging(f"{party} relay", settings.log_level)
    with (
        taking_part(settings, party, purpose="relay") as (exchange, sessions),
        listening(exchange.bell, sessions.kw["bind"]),
    ):
        run_until_told_to_stop(Relay(exchange, sessions, ExchangeMetrics(CollectorRegistry())).run)
