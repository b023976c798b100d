"""Run by alembic: the Office's migrations."""

from chumchon.records import Record
from exchange.tables import metadata as exchange_tables
from servicekit.files.forgetting import metadata as files_tables
from servicekit.idempotency import metadata as idempotency_tables
from servicekit.migrating import run_environment
from servicekit.rate_limits import metadata as rate_limit_tables

run_environment(Record.metadata, exchange_tables, files_tables, idempotency_tables, rate_limit_tables)
