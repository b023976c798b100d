"""Where the database lies, so that a restored one is recognised. Frozen: later changes are later steps."""

from alembic.operations import Operations

_UP = (
    """
    CREATE TABLE exchange_home (
        single boolean PRIMARY KEY DEFAULT true,
        place text NOT NULL,
        CONSTRAINT only_one CHECK (single)
    )
    """,
    """
    ALTER TABLE exchange_peers
        DROP CONSTRAINT pause_known,
        ADD CONSTRAINT pause_known CHECK (pause IN ('refused', 'operator', 'restored'))
    """,
)
_DOWN = (
    "UPDATE exchange_peers SET pause = 'operator' WHERE pause = 'restored'",
    """
    ALTER TABLE exchange_peers
        DROP CONSTRAINT pause_known,
        ADD CONSTRAINT pause_known CHECK (pause IN ('refused', 'operator'))
    """,
    "DROP TABLE exchange_home",
)


def upgrade(op: Operations) -> None:
    """Create the table, and let a peer wait for a recovery."""
    for statement in _UP:
        op.execute(statement)


def downgrade(op: Operations) -> None:
    """Drop it; a peer that waits for a recovery stays paused."""
    for statement in _DOWN:
        op.execute(statement)
