"""Erasure of personal data: who asked for it and why, what is still to be removed, and the one way to change history.

History stays append-only but for one thing: while a complaint is being erased, the notes of its entries may be taken
out. The transaction names the complaint in `erasure.of`; the trigger compares everything else.
"""

from alembic import op

from exchange.migrations import step_0004
from servicekit.files.forgetting import creation_1, removal_1

revision = "0011"
down_revision = "0010"

_MOVES = (
    "'register', 'correct', 'note', 'accept', 'refuse', 'answer', 'refer', 'record_answer', 'take_back', "
    "'close', 'reopen', 'withdraw', 'tell', 'inform', 'rate', 'ask_reopening', 'decline_reopening', "
    "'check', 'link', 'unlink', 'stop_clock', 'restart_clock'"
)
_REFERRAL_MOVES = "'send', 'accept', 'return', 'progress', 'ask', 'amend', 'answer', 'contest', 'withdraw'"

_UP = (
    "ALTER TABLE idempotent_answers ADD COLUMN path text",
    "ALTER TABLE complaints ADD COLUMN erased_at timestamptz",
    """
    CREATE TABLE complaint_erasures (
        complaint_id uuid PRIMARY KEY REFERENCES complaints,
        erased_at timestamptz NOT NULL,
        erased_by text NOT NULL,
        basis text NOT NULL,
        note text
    )
    """,
    """
    CREATE FUNCTION refuse_change_but_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF current_setting('erasure.of', true) IS DISTINCT FROM CAST(NEW.complaint_id AS text)
           OR NEW.note IS NOT NULL OR to_jsonb(NEW) - 'note' <> to_jsonb(OLD) - 'note'
        THEN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "DROP TRIGGER complaint_history_is_append_only ON complaint_history",
    """
    CREATE TRIGGER complaint_history_is_append_only BEFORE DELETE OR TRUNCATE ON complaint_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    """
    CREATE TRIGGER complaint_history_loses_only_notes BEFORE UPDATE ON complaint_history
    FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasure()
    """,
)

_DOWN = (
    "DROP TRIGGER complaint_history_loses_only_notes ON complaint_history",
    "DROP TRIGGER complaint_history_is_append_only ON complaint_history",
    """
    CREATE TRIGGER complaint_history_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON complaint_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """,
    "DROP FUNCTION refuse_change_but_erasure",
    "DROP TABLE complaint_erasures",
    "ALTER TABLE complaints DROP COLUMN erased_at",
    "ALTER TABLE idempotent_answers DROP COLUMN path",
)


def upgrade() -> None:
    step_0004.upgrade(op)
    _allow_moves(f"{_MOVES}, 'erase'")
    for statement in (*creation_1(), *_UP):
        op.execute(statement)


def downgrade() -> None:
    for statement in (*_DOWN, *removal_1()):
        op.execute(statement)
    # History is kept as it was: erasures stay in it, and no others may come.
    _allow_moves(_MOVES, unless_older="NOT VALID")
    step_0004.downgrade(op)


def _allow_moves(moves: str, unless_older: str = "") -> None:
    op.execute("ALTER TABLE complaint_history DROP CONSTRAINT move_known")
    op.execute(
        "ALTER TABLE complaint_history ADD CONSTRAINT move_known CHECK ("
        f"CASE WHEN referral_id IS NULL THEN move IN ({moves}) ELSE move IN ({_REFERRAL_MOVES}) END"
        f") {unless_older}"
    )
