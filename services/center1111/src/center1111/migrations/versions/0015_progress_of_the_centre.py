"""The Centre reports progress to complainants itself; a complaint's history says so."""

from alembic import op

revision = "0015"
down_revision = "0014"

_MOVES = (
    "'register', 'correct', 'note', 'accept', 'refuse', 'answer', 'refer', 'record_answer', 'take_back', "
    "'close', 'reopen', 'withdraw', 'tell', 'inform', 'rate', 'ask_reopening', 'decline_reopening', "
    "'check', 'link', 'unlink', 'stop_clock', 'restart_clock', 'erase'"
)
_REFERRAL_MOVES = "'send', 'accept', 'return', 'progress', 'ask', 'amend', 'answer', 'contest', 'withdraw', 'correct'"


def upgrade() -> None:
    _allow_moves(f"{_MOVES}, 'report_progress'")


def downgrade() -> None:
    # What is in the history stays there.
    _allow_moves(_MOVES, unless_older="NOT VALID")


def _allow_moves(moves: str, unless_older: str = "") -> None:
    op.execute("ALTER TABLE complaint_history DROP CONSTRAINT move_known")
    op.execute(
        "ALTER TABLE complaint_history ADD CONSTRAINT move_known CHECK ("
        f"CASE WHEN referral_id IS NULL THEN move IN ({moves}) ELSE move IN ({_REFERRAL_MOVES}) END) {unless_older}"
    )
