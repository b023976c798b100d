"""Erasure: messages in their erased form, and who has confirmed. Frozen: later changes are later steps."""

from alembic.operations import Operations

_CREATE = (
    "ALTER TABLE exchange_outbox ADD COLUMN erased_at timestamptz",
    "ALTER TABLE exchange_inbox ADD COLUMN erased_at timestamptz",
    # From then on whatever still comes about the subject is kept in its erased form alone.
    "ALTER TABLE exchange_incoming ADD COLUMN erased_at timestamptz",
    """
    CREATE TABLE exchange_erasures (
        peer text NOT NULL,
        subject uuid NOT NULL,
        message_id uuid NOT NULL,
        number text NOT NULL,
        told_at timestamptz NOT NULL,
        confirmed_at timestamptz,
        CONSTRAINT exchange_erasures_pkey PRIMARY KEY (peer, subject)
    )
    """,
    "CREATE INDEX exchange_erasures_unconfirmed ON exchange_erasures (told_at) WHERE confirmed_at IS NULL",
    # An envelope that could not be read names no subject: what tells of one is looked for in its text.
    "CREATE INDEX exchange_inbox_unread ON exchange_inbox (source) WHERE subject IS NULL",
)

_DROP = (
    "DROP INDEX exchange_inbox_unread",
    "DROP TABLE exchange_erasures",
    "ALTER TABLE exchange_incoming DROP COLUMN erased_at",
    "ALTER TABLE exchange_inbox DROP COLUMN erased_at",
    "ALTER TABLE exchange_outbox DROP COLUMN erased_at",
)


def upgrade(op: Operations) -> None:
    """Add them."""
    for statement in _CREATE:
        op.execute(statement)


def downgrade(op: Operations) -> None:
    """Take them away; what was erased stays erased."""
    for statement in _DROP:
        op.execute(statement)
