"""Mails, faxes and scans as they came, and what is sent by mail.

A mail is taken in the transaction that writes what it did, under a fingerprint of its own: whatever dies in between,
it is taken once. Its place in the mailbox (UIDVALIDITY and UID) is kept beside it, because a mailbox that was restored
numbers its mails anew.
"""

from alembic import op

from servicekit.mail_queue import creation_1, removal_1

revision = "0005"
down_revision = "0004"

_KINDS = "('answer', 'question', 'progress')"
_STATES = "('to_send', 'sent', 'shown', 'superseded')"

_CREATE = (
    """
    CREATE TABLE case_files (
        id uuid PRIMARY KEY,
        case_id uuid NOT NULL CONSTRAINT case_files_case_id_fkey REFERENCES cases,
        kind text NOT NULL,
        filename text NOT NULL,
        media_type text NOT NULL,
        bytes bigint NOT NULL,
        sha256 text NOT NULL,
        pages integer,
        kept_at timestamptz NOT NULL,
        CONSTRAINT kind_known CHECK (kind IN ('original', 'attachment', 'scan')),
        CONSTRAINT a_digest_in_hexadecimal CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        CONSTRAINT measures_count CHECK (bytes >= 0 AND pages >= 1)
    )
    """,
    "CREATE INDEX ix_case_files_case_id ON case_files (case_id, id)",
    """
    CREATE TABLE received_mails (
        id uuid PRIMARY KEY,
        fingerprint text NOT NULL UNIQUE,
        message_id text,
        outcome text NOT NULL,
        case_id uuid CONSTRAINT received_mails_case_id_fkey REFERENCES cases,
        original text NOT NULL,
        taken_at timestamptz NOT NULL,
        CONSTRAINT outcome_known CHECK (
            outcome IN ('opened', 'reply', 'recorded', 'unreadable', 'automatic', 'bounce')
        ),
        CONSTRAINT what_people_write_has_its_case CHECK (outcome IN ('automatic', 'bounce') OR case_id IS NOT NULL)
    )
    """,
    "CREATE INDEX ix_received_mails_message_id ON received_mails (message_id)",
    "CREATE INDEX ix_received_mails_case_id ON received_mails (case_id)",
    "CREATE INDEX ix_received_mails_taken_at ON received_mails (taken_at, id)",
    """
    CREATE TABLE mail_places (
        mailbox text NOT NULL,
        uid_validity bigint NOT NULL,
        uid bigint NOT NULL,
        mail_id uuid NOT NULL CONSTRAINT mail_places_mail_id_fkey REFERENCES received_mails,
        CONSTRAINT mail_places_pkey PRIMARY KEY (mailbox, uid_validity, uid)
    )
    """,
    "CREATE INDEX ix_mail_places_mail_id ON mail_places (mail_id)",
    """
    CREATE TABLE taken_files (
        folder text NOT NULL,
        name text NOT NULL,
        sha256 text NOT NULL,
        case_id uuid NOT NULL CONSTRAINT taken_files_case_id_fkey REFERENCES cases,
        taken_at timestamptz NOT NULL,
        CONSTRAINT taken_files_pkey PRIMARY KEY (folder, name, sha256),
        CONSTRAINT folder_known CHECK (folder IN ('fax', 'po_box'))
    )
    """,
    "CREATE INDEX ix_taken_files_case_id ON taken_files (case_id)",
    # How many mails an address sent of late decides whether it is still answered by a machine.
    """
    CREATE INDEX ix_cases_from_address ON cases (lower(evidence ->> 'from_address'), recorded_at)
    WHERE channel = 'email'
    """,
    *creation_1(),
)


def upgrade() -> None:
    for statement in _CREATE:
        op.execute(statement)
    _allow(kinds=f"{_KINDS[:-1]}, 'acknowledgement')", states=f"{_STATES[:-1]}, 'failed')")


def downgrade() -> None:
    op.execute("DELETE FROM deliveries WHERE kind = 'acknowledgement'")
    op.execute("UPDATE deliveries SET state = 'to_send' WHERE state = 'failed'")
    _allow(kinds=_KINDS, states=_STATES)
    for statement in removal_1():
        op.execute(statement)
    op.execute("DROP INDEX ix_cases_from_address")
    op.execute("DROP TABLE taken_files, mail_places, received_mails, case_files")


def _allow(*, kinds: str, states: str) -> None:
    op.execute(
        f"""
        ALTER TABLE deliveries
            DROP CONSTRAINT kind_known, ADD CONSTRAINT kind_known CHECK (kind IN {kinds}),
            DROP CONSTRAINT state_known, ADD CONSTRAINT state_known CHECK (state IN {states})
        """
    )
