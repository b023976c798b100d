"""Questions of agencies to complainants, and reminders by mail.

The clock that stands because an agency asked the complainant knows for which referral it stands. Reminders are owed by
mail in the transaction that makes them, so none is claimed any more. Those whose worker had died while it sent them
count as failed: nobody knows whether they went out. Letters are numbered from a sequence a Buddhist year, as their
register begins anew each year; the sequences reach to B.E. 2599, as those of tracking numbers do.
"""

from alembic import op

revision = "0012"
down_revision = "0011"

NUMBERED_YEARS = range(2569, 2600)

_UP = (
    "ALTER TABLE clock_stops ADD COLUMN asked_in uuid REFERENCES referrals",
    """
    ALTER TABLE clock_stops ADD CONSTRAINT asked_awaits_the_complainant
        CHECK (asked_in IS NULL OR reason = 'awaiting_complainant')
    """,
    "ALTER TABLE reminders ADD COLUMN sending text, ADD COLUMN mail uuid",
    """
    UPDATE reminders SET
        sending = CASE
            WHEN sent_at IS NOT NULL THEN 'sent'
            WHEN claimed_at IS NOT NULL OR failure IS NOT NULL THEN 'failed'
            ELSE 'listed'
        END,
        failure = CASE WHEN sent_at IS NULL AND claimed_at IS NOT NULL THEN coalesce(failure, 'uncertain')
            WHEN sent_at IS NULL THEN failure END
    """,
    """
    ALTER TABLE reminders
        ALTER COLUMN sending SET NOT NULL,
        DROP COLUMN claimed_at,
        DROP COLUMN attempts,
        ADD CONSTRAINT sending_known CHECK (sending IN ('listed', 'waiting', 'sent', 'failed')),
        ADD CONSTRAINT sent_has_its_moment CHECK ((sending = 'sent') = (sent_at IS NOT NULL)),
        ADD CONSTRAINT failed_says_why CHECK ((sending = 'failed') = (failure IS NOT NULL)),
        ADD CONSTRAINT waits_for_a_mail CHECK (sending <> 'waiting' OR mail IS NOT NULL)
    """,
    "CREATE INDEX ix_reminders_mail ON reminders (mail) WHERE mail IS NOT NULL",
    *(f"CREATE SEQUENCE letter_serials_{year}" for year in NUMBERED_YEARS),
    "ALTER TABLE deliveries ADD COLUMN letter_year integer",
    """
    UPDATE deliveries SET letter_year = 543 + extract(year FROM owed_at AT TIME ZONE 'Asia/Bangkok')
    WHERE letter_serial IS NOT NULL
    """,
    """
    ALTER TABLE deliveries
        DROP CONSTRAINT deliveries_letter_serial_key,
        ADD CONSTRAINT deliveries_letter_year_letter_serial_key UNIQUE (letter_year, letter_serial),
        ADD CONSTRAINT letters_have_a_year CHECK ((letter_year IS NULL) = (letter_serial IS NULL))
    """,
    """
    SELECT setval('letter_serials_' || letter_year, max(letter_serial))
    FROM deliveries WHERE letter_year IS NOT NULL GROUP BY letter_year
    """,
    "DROP SEQUENCE letter_serials",
)
_DOWN = (
    "CREATE SEQUENCE letter_serials",
    "SELECT setval('letter_serials', max(letter_serial)) FROM deliveries HAVING max(letter_serial) IS NOT NULL",
    # One number for all years has to be unique again: those that two years share keep it in the first of them alone.
    """
    UPDATE deliveries SET letter_serial = nextval('letter_serials')
    WHERE EXISTS (
        SELECT FROM deliveries AS earlier
        WHERE earlier.letter_serial = deliveries.letter_serial AND earlier.letter_year < deliveries.letter_year
    )
    """,
    """
    ALTER TABLE deliveries
        DROP COLUMN letter_year,
        ADD CONSTRAINT deliveries_letter_serial_key UNIQUE (letter_serial)
    """,
    *(f"DROP SEQUENCE letter_serials_{year}" for year in NUMBERED_YEARS),
    """
    ALTER TABLE reminders
        ADD COLUMN claimed_at timestamptz,
        ADD COLUMN attempts integer NOT NULL DEFAULT 0
    """,
    "UPDATE reminders SET claimed_at = made_at, attempts = 1 WHERE sending IN ('waiting', 'sent', 'failed')",
    """
    ALTER TABLE reminders
        DROP COLUMN sending,
        DROP COLUMN mail,
        ADD CONSTRAINT claimed_before_sent CHECK (sent_at IS NULL OR claimed_at IS NOT NULL)
    """,
    "CREATE INDEX ix_reminders_waiting ON reminders (made_at, id) WHERE claimed_at IS NULL",
    "ALTER TABLE clock_stops DROP COLUMN asked_in",
)


def upgrade() -> None:
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWN:
        op.execute(statement)
