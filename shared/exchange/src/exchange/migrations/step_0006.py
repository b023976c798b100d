"""A claim changes no column that an index knows, so that PostgreSQL writes no index for it (HOT). Frozen.

Half of each page stays free for the rows as claimed and as settled: the space of the former is used for the latter.
The proof of a receipt is written by the statement that refers to it, so looking it up again row by row shows nothing.
"""

from alembic.operations import Operations

_UP = (
    "ALTER TABLE exchange_outbox ADD leased_until timestamptz",
    "UPDATE exchange_outbox SET leased_until = due_at, due_at = owed_at WHERE lease IS NOT NULL",
    """
    ALTER TABLE exchange_outbox
        ADD CONSTRAINT lease_ends CHECK (lease IS NULL OR leased_until IS NOT NULL),
        DROP CONSTRAINT exchange_outbox_proof_id_fkey,
        SET (fillfactor = 50)
    """,
)
_DOWN = (
    """
    ALTER TABLE exchange_outbox
        RESET (fillfactor),
        ADD CONSTRAINT exchange_outbox_proof_id_fkey FOREIGN KEY (proof_id) REFERENCES exchange_proofs,
        DROP CONSTRAINT lease_ends
    """,
    "UPDATE exchange_outbox SET due_at = leased_until WHERE lease IS NOT NULL",
    "ALTER TABLE exchange_outbox DROP leased_until",
)


def upgrade(op: Operations) -> None:
    """Give leases an end of their own."""
    for statement in _UP:
        op.execute(statement)


def downgrade(op: Operations) -> None:
    """Let a lease end when its message is due."""
    for statement in _DOWN:
        op.execute(statement)
