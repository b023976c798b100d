"""The engine that keeps the exchange's promise.

Every message is applied exactly once, in order, or stands where an operator sees why not. A service owes messages
inside its transactions (`owe`), takes those of its peers through its handlers (`take`, `exchange_router`), and runs
any number of relays (`Relay`); `host_exchange` and `run_relay` put all of that into a service. See docs/exchange.md.
"""

from collections.abc import Mapping

from exchange import erasing, operating, outbox, routes
from exchange.alarms import Watch as Watch
from exchange.alarms import exchange_watches as exchange_watches
from exchange.attachments import AttachmentSource as AttachmentSource
from exchange.hosting import host_exchange as host_exchange
from exchange.hosting import run_relay as run_relay
from exchange.inbox import BulkHandler as BulkHandler
from exchange.inbox import Effects as Effects
from exchange.inbox import Handler as Handler
from exchange.inbox import read_batch as read_batch
from exchange.inbox import take as take
from exchange.keys import (
    OwnKeys as OwnKeys,
)
from exchange.keys import (
    generate_keys as generate_keys,
)
from exchange.keys import (
    write_keys as write_keys,
)
from exchange.metrics import ExchangeMetrics as ExchangeMetrics
from exchange.metrics import StatusCollector as StatusCollector
from exchange.notifying import AlarmSettings as AlarmSettings
from exchange.operators import alarms_router as alarms_router
from exchange.outbox import owe as owe
from exchange.parties import Exchange as Exchange
from exchange.parties import Peer as Peer
from exchange.relay import Relay as Relay
from exchange.relay import RelaySettings as RelaySettings
from exchange.restored import Standing as Standing
from exchange.routes import exchange_router as exchange_router
from exchange.routes import keys_router as keys_router
from exchange.settings import ExchangeSettings as ExchangeSettings
from exchange.tables import metadata as metadata
from exchange.upkeep import Upkeep as Upkeep
from servicekit.problems import DomainError, Problem

PROBLEMS: Mapping[type[DomainError], Problem] = {
    **routes.PROBLEMS,
    **operating.PROBLEMS,
    **outbox.PROBLEMS,
    **erasing.PROBLEMS,
}
"""For the service's own table of problems."""
