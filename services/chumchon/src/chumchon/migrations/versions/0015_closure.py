"""A case of the Office's own channels may end without an answer: as spam, as a duplicate, taken back, not ours."""

from alembic import op

revision = "0015"
down_revision = "0014"

_STATES = "'new', 'routed', 'accepted', 'awaiting_complainant', 'answered', 'returned', 'withdrawn'"
_ACTIONS = (
    "'open', 'route', 'reroute', 'change_topic', 'hand_back', 'accept', 'return', 'report_progress', 'ask', 'reply',"
    " 'draft', 'answer', 'correct_answer', 'correct_record', 'amend', 'contest', 'withdraw', 'take', 'hand_over',"
    " 'erase'"
)

_UP = (
    "ALTER TABLE cases ADD COLUMN closure_reason text, ADD COLUMN duplicate_of uuid",
    """
    ALTER TABLE cases
        ADD CONSTRAINT cases_duplicate_of_fkey FOREIGN KEY (duplicate_of) REFERENCES cases,
        ADD CONSTRAINT closure_reason_known CHECK (
            closure_reason IN ('spam', 'duplicate', 'withdrawn', 'not_ours', 'other')
        ),
        ADD CONSTRAINT closed_has_its_reason CHECK ((state = 'closed') = (closure_reason IS NOT NULL)),
        ADD CONSTRAINT only_our_own_are_closed CHECK (state <> 'closed' OR origin = 'channel'),
        ADD CONSTRAINT a_duplicate_has_its_original CHECK (
            (closure_reason IS NOT DISTINCT FROM 'duplicate') = (duplicate_of IS NOT NULL) AND duplicate_of <> id
        )
    """,
    "CREATE INDEX ix_cases_duplicate_of ON cases (duplicate_of) WHERE duplicate_of IS NOT NULL",
)
_DOWN = (
    """
    ALTER TABLE cases
        DROP CONSTRAINT closed_has_its_reason,
        DROP CONSTRAINT only_our_own_are_closed,
        DROP CONSTRAINT a_duplicate_has_its_original,
        DROP COLUMN closure_reason,
        DROP COLUMN duplicate_of
    """,
)


def upgrade() -> None:
    _know(f"{_STATES}, 'closed'", f"{_ACTIONS}, 'close', 'reopen', 'reopen_in_triage'")
    for statement in _UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DOWN:
        op.execute(statement)
    # What was closed meanwhile stays as it is; no new row may be.
    _know(_STATES, _ACTIONS, checked="NOT VALID")


def _know(states: str, actions: str, *, checked: str = "") -> None:
    op.execute(
        f"ALTER TABLE cases DROP CONSTRAINT state_known,"
        f" ADD CONSTRAINT state_known CHECK (state IN ({states})) {checked}"
    )
    op.execute(
        f"ALTER TABLE case_history DROP CONSTRAINT action_known, DROP CONSTRAINT states_known,"
        f" ADD CONSTRAINT action_known CHECK (action IN ({actions})) {checked},"
        f" ADD CONSTRAINT states_known CHECK (from_state IN ({states}) AND to_state IN ({states})) {checked}"
    )
