"""How often each caller of the public routes has called lately.

Unlogged: after a crash the meters begin empty, and a count of calls is never worth a write to the log.
"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE UNLOGGED TABLE rate_limit_meters (
            policy text NOT NULL,
            caller bytea NOT NULL,
            empty_at timestamptz NOT NULL,
            CONSTRAINT rate_limit_meters_pkey PRIMARY KEY (policy, caller)
        )
        """
    )
    op.execute("CREATE INDEX ix_rate_limit_meters_empty_at ON rate_limit_meters (empty_at)")


def downgrade() -> None:
    op.execute("DROP TABLE rate_limit_meters")
