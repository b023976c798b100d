"""Attachments that peers described, and that are fetched from them."""

from alembic import op

from exchange.migrations import step_0003

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    step_0003.upgrade(op)


def downgrade() -> None:
    step_0003.downgrade(op)
