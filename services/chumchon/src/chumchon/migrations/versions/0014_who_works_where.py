"""In which group an officer last worked is found by index: nobody hands a case to an officer of another group."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("CREATE INDEX ix_case_history_by ON case_history (by, id)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_case_history_by")
