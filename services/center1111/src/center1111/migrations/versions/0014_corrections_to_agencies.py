"""An agency is told what was corrected in the record that it was sent; the referral's history says so."""

from alembic import op

revision = "0014"
down_revision = "0013"

_MOVES = (
    "'register', 'correct', 'note', 'accept', 'refuse', 'answer', 'refer', 'record_answer', 'take_back', "
    "'close', 'reopen', 'withdraw', 'tell', 'inform', 'rate', 'ask_reopening', 'decline_reopening', "
    "'check', 'link', 'unlink', 'stop_clock', 'restart_clock', 'erase'"
)
_REFERRAL_MOVES = "'send', 'accept', 'return', 'progress', 'ask', 'amend', 'answer', 'contest', 'withdraw'"


def upgrade() -> None:
    _allow_referral_moves(f"{_REFERRAL_MOVES}, 'correct'")


def downgrade() -> None:
    # What is in the history stays there.
    _allow_referral_moves(_REFERRAL_MOVES, unless_older="NOT VALID")


def _allow_referral_moves(moves: str, unless_older: str = "") -> None:
    op.execute("ALTER TABLE complaint_history DROP CONSTRAINT move_known")
    op.execute(
        "ALTER TABLE complaint_history ADD CONSTRAINT move_known CHECK ("
        f"CASE WHEN referral_id IS NULL THEN move IN ({_MOVES}) ELSE move IN ({moves}) END) {unless_older}"
    )
