"""Erasure of personal data: who asked for it and why, what is still to be removed, and the one way to change history.

What is append-only stays so but for one thing: while a case is being erased, the words in its entries may be taken out.
The transaction names the case in `erasure.of`; the trigger compares everything else.
"""

from alembic import op

from exchange.migrations import step_0004
from servicekit.files.forgetting import creation_1, removal_1

revision = "0010"
down_revision = "0009"

_ACTIONS = (
    "'open', 'route', 'reroute', 'change_topic', 'hand_back', 'accept', 'return', 'report_progress', 'ask', 'reply',"
    " 'draft', 'answer', 'correct_answer', 'correct_record', 'amend', 'contest', 'withdraw', 'take', 'hand_over'"
)
_WORDS = {"case_history": "'note'", "answers": "'text'", "routings": "'reason', 'terms'"}

_UP = (
    "ALTER TABLE idempotent_answers ADD COLUMN path text",
    "ALTER TABLE cases ADD COLUMN erased_at timestamptz",
    """
    CREATE TABLE case_erasures (
        case_id uuid PRIMARY KEY CONSTRAINT case_erasures_case_id_fkey REFERENCES cases,
        erased_at timestamptz NOT NULL,
        erased_by text NOT NULL,
        basis text NOT NULL,
        note text
    )
    """,
    # By these a file's bytes are found to be somebody else's, too.
    "CREATE INDEX ix_case_files_sha256 ON case_files (sha256)",
    "CREATE INDEX ix_received_mails_original ON received_mails (original)",
    """
    CREATE FUNCTION refuse_change_but_erasure() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        words text[] := TG_ARGV;
    BEGIN
        IF current_setting('erasure.of', true) IS DISTINCT FROM CAST(NEW.case_id AS text)
           OR to_jsonb(NEW) - words <> to_jsonb(OLD) - words
           OR EXISTS (
               SELECT FROM jsonb_each_text(to_jsonb(NEW)) AS new (name, value)
               WHERE name = ANY(words) AND value NOT IN ('ลบข้อมูลส่วนบุคคลตามกฎหมายแล้ว', '[]')
                 AND value IS DISTINCT FROM to_jsonb(OLD) ->> name
           )
        THEN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
        END IF;
        RETURN NEW;
    END
    $$
    """,
    *(f"DROP TRIGGER append_only ON {table}" for table in _WORDS),
    *(
        f"""
        CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
        for table in _WORDS
    ),
    *(
        f"""
        CREATE TRIGGER loses_only_words BEFORE UPDATE ON {table}
        FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasure({words})
        """
        for table, words in _WORDS.items()
    ),
)

_DOWN = (
    *(f"DROP TRIGGER loses_only_words ON {table}" for table in _WORDS),
    *(f"DROP TRIGGER append_only ON {table}" for table in _WORDS),
    *(
        f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
        for table in _WORDS
    ),
    "DROP FUNCTION refuse_change_but_erasure",
    "DROP INDEX ix_received_mails_original",
    "DROP INDEX ix_case_files_sha256",
    "DROP TABLE case_erasures",
    "ALTER TABLE cases DROP COLUMN erased_at",
    "ALTER TABLE idempotent_answers DROP COLUMN path",
)


def upgrade() -> None:
    step_0004.upgrade(op)
    _know_actions(f"{_ACTIONS}, 'erase'")
    for statement in (*creation_1(), *_UP):
        op.execute(statement)


def downgrade() -> None:
    for statement in (*_DOWN, *removal_1()):
        op.execute(statement)
    # What was erased stays in the history: only what comes is checked.
    _know_actions(_ACTIONS, checked="NOT VALID")
    step_0004.downgrade(op)


def _know_actions(actions: str, *, checked: str = "") -> None:
    op.execute("ALTER TABLE case_history DROP CONSTRAINT action_known")
    op.execute(f"ALTER TABLE case_history ADD CONSTRAINT action_known CHECK (action IN ({actions})) {checked}")
