"""Lists that officers live in: the views that they save, and an index for districts."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE saved_views (
            id uuid PRIMARY KEY,
            owner text NOT NULL,
            name text NOT NULL,
            filters jsonb NOT NULL,
            sort text NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT saved_views_owner_name_key UNIQUE (owner, name)
        )
        """
    )
    op.execute(
        """
        CREATE INDEX ix_complaints_district ON complaints (district, received_at, id) WHERE district IS NOT NULL
        """
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_complaints_district")
    op.execute("DROP TABLE saved_views")
