"""A stored answer may lose the words that tell who asked, when that becomes known later."""

from alembic import op

revision = "0016"
down_revision = "0015"

_CHANGES = "UPDATE OF question_id, version, topic, work_group, answered_at OR DELETE OR TRUNCATE"


def _append_only(changes: str) -> None:
    op.execute("DROP TRIGGER append_only ON question_answers")
    op.execute(
        f"CREATE TRIGGER append_only BEFORE {changes} ON question_answers"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def upgrade() -> None:
    """Let the text be changed, and nothing else."""
    _append_only(_CHANGES)


def downgrade() -> None:
    """Let nothing be changed."""
    _append_only("UPDATE OR DELETE OR TRUNCATE")
