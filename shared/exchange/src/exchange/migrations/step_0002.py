"""The feed's order, operators' decisions, reconciliations, jobs and alarms. Frozen: later changes are later steps."""

from alembic.operations import Operations

_CREATE = (
    # The default gives old rows the number of this transaction: all of them come before whatever is owed later.
    """
    ALTER TABLE exchange_outbox
        ADD COLUMN transaction_number bigint NOT NULL DEFAULT CAST(CAST(pg_current_xact_id() AS text) AS bigint),
        ADD COLUMN recalled_at timestamptz
    """,
    "CREATE INDEX exchange_outbox_feed ON exchange_outbox (peer, transaction_number, id) WHERE state <> 'void'",
    "CREATE INDEX exchange_outbox_ledger ON exchange_outbox (peer, id)",
    """
    CREATE TABLE exchange_decisions (
        id uuid PRIMARY KEY,
        decided_at timestamptz NOT NULL,
        decided_by text NOT NULL,
        action text NOT NULL,
        peer text NOT NULL,
        message_id uuid,
        reason text,
        CONSTRAINT action_known CHECK (
            action IN ('redeliver', 'redeliver_all', 'give_up', 'apply_again', 'dismiss', 'pause', 'resume')
        )
    )
    """,
    "CREATE INDEX exchange_decisions_message ON exchange_decisions (message_id) WHERE message_id IS NOT NULL",
    """
    CREATE FUNCTION exchange_decisions_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'decisions are never changed';
    END
    $$
    """,
    """
    CREATE TRIGGER exchange_decisions_stay BEFORE UPDATE OR DELETE ON exchange_decisions
    FOR EACH ROW EXECUTE FUNCTION exchange_decisions_refuse_change()
    """,
    """
    CREATE TABLE exchange_feeds (
        peer text PRIMARY KEY,
        after uuid NOT NULL,
        read_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE exchange_reconciliations (
        id uuid PRIMARY KEY,
        peer text NOT NULL,
        began_at timestamptz NOT NULL,
        ended_at timestamptz NOT NULL,
        since timestamptz NOT NULL,
        until timestamptz NOT NULL,
        outcome text NOT NULL,
        compared bigint NOT NULL,
        fetched bigint NOT NULL,
        recalled bigint NOT NULL,
        sent_again bigint NOT NULL,
        differences jsonb NOT NULL,
        problem text,
        CONSTRAINT outcome_known CHECK (outcome IN ('equal', 'mended', 'different', 'failed')),
        CONSTRAINT failed_says_why CHECK ((outcome = 'failed') = (problem IS NOT NULL)),
        CONSTRAINT counts_not_negative
            CHECK (compared >= 0 AND fetched >= 0 AND recalled >= 0 AND sent_again >= 0)
    )
    """,
    "CREATE INDEX exchange_reconciliations_newest ON exchange_reconciliations (peer, id DESC)",
    """
    CREATE TABLE exchange_jobs (
        name text PRIMARY KEY,
        due_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE exchange_alarms (
        id uuid PRIMARY KEY,
        watch text NOT NULL,
        about text NOT NULL,
        since timestamptz NOT NULL,
        facts jsonb NOT NULL,
        raised_at timestamptz NOT NULL,
        reminders integer NOT NULL DEFAULT 0,
        remind_at timestamptz,
        notice_at timestamptz,
        notice_failures integer NOT NULL DEFAULT 0,
        notice_problem text,
        ended_at timestamptz,
        CONSTRAINT reminders_not_negative CHECK (reminders >= 0 AND notice_failures >= 0)
    )
    """,
    "CREATE UNIQUE INDEX exchange_alarms_once ON exchange_alarms (watch, about) WHERE ended_at IS NULL",
    "CREATE INDEX exchange_alarms_remind ON exchange_alarms (remind_at) WHERE ended_at IS NULL",
    "CREATE INDEX exchange_alarms_notice ON exchange_alarms (notice_at) WHERE notice_at IS NOT NULL",
)

_DROP = (
    "DROP TABLE exchange_alarms",
    "DROP TABLE exchange_jobs",
    "DROP TABLE exchange_reconciliations",
    "DROP TABLE exchange_feeds",
    "DROP TABLE exchange_decisions",
    "DROP FUNCTION exchange_decisions_refuse_change()",
    "DROP INDEX exchange_outbox_ledger",
    "DROP INDEX exchange_outbox_feed",
    "ALTER TABLE exchange_outbox DROP COLUMN transaction_number, DROP COLUMN recalled_at",
)


def upgrade(op: Operations) -> None:
    """Add them."""
    for statement in _CREATE:
        op.execute(statement)


def downgrade(op: Operations) -> None:
    """Take them away, with decisions, reconciliations and alarms."""
    for statement in _DROP:
        op.execute(statement)
