from center1111.records import Record
from exchange import metadata as exchange_metadata
from servicekit.files.forgetting import metadata as files_metadata
from servicekit.idempotency import metadata as idempotency_metadata
from servicekit.mail_queue import metadata as mail_metadata
from servicekit.migrating import run_environment
from servicekit.rate_limits import metadata as rate_limit_metadata

run_environment(
    Record.metadata,
    exchange_metadata,
    files_metadata,
    idempotency_metadata,
    mail_metadata,
    rate_limit_metadata,
)
