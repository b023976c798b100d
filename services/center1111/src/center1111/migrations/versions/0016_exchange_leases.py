"""Leases end by a column of their own."""

from alembic import op

from exchange.migrations import step_0006

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    step_0006.upgrade(op)


def downgrade() -> None:
    step_0006.downgrade(op)
