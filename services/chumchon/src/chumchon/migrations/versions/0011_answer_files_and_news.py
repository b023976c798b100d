"""Files that go with answers; news about a case that nobody has read; why a mail became no case; how readers fare.

An answer names its files in their order; a later version may name some of them again, so they are the case's.
"""

from alembic import op

revision = "0011"
down_revision = "0010"

_KINDS = "('original', 'attachment', 'scan')"
_REASONS = (
    "('delivery_report', 'machine_sender', 'empty_return_path', 'other_report', 'auto_submitted', 'autoresponder',"
    " 'precedence', 'own_address')"
)
_UP = (
    "ALTER TABLE drafts ADD COLUMN files uuid[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE answers ADD COLUMN files uuid[] NOT NULL DEFAULT '{}'",
    "ALTER TABLE cases ADD COLUMN news_at timestamptz",
    # Few at any time: those whose people have not looked yet.
    "CREATE INDEX ix_cases_news_at ON cases (news_at) WHERE news_at IS NOT NULL",
    f"""
    ALTER TABLE received_mails
        ADD COLUMN reason text,
        ADD CONSTRAINT reason_known CHECK (reason IN {_REASONS}),
        ADD CONSTRAINT only_of_no_person CHECK (reason IS NULL OR outcome IN ('automatic', 'bounce'))
    """,
    "CREATE INDEX ix_received_mails_outcome ON received_mails (outcome, taken_at, id)",
    """
    CREATE TABLE channel_readers (
        name text PRIMARY KEY,
        started_at timestamptz NOT NULL,
        succeeded_at timestamptz,
        waiting text,
        taken bigint NOT NULL,
        left_over bigint NOT NULL,
        failures integer NOT NULL,
        failed_at timestamptz,
        problem text,
        CONSTRAINT waiting_known CHECK (waiting IN ('idle', 'poll'))
    )
    """,
)
_DOWN = (
    "DROP TABLE channel_readers",
    "DROP INDEX ix_received_mails_outcome",
    "ALTER TABLE received_mails DROP CONSTRAINT only_of_no_person, DROP CONSTRAINT reason_known, DROP COLUMN reason",
    "DROP INDEX ix_cases_news_at",
    "ALTER TABLE cases DROP COLUMN news_at",
    "ALTER TABLE answers DROP COLUMN files",
    "ALTER TABLE drafts DROP COLUMN files",
    "UPDATE case_files SET kind = 'attachment' WHERE kind = 'answer'",
)


def upgrade() -> None:
    _allow(f"{_KINDS[:-1]}, 'answer')")
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWN:
        op.execute(statement)
    _allow(_KINDS)


def _allow(kinds: str) -> None:
    op.execute(f"ALTER TABLE case_files DROP CONSTRAINT kind_known, ADD CONSTRAINT kind_known CHECK (kind IN {kinds})")
