"""Full-text search over cases, and over the questions that were answered."""

from alembic import op

from thaikit.search import creation_1, removal_1

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for statement in (*creation_1("cases"), *creation_1("questions")):
        op.execute(statement)


def downgrade() -> None:
    for statement in (*removal_1("questions"), *removal_1("cases")):
        op.execute(statement)
