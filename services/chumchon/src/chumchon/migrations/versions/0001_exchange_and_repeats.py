"""What every party of the exchange keeps, and the answers given again to repeated requests."""

from alembic import op

from exchange.migrations import step_0001

revision = "0001"
down_revision = None


def upgrade() -> None:
    step_0001.upgrade(op)
    op.execute(
        """
        CREATE TABLE idempotent_answers (
            caller text NOT NULL,
            key text NOT NULL,
            fingerprint bytea NOT NULL,
            status smallint,
            headers jsonb,
            body bytea,
            expires_at timestamptz NOT NULL,
            CONSTRAINT idempotent_answers_pkey PRIMARY KEY (caller, key)
        )
        """
    )
    op.execute("CREATE INDEX ix_idempotent_answers_expires_at ON idempotent_answers (expires_at)")


def downgrade() -> None:
    op.execute("DROP TABLE idempotent_answers")
    step_0001.downgrade(op)
