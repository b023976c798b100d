"""What officers work with: checklist, likely duplicates, links, deadlines that stop, reminders, reviews of articles.

Complainants are known again by keyed hashes, so no index holds personal data. `text_sketch` holds a few numbers that
two similar texts share, and its index finds the candidates that are then compared in full. The open deadlines are read
from partial indexes of their own: a step that is done leaves them. A reminder is unique by step, date and rung, so any
number of workers makes it once.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

_MOVES = (
    "'register', 'correct', 'note', 'accept', 'refuse', 'answer', 'refer', 'record_answer', 'take_back', "
    "'close', 'reopen', 'withdraw', 'tell', 'inform', 'rate', 'ask_reopening', 'decline_reopening'"
)
_NEW_MOVES = "'check', 'link', 'unlink', 'stop_clock', 'restart_clock'"
_REFERRAL_MOVES = "'send', 'accept', 'return', 'progress', 'ask', 'amend', 'answer', 'contest', 'withdraw'"


def _move_known(moves: str) -> str:
    return (
        "ALTER TABLE complaint_history ADD CONSTRAINT move_known CHECK ("
        f"CASE WHEN referral_id IS NULL THEN move IN ({moves}) ELSE move IN ({_REFERRAL_MOVES}) END)"
    )


_UP = (
    "ALTER TABLE complaint_history DROP CONSTRAINT move_known",
    _move_known(f"{_MOVES}, {_NEW_MOVES}"),
    """
    ALTER TABLE complaints
        ADD COLUMN text_sketch integer[] NOT NULL DEFAULT '{}',
        ADD COLUMN repeat_writer boolean NOT NULL DEFAULT false,
        ADD COLUMN verify_due_at timestamptz,
        ADD COLUMN tell_due_at timestamptz,
        ADD COLUMN told_at timestamptz,
        ADD COLUMN clock_stopped_at timestamptz,
        ADD CONSTRAINT told_after_an_answer CHECK (told_at IS NULL OR answered_at IS NOT NULL),
        ADD CONSTRAINT clock_stops_while_open CHECK (
            clock_stopped_at IS NULL OR state IN ('received', 'verified', 'referred')
        )
    """,
    "UPDATE complaints SET verify_due_at = due_at, tell_due_at = answered_at",
    """
    ALTER TABLE complaints
        ALTER COLUMN verify_due_at SET NOT NULL,
        ALTER COLUMN text_sketch DROP DEFAULT,
        ALTER COLUMN repeat_writer DROP DEFAULT
    """,
    "CREATE INDEX ix_complaints_text_sketch ON complaints USING gin (text_sketch)",
    """
    CREATE INDEX ix_complaints_community ON complaints (province, district, community, received_at)
    WHERE community IS NOT NULL
    """,
    "CREATE INDEX ix_complaints_state_due_at ON complaints (state, due_at, id)",
    "CREATE INDEX ix_complaints_repeat_writer ON complaints (received_at, id) WHERE repeat_writer",
    """
    CREATE INDEX ix_complaints_open_verify ON complaints (verify_due_at, id)
    WHERE state = 'received' AND clock_stopped_at IS NULL
    """,
    """
    CREATE INDEX ix_complaints_open_answer ON complaints (due_at, id)
    WHERE state IN ('received', 'verified', 'referred') AND clock_stopped_at IS NULL
    """,
    """
    CREATE INDEX ix_complaints_open_tell ON complaints (tell_due_at, id)
    WHERE state = 'answered' AND told_at IS NULL
    """,
    "CREATE INDEX ix_complaints_clock_stopped ON complaints (received_at, id) WHERE clock_stopped_at IS NOT NULL",
    """
    CREATE INDEX ix_referrals_open ON referrals (due_at, id)
    WHERE state IN ('queued', 'accepted', 'awaiting_complainant')
    """,
    """
    CREATE TABLE complainant_marks (
        mark bytea NOT NULL,
        complaint_id uuid NOT NULL REFERENCES complaints,
        kind text NOT NULL,
        PRIMARY KEY (mark, complaint_id),
        CONSTRAINT kind_known CHECK (kind IN ('national_id', 'phone', 'email')),
        CONSTRAINT mark_is_a_hash CHECK (octet_length(mark) = 16)
    )
    """,
    "CREATE INDEX ix_complainant_marks_complaint ON complainant_marks (complaint_id)",
    """
    CREATE TABLE checklist_ticks (
        complaint_id uuid NOT NULL REFERENCES complaints,
        "check" text NOT NULL,
        fulfilled boolean NOT NULL,
        note text,
        ticked_at timestamptz NOT NULL,
        ticked_by text NOT NULL,
        PRIMARY KEY (complaint_id, "check"),
        CONSTRAINT check_known CHECK (
            "check" IN (
                'identity_known', 'facts_checkable', 'within_authority', 'not_before_the_courts',
                'not_decided_with_finality', 'duplicates_looked_for'
            )
        )
    )
    """,
    """
    CREATE TABLE complaint_links (
        id uuid PRIMARY KEY,
        complaint_id uuid NOT NULL REFERENCES complaints,
        other_id uuid NOT NULL REFERENCES complaints,
        kind text NOT NULL,
        note text,
        linked_at timestamptz NOT NULL,
        linked_by text NOT NULL,
        removed_at timestamptz,
        removed_by text,
        removal_reason text,
        CONSTRAINT kind_known CHECK (kind IN ('duplicate', 'related', 'follows')),
        CONSTRAINT links_two CHECK (complaint_id <> other_id),
        CONSTRAINT removed_says_why CHECK (num_nulls(removed_at, removed_by, removal_reason) IN (0, 3))
    )
    """,
    # Two complaints have one link at a time, whoever of them names the other.
    """
    CREATE UNIQUE INDEX ix_complaint_links_pair
    ON complaint_links (least(complaint_id, other_id), greatest(complaint_id, other_id)) WHERE removed_at IS NULL
    """,
    "CREATE INDEX ix_complaint_links_complaint ON complaint_links (complaint_id)",
    "CREATE INDEX ix_complaint_links_other ON complaint_links (other_id)",
    """
    CREATE TABLE clock_stops (
        id uuid PRIMARY KEY,
        complaint_id uuid NOT NULL REFERENCES complaints,
        reason text NOT NULL,
        note text,
        stopped_at timestamptz NOT NULL,
        stopped_by text NOT NULL,
        restarted_at timestamptz,
        restarted_by text,
        working_days integer,
        CONSTRAINT reason_known CHECK (
            reason IN ('awaiting_complainant', 'awaiting_another_body', 'force_majeure', 'other')
        ),
        CONSTRAINT other_says_what CHECK (reason <> 'other' OR note IS NOT NULL),
        CONSTRAINT restarted_by_somebody CHECK ((restarted_at IS NULL) = (restarted_by IS NULL)),
        CONSTRAINT ends_after_it_begins CHECK (restarted_at >= stopped_at)
    )
    """,
    "CREATE UNIQUE INDEX ix_clock_stops_running ON clock_stops (complaint_id) WHERE restarted_at IS NULL",
    "CREATE INDEX ix_clock_stops_complaint ON clock_stops (complaint_id, stopped_at)",
    """
    CREATE TABLE reminders (
        id uuid PRIMARY KEY,
        step text NOT NULL,
        complaint_id uuid NOT NULL REFERENCES complaints,
        referral_id uuid REFERENCES referrals,
        due_at timestamptz NOT NULL,
        rung text NOT NULL,
        "to" text NOT NULL,
        made_at timestamptz NOT NULL,
        claimed_at timestamptz,
        sent_at timestamptz,
        attempts integer NOT NULL DEFAULT 0,
        failure text,
        CONSTRAINT step_known CHECK (step IN ('verify', 'answer', 'referral_answer', 'tell')),
        CONSTRAINT of_a_referral_or_not CHECK ((step = 'referral_answer') = (referral_id IS NOT NULL)),
        CONSTRAINT claimed_before_sent CHECK (sent_at IS NULL OR claimed_at IS NOT NULL)
    )
    """,
    """
    CREATE UNIQUE INDEX ix_reminders_once ON reminders (complaint_id, step, due_at, rung, referral_id)
    NULLS NOT DISTINCT
    """,
    "CREATE INDEX ix_reminders_waiting ON reminders (made_at, id) WHERE claimed_at IS NULL",
    "CREATE INDEX ix_reminders_made_at ON reminders (made_at, id)",
    """
    CREATE TABLE article_reviews (
        id uuid PRIMARY KEY,
        article_id uuid NOT NULL,
        number integer NOT NULL,
        reviewed_at timestamptz NOT NULL,
        reviewed_by text NOT NULL,
        note text,
        next_review_on date,
        FOREIGN KEY (article_id, number) REFERENCES article_versions
    )
    """,
    "CREATE INDEX ix_article_reviews_article ON article_reviews (article_id, reviewed_at)",
    "CREATE INDEX ix_answers_answered_at ON answers (answered_at)",
    # Topics were free text; what is none of the list is no topic.
    """
    UPDATE articles SET topic = NULL WHERE topic NOT IN (
        'information_media', 'project_documents', 'transfers_and_changes', 'regulations', 'meeting_agendas',
        'complaints', 'follow_up', 'training', 'sufficiency_economy'
    )
    """,
    """
    ALTER TABLE articles ADD CONSTRAINT topic_known CHECK (topic IN (
        'information_media', 'project_documents', 'transfers_and_changes', 'regulations', 'meeting_agendas',
        'complaints', 'follow_up', 'training', 'sufficiency_economy'
    ))
    """,
)

_DOWN = (
    "ALTER TABLE articles DROP CONSTRAINT topic_known",
    "DROP INDEX ix_answers_answered_at",
    "DROP TABLE article_reviews",
    "DROP TABLE reminders",
    "DROP TABLE clock_stops",
    "DROP TABLE complaint_links",
    "DROP TABLE checklist_ticks",
    "DROP TABLE complainant_marks",
    "DROP INDEX ix_referrals_open",
    """
    ALTER TABLE complaints
        DROP COLUMN text_sketch,
        DROP COLUMN repeat_writer,
        DROP COLUMN verify_due_at,
        DROP COLUMN tell_due_at,
        DROP COLUMN told_at,
        DROP COLUMN clock_stopped_at
    """,
    "DROP INDEX ix_complaints_community",
    "DROP INDEX ix_complaints_state_due_at",
    "ALTER TABLE complaint_history DROP CONSTRAINT move_known",
    # History is kept as it was: its new moves stay, and no others may come.
    _move_known(_MOVES) + " NOT VALID",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWN:
        op.execute(statement)
