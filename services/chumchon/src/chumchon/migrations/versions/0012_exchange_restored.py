"""Where the database lies, so that a restored one is recognised."""

from alembic import op

from exchange.migrations import step_0005

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    step_0005.upgrade(op)


def downgrade() -> None:
    step_0005.downgrade(op)
