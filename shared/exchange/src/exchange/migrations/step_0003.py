"""Attachments that peers described and that are fetched from them. Frozen: later changes are later steps."""

from alembic.operations import Operations

_CREATE = (
    """
    CREATE TABLE exchange_attachments (
        peer text NOT NULL,
        id uuid NOT NULL,
        subject uuid NOT NULL,
        filename text NOT NULL,
        media_type text NOT NULL,
        bytes bigint NOT NULL,
        sha256 text NOT NULL,
        wanted_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        last_problem text,
        fetched_at timestamptz,
        content bytea,
        CONSTRAINT exchange_attachments_pkey PRIMARY KEY (peer, id),
        CONSTRAINT fetched_has_its_content CHECK ((fetched_at IS NULL) = (content IS NULL)),
        CONSTRAINT content_is_complete CHECK (octet_length(content) = bytes),
        CONSTRAINT attempts_not_negative CHECK (attempts >= 0),
        CONSTRAINT digest_is_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$')
    )
    """,
    "CREATE INDEX exchange_attachments_due ON exchange_attachments (due_at) WHERE fetched_at IS NULL",
    "CREATE INDEX exchange_attachments_subject ON exchange_attachments (subject)",
)


def upgrade(op: Operations) -> None:
    """Create the table."""
    for statement in _CREATE:
        op.execute(statement)


def downgrade(op: Operations) -> None:
    """Drop it, with the files."""
    op.execute("DROP TABLE exchange_attachments")
