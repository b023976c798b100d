"""Routing that learns: versioned models with their figures, and which of them was in force when.

Models and their activations are append-only: to go back is a new activation. The schedule is one row, so that of
several services one trains: whoever moves its time on.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

_CREATE = (
    """
    CREATE TABLE routing_models (
        id uuid PRIMARY KEY,
        version integer NOT NULL UNIQUE,
        trained_at timestamptz NOT NULL,
        trained_by text NOT NULL,
        material bytea NOT NULL,
        learned_from integer NOT NULL,
        outcome text NOT NULL,
        figures jsonb NOT NULL,
        compared_with integer CONSTRAINT routing_models_compared_with_fkey REFERENCES routing_models (version),
        compared_figures jsonb NOT NULL,
        model bytea NOT NULL,
        CONSTRAINT versions_count CHECK (version >= 1),
        CONSTRAINT outcome_known CHECK (outcome IN ('better', 'not_better'))
    )
    """,
    # It is compressed already.
    "ALTER TABLE routing_models ALTER COLUMN model SET STORAGE EXTERNAL",
    """
    CREATE TABLE routing_model_activations (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        model_version integer
            CONSTRAINT routing_model_activations_model_version_fkey REFERENCES routing_models (version),
        restores bigint
            CONSTRAINT routing_model_activations_restores_fkey REFERENCES routing_model_activations,
        activated_at timestamptz NOT NULL,
        activated_by text NOT NULL,
        reason text NOT NULL
    )
    """,
    *(
        f"""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
        for table in ("routing_models", "routing_model_activations")
    ),
    """
    CREATE TABLE training_schedule (
        single boolean CONSTRAINT training_schedule_single CHECK (single) PRIMARY KEY,
        due_at timestamptz NOT NULL
    )
    """,
    "INSERT INTO training_schedule VALUES (true, now() + interval '1 day')",
    """
    ALTER TABLE routings ADD COLUMN model_version integer
        CONSTRAINT routings_model_version_fkey REFERENCES routing_models (version)
    """,
    "CREATE INDEX ix_routings_machine ON routings (decided_at) WHERE decided_by IS NULL",
    """
    ALTER TABLE cases ADD COLUMN return_reason text CONSTRAINT return_reason_known CHECK (
        return_reason IN ('not_ours', 'unclear', 'duplicate', 'already_answered', 'other')
    )
    """,
    # The history's note begins with the reason.
    """
    UPDATE cases SET return_reason = split_part(returned.note, ':', 1)
    FROM case_history AS returned WHERE returned.case_id = cases.id AND returned.action = 'return'
    """,
)
_DROP = (
    "ALTER TABLE cases DROP COLUMN return_reason",
    "DROP INDEX ix_routings_machine",
    "ALTER TABLE routings DROP COLUMN model_version",
    "DROP TABLE training_schedule, routing_model_activations, routing_models",
)


def upgrade() -> None:
    for statement in _CREATE:
        op.execute(statement)


def downgrade() -> None:
    for statement in _DROP:
        op.execute(statement)
