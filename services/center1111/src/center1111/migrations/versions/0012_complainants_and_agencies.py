"""The clock that stands because an agency asked the complainant knows for which referral it stands."""

from alembic import op

revision = "0012"
down_revision = "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE clock_stops ADD COLUMN asked_in uuid REFERENCES referrals")
    op.execute(
        "ALTER TABLE clock_stops ADD CONSTRAINT asked_awaits_the_complainant"
        " CHECK (asked_in IS NULL OR reason = 'awaiting_complainant')"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE clock_stops DROP COLUMN asked_in")
