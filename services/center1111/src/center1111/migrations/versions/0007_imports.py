"""Tables of complaints that are recorded as a whole, and which complaint each of their rows became.

A file is recorded once: the digest of what was imported is unique, whoever sends it again.
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE complaint_imports (
            id uuid PRIMARY KEY,
            state text NOT NULL,
            dry_run boolean NOT NULL,
            content bytea,
            sha256 text NOT NULL,
            created_at timestamptz NOT NULL,
            created_by text NOT NULL,
            attempt integer NOT NULL,
            leased_until timestamptz,
            rows_total integer,
            rows_done integer NOT NULL,
            errors jsonb NOT NULL,
            errors_total integer NOT NULL,
            finished_at timestamptz,
            CONSTRAINT state_known CHECK (state IN ('queued', 'running', 'refused', 'checked', 'done')),
            CONSTRAINT content_until_decided CHECK ((content IS NULL) = (state IN ('refused', 'checked', 'done'))),
            CONSTRAINT finished_has_its_moment CHECK ((finished_at IS NULL) = (state IN ('queued', 'running'))),
            CONSTRAINT leased_while_running CHECK ((state = 'running') = (leased_until IS NOT NULL)),
            CONSTRAINT refused_says_why CHECK ((state = 'refused') = (errors_total > 0)),
            CONSTRAINT dry_run_records_nothing CHECK (
                state NOT IN ('checked', 'done') OR dry_run = (state = 'checked')
            )
        )
        """
    )
    op.execute("CREATE INDEX ix_complaint_imports_created_at ON complaint_imports (created_at, id)")
    op.execute(
        """
        CREATE INDEX ix_complaint_imports_waiting ON complaint_imports (created_at)
        WHERE state IN ('queued', 'running')
        """
    )
    op.execute(
        """
        CREATE UNIQUE INDEX ix_complaint_imports_once ON complaint_imports (sha256)
        WHERE NOT dry_run AND state <> 'refused'
        """
    )
    op.execute(
        """
        CREATE TABLE imported_rows (
            import_id uuid NOT NULL REFERENCES complaint_imports,
            row integer NOT NULL,
            complaint_id uuid NOT NULL UNIQUE REFERENCES complaints,
            PRIMARY KEY (import_id, row)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE imported_rows")
    op.execute("DROP TABLE complaint_imports")
