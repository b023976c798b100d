"""Outbox, inbox, and how it stands with each peer. Frozen: later changes are later steps."""

from alembic.operations import Operations

_CREATE = (
    """
    CREATE TABLE exchange_peers (
        code text PRIMARY KEY,
        failures integer NOT NULL DEFAULT 0,
        silent_since timestamptz,
        pause text,
        paused_at timestamptz,
        pause_reason text,
        next_attempt_at timestamptz,
        batch_limit integer NOT NULL DEFAULT 100,
        last_success_at timestamptz,
        last_problem text,
        CONSTRAINT failures_not_negative CHECK (failures >= 0),
        CONSTRAINT pause_known CHECK (pause IN ('refused', 'operator')),
        CONSTRAINT pause_has_its_moment CHECK ((pause IS NULL) = (paused_at IS NULL)),
        CONSTRAINT batch_limit_in_range CHECK (batch_limit BETWEEN 1 AND 100)
    )
    """,
    """
    CREATE TABLE exchange_outgoing (
        peer text NOT NULL,
        subject uuid NOT NULL,
        last_sequence bigint NOT NULL,
        CONSTRAINT exchange_outgoing_pkey PRIMARY KEY (peer, subject),
        CONSTRAINT sequence_counts CHECK (last_sequence >= 1)
    )
    """,
    """
    CREATE TABLE exchange_proofs (
        id uuid PRIMARY KEY,
        peer text NOT NULL,
        recorded_at timestamptz NOT NULL,
        key_id text NOT NULL,
        signature_base text NOT NULL,
        signature text NOT NULL,
        content text NOT NULL
    )
    """,
    """
    CREATE TABLE exchange_outbox (
        id uuid PRIMARY KEY,
        peer text NOT NULL,
        subject uuid NOT NULL,
        sequence bigint NOT NULL,
        type text NOT NULL,
        content text NOT NULL,
        digest text NOT NULL,
        request_id text,
        owed_at timestamptz NOT NULL,
        state text NOT NULL DEFAULT 'queued',
        due_at timestamptz NOT NULL,
        lease uuid,
        attempts integer NOT NULL DEFAULT 0,
        expires_at timestamptz NOT NULL,
        last_problem text,
        disposition text,
        receipt_problem jsonb,
        settled_at timestamptz,
        proof_id uuid CONSTRAINT exchange_outbox_proof_id_fkey REFERENCES exchange_proofs,
        CONSTRAINT sequence_counts CHECK (sequence >= 1),
        CONSTRAINT state_known CHECK (state IN ('queued', 'delivered', 'dead', 'void')),
        CONSTRAINT delivered_has_its_receipt
            CHECK (state <> 'delivered' OR (disposition IS NOT NULL AND settled_at IS NOT NULL)),
        CONSTRAINT disposition_known
            CHECK (disposition IN ('applied', 'duplicate', 'held', 'quarantined', 'conflict')),
        CONSTRAINT only_queued_is_leased CHECK (lease IS NULL OR state = 'queued'),
        CONSTRAINT digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$')
    )
    """,
    # A tombstone takes the sequence of the message that it stands for.
    """
    CREATE UNIQUE INDEX exchange_outbox_order ON exchange_outbox (peer, subject, sequence) WHERE state <> 'void'
    """,
    "CREATE INDEX exchange_outbox_due ON exchange_outbox (peer, due_at, id) WHERE state = 'queued'",
    """
    CREATE INDEX exchange_outbox_open ON exchange_outbox (peer, subject, sequence) WHERE state IN ('queued', 'dead')
    """,
    "CREATE INDEX exchange_outbox_dead ON exchange_outbox (peer, id) WHERE state = 'dead'",
    """
    CREATE TABLE exchange_incoming (
        source text NOT NULL,
        subject uuid NOT NULL,
        taken_sequence bigint NOT NULL DEFAULT 0,
        CONSTRAINT exchange_incoming_pkey PRIMARY KEY (source, subject),
        CONSTRAINT sequence_counts CHECK (taken_sequence >= 0)
    )
    """,
    """
    CREATE TABLE exchange_inbox (
        source text NOT NULL,
        id uuid NOT NULL,
        subject uuid,
        sequence bigint,
        type text,
        content text NOT NULL,
        digest text NOT NULL,
        request_id text,
        received_at timestamptz NOT NULL,
        state text NOT NULL,
        problem jsonb,
        settled_at timestamptz,
        note text,
        CONSTRAINT exchange_inbox_pkey PRIMARY KEY (source, id),
        CONSTRAINT state_known CHECK (state IN ('applied', 'held', 'quarantined', 'dismissed')),
        CONSTRAINT quarantined_says_why CHECK (state <> 'quarantined' OR problem IS NOT NULL),
        CONSTRAINT only_held_is_unsettled CHECK ((state = 'held') = (settled_at IS NULL)),
        CONSTRAINT unread_is_quarantined CHECK (
            (subject IS NOT NULL AND sequence IS NOT NULL AND type IS NOT NULL)
            OR state IN ('quarantined', 'dismissed')
        ),
        CONSTRAINT digest_is_sha256 CHECK (digest ~ '^[0-9a-f]{64}$')
    )
    """,
    """
    CREATE UNIQUE INDEX exchange_inbox_held ON exchange_inbox (source, subject, sequence) WHERE state = 'held'
    """,
    "CREATE INDEX exchange_inbox_subject ON exchange_inbox (source, subject, sequence)",
    "CREATE INDEX exchange_inbox_quarantined ON exchange_inbox (source, received_at, id) WHERE state = 'quarantined'",
)

_DROP = (
    "exchange_inbox",
    "exchange_incoming",
    "exchange_outbox",
    "exchange_proofs",
    "exchange_outgoing",
    "exchange_peers",
)


def upgrade(op: Operations) -> None:
    """Create the tables."""
    for statement in _CREATE:
        op.execute(statement)


def downgrade(op: Operations) -> None:
    """Drop them, with all that was exchanged."""
    for table in _DROP:
        op.execute(f"DROP TABLE {table}")
