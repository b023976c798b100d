"""Run by alembic: the Office's migrations."""

from chumchon.records import Record
from exchange.tables import metadata as exchange_tables
from servicekit.idempotency import metadata as idempotency_tables
from servicekit.migrating import run_environment

run_environment(Record.metadata, exchange_tables, idempotency_tables)
