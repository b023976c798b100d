"""Telling complainants of answers: templates, deliveries with the mails they owe, and what complainants say back.

Letters are numbered from a sequence, so no two bear one number; a number whose transaction failed is left out.
"""

from alembic import op

from servicekit.mail_queue import creation_1, removal_1

revision = "0004"
down_revision = "0003"

_OF_COMPLAINTS = (
    "'register', 'correct', 'note', 'accept', 'refuse', 'answer', 'refer', 'record_answer', 'take_back', "
    "'close', 'reopen', 'withdraw'"
)
_ADDED = "'tell', 'inform', 'rate', 'ask_reopening', 'decline_reopening'"
_OF_REFERRALS = "'send', 'accept', 'return', 'progress', 'ask', 'amend', 'answer', 'contest', 'withdraw'"

_CREATE = (
    "ALTER TABLE answers ADD COLUMN told_at timestamptz",
    """
    CREATE TABLE answer_templates (
        id uuid PRIMARY KEY,
        version integer NOT NULL,
        name text NOT NULL UNIQUE,
        text text NOT NULL,
        retired boolean NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by text NOT NULL,
        CONSTRAINT version_counts CHECK (version >= 1)
    )
    """,
    "CREATE SEQUENCE letter_serials",
    """
    CREATE TABLE deliveries (
        id uuid PRIMARY KEY,
        version integer NOT NULL,
        complaint_id uuid NOT NULL REFERENCES complaints,
        answer_id uuid NOT NULL REFERENCES answers,
        means text NOT NULL,
        state text NOT NULL,
        corrects boolean NOT NULL,
        letter_serial bigint UNIQUE,
        owed_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        told_at timestamptz,
        told_by text,
        note text,
        last_problem text,
        CONSTRAINT version_counts CHECK (version >= 1),
        CONSTRAINT means_known CHECK (means IN ('letter', 'email', 'telephone', 'counter', 'online')),
        CONSTRAINT state_known CHECK (state IN ('to_send', 'told', 'failed', 'called_off')),
        CONSTRAINT told_by_somebody CHECK (
            (state = 'told') = (told_at IS NOT NULL) AND (told_at IS NULL) = (told_by IS NULL)
        ),
        CONSTRAINT failed_says_why CHECK (state <> 'failed' OR last_problem IS NOT NULL),
        CONSTRAINT letters_are_numbered CHECK ((means IN ('letter', 'email')) = (letter_serial IS NOT NULL))
    )
    """,
    # An answer is not told twice by one means at once.
    "CREATE UNIQUE INDEX ix_deliveries_untold ON deliveries (answer_id, means) WHERE state IN ('to_send', 'failed')",
    "CREATE INDEX ix_deliveries_complaint ON deliveries (complaint_id, owed_at, id)",
    "CREATE INDEX ix_deliveries_state ON deliveries (state, owed_at, id)",
    "CREATE INDEX ix_deliveries_means ON deliveries (means, owed_at, id)",
    "CREATE INDEX ix_deliveries_owed_at ON deliveries (owed_at, id)",
    """
    CREATE TABLE complainant_messages (
        id uuid PRIMARY KEY,
        complaint_id uuid NOT NULL REFERENCES complaints,
        at timestamptz NOT NULL,
        text text NOT NULL
    )
    """,
    "CREATE INDEX ix_complainant_messages_complaint ON complainant_messages (complaint_id, at, id)",
    """
    CREATE TABLE feedback (
        answer_id uuid PRIMARY KEY REFERENCES answers,
        complaint_id uuid NOT NULL REFERENCES complaints,
        at timestamptz NOT NULL,
        satisfied boolean NOT NULL,
        comment text
    )
    """,
    "CREATE INDEX ix_feedback_complaint ON feedback (complaint_id, at)",
    "CREATE INDEX ix_feedback_at ON feedback (at)",
    """
    CREATE TABLE reopening_requests (
        id uuid PRIMARY KEY,
        complaint_id uuid NOT NULL REFERENCES complaints,
        state text NOT NULL,
        at timestamptz NOT NULL,
        reason text NOT NULL,
        decided_at timestamptz,
        decided_by text,
        decision text,
        CONSTRAINT state_known CHECK (state IN ('open', 'granted', 'declined')),
        CONSTRAINT decided_by_somebody CHECK (
            (state = 'open') = (decided_at IS NULL) AND (state = 'open') = (decided_by IS NULL)
        )
    )
    """,
    # One request at a time, whatever is sent twice.
    "CREATE UNIQUE INDEX ix_reopening_requests_open ON reopening_requests (complaint_id) WHERE state = 'open'",
    "CREATE INDEX ix_reopening_requests_state ON reopening_requests (state, at, id)",
    "CREATE INDEX ix_reopening_requests_complaint ON reopening_requests (complaint_id, at, id)",
)

_DROP = (
    "DROP TABLE reopening_requests",
    "DROP TABLE feedback",
    "DROP TABLE complainant_messages",
    "DROP TABLE deliveries",
    "DROP SEQUENCE letter_serials",
    "DROP TABLE answer_templates",
    "ALTER TABLE answers DROP COLUMN told_at",
)


def upgrade() -> None:
    for statement in (*creation_1(), *_CREATE):
        op.execute(statement)
    _allow_moves(f"{_OF_COMPLAINTS}, {_ADDED}")


def downgrade() -> None:
    _allow_moves(_OF_COMPLAINTS, unless_older="NOT VALID")
    for statement in (*_DROP, *removal_1()):
        op.execute(statement)


def _allow_moves(of_complaints: str, unless_older: str = "") -> None:
    op.execute("ALTER TABLE complaint_history DROP CONSTRAINT move_known")
    op.execute(
        "ALTER TABLE complaint_history ADD CONSTRAINT move_known CHECK ("
        f"CASE WHEN referral_id IS NULL THEN move IN ({of_complaints}) ELSE move IN ({_OF_REFERRALS}) END"
        f") {unless_older}"
    )
