"""Files that belong to complaints: what was announced, what came, and whether it may be handed out."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE attachments (
            id uuid PRIMARY KEY,
            complaint_id uuid NOT NULL REFERENCES complaints,
            filename text NOT NULL,
            media_type text NOT NULL,
            announced_bytes integer NOT NULL,
            announced_sha256 text,
            announced_at timestamptz NOT NULL,
            announced_by text NOT NULL,
            state text NOT NULL,
            received_at timestamptz,
            received_sha256 text,
            store_key text,
            bytes integer,
            sha256 text,
            threat text,
            CONSTRAINT state_known CHECK (state IN ('announced', 'unscanned', 'available', 'quarantined')),
            CONSTRAINT at_most_20_mib CHECK (announced_bytes BETWEEN 1 AND 20971520 AND bytes <= 20971520),
            CONSTRAINT digests_are_sha256 CHECK (
                announced_sha256 ~ '^[0-9a-f]{64}$' AND received_sha256 ~ '^[0-9a-f]{64}$' AND sha256 ~ '^[0-9a-f]{64}$'
            ),
            CONSTRAINT whole_or_not_there CHECK (
                num_nonnulls(received_at, received_sha256, store_key, bytes, sha256)
                = CASE state WHEN 'announced' THEN 0 ELSE 5 END
            ),
            CONSTRAINT quarantined_says_why CHECK ((state = 'quarantined') = (threat IS NOT NULL))
        )
        """
    )
    op.execute("CREATE INDEX ix_attachments_complaint ON attachments (complaint_id, announced_at, id)")
    op.execute("CREATE INDEX ix_attachments_waiting ON attachments (announced_at) WHERE state = 'unscanned'")


def downgrade() -> None:
    op.execute("DROP TABLE attachments")
