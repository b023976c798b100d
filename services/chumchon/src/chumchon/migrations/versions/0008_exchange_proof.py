"""Feed, ledger, decisions, reconciliations and alarms of the exchange."""

from alembic import op

from exchange.migrations import step_0002

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    step_0002.upgrade(op)


def downgrade() -> None:
    step_0002.downgrade(op)
