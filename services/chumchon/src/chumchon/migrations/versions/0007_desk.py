"""Officers take cases and hand them over; the store of questions keeps its own answers, without who asked.

Answers that were stored before are copied with what is known of the complainant taken out, as far as SQL can.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

_BEFORE = (
    "'open', 'route', 'reroute', 'change_topic', 'hand_back', 'accept', 'return', 'report_progress', 'ask', 'reply',"
    " 'draft', 'answer', 'correct_answer', 'correct_record', 'amend', 'contest', 'withdraw'"
)
_PERSONAL = ("last_name", "first_name", "national_id", "phone", "email", "address")


def _without(column: str) -> str:
    for name in _PERSONAL:
        column = f"replace({column}, coalesce(nullif(c.{name}, ''), chr(1)), '[ปกปิด]')"
    return column


def upgrade() -> None:
    _know_actions(f"{_BEFORE}, 'take', 'hand_over'")
    op.execute(
        """
        CREATE TABLE question_answers (
            question_id uuid NOT NULL CONSTRAINT question_answers_question_id_fkey REFERENCES questions,
            version integer NOT NULL,
            text text NOT NULL,
            topic text NOT NULL,
            work_group text NOT NULL,
            answered_at timestamptz NOT NULL,
            CONSTRAINT question_answers_pkey PRIMARY KEY (question_id, version)
        )
        """
    )
    op.execute(
        f"""
        INSERT INTO question_answers
        SELECT q.id, a.version, {_without("a.text")}, a.topic, a.work_group, a.answered_at
        FROM answers AS a JOIN questions AS q USING (case_id) LEFT JOIN complainants AS c USING (case_id)
        """  # noqa: S608  # of constants
    )
    op.execute(
        f"""
        UPDATE questions AS q
        SET subject = {_without("q.subject")}, text = {_without("q.text")}, answer = {_without("q.answer")}
        FROM complainants AS c WHERE c.case_id = q.case_id
        """  # noqa: S608  # of constants
    )
    op.execute(
        """
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON question_answers
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
    )
    op.execute("CREATE INDEX ix_cases_officer ON cases (officer, state)")


def downgrade() -> None:
    op.execute("DROP INDEX ix_cases_officer")
    op.execute("DROP TABLE question_answers")
    # What was taken and handed over stays in the history: only what comes is checked.
    _know_actions(_BEFORE, checked="NOT VALID")


def _know_actions(actions: str, *, checked: str = "") -> None:
    op.execute("ALTER TABLE case_history DROP CONSTRAINT action_known")
    op.execute(f"ALTER TABLE case_history ADD CONSTRAINT action_known CHECK (action IN ({actions})) {checked}")
