"""The index of words knows the codes, too: of a search in one state, only what is in that state is read.

A million complaints take half a minute. `btree_gin` comes with PostgreSQL, and the database's owner may create it.
"""

from alembic import op

revision = "0017"
down_revision = "0016"

_NAME = "ix_complaints_search_text"


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")
    op.execute(f"DROP INDEX {_NAME}")
    op.execute(
        f"""
        CREATE INDEX {_NAME} ON complaints
        USING gin (search_text gin_trgm_ops, state, channel, kind, province, district, work_group)
        """
    )


def downgrade() -> None:
    op.execute(f"DROP INDEX {_NAME}")
    op.execute(f"CREATE INDEX {_NAME} ON complaints USING gin (search_text gin_trgm_ops)")
    op.execute("DROP EXTENSION btree_gin")
