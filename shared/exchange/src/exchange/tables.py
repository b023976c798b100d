"""The exchange's tables, in every party's own database. A service gives `metadata` to alembic beside its own.

The names start with `exchange_`. CHECK constraints are in `exchange.migrations` alone, as alembic's comparison does
not look at them.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

_Moment = sa.DateTime(timezone=True)
_THIS_TRANSACTION = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"

peers = sa.Table(
    "exchange_peers",
    metadata,
    sa.Column("code", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # Failed requests in a row.
    sa.Column("silent_since", _Moment),  # Since when it has not answered; null when it does.
    # refused: it refuses what we send; operator: a person said so; restored: our database has to be recovered first.
    sa.Column("pause", sa.Text),
    sa.Column("paused_at", _Moment),
    sa.Column("pause_reason", sa.Text),
    sa.Column("next_attempt_at", _Moment),  # The next probe; null when nothing is wrong.
    sa.Column("batch_limit", sa.Integer, nullable=False, server_default="100"),  # Halved by a 413.
    sa.Column("last_success_at", _Moment),
    sa.Column("last_problem", sa.Text),
)
"""How it stands with each peer that this party sends to."""

home = sa.Table(
    "exchange_home",
    metadata,
    sa.Column("single", sa.Boolean, primary_key=True, server_default="true"),  # There is one row at most.
    sa.Column("place", sa.Text, nullable=False),  # Cluster and database: another one was restored, or moved.
)
"""Where this database lay when it was used last."""

outgoing = sa.Table(
    "exchange_outgoing",
    metadata,
    sa.Column("peer", sa.Text, primary_key=True),
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("last_sequence", sa.BigInteger, nullable=False),
)
"""The last sequence given to a message of this subject. Never goes backwards."""

proofs = sa.Table(
    "exchange_proofs",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("peer", sa.Text, nullable=False),
    sa.Column("recorded_at", _Moment, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("signature_base", sa.Text, nullable=False),  # What was signed (RFC 9421), Content-Digest included.
    sa.Column("signature", sa.Text, nullable=False),  # The header field: Ed25519 over the signature base.
    sa.Column("content", sa.Text, nullable=False),  # The receipts as received.
)
"""Receipts with their signatures: proof of what a peer has taken, and when."""

outbox = sa.Table(
    "exchange_outbox",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("peer", sa.Text, nullable=False),
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),  # The message as canonical JSON: sent as it stands.
    sa.Column("digest", sa.Text, nullable=False),  # SHA-256 of the content.
    sa.Column("request_id", sa.Text),
    sa.Column("owed_at", _Moment, nullable=False),
    sa.Column("state", sa.Text, nullable=False, server_default="queued"),
    sa.Column("due_at", _Moment, nullable=False),  # When to send it.
    sa.Column("lease", sa.Uuid),  # Fencing token of the relay that claimed it.
    sa.Column("leased_until", _Moment),  # When the claim ends; in no index, so that claiming writes none.
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),  # Failed attempts.
    sa.Column("expires_at", _Moment, nullable=False),  # An attempt that fails after this makes it dead.
    sa.Column("last_problem", sa.Text),
    sa.Column("disposition", sa.Text),  # From the peer's receipt.
    sa.Column("receipt_problem", JSONB),  # From the peer's receipt: why it is quarantined.
    sa.Column("settled_at", _Moment),
    sa.Column("proof_id", sa.Uuid),
    # The transaction that owed it: those of a lower number are committed before the feed shows those of a higher one.
    sa.Column("transaction_number", sa.BigInteger, nullable=False, server_default=sa.text(_THIS_TRANSACTION)),
    sa.Column("recalled_at", _Moment),  # When a restored party learnt of it again, from its peer.
    sa.Column("erased_at", _Moment),  # Since when the content is its erased form; the digest is the original's.
    # A tombstone takes the sequence of the message that it stands for.
    sa.Index(
        "exchange_outbox_order", "peer", "subject", "sequence", unique=True, postgresql_where=sa.text("state <> 'void'")
    ),
    sa.Index("exchange_outbox_due", "peer", "due_at", "id", postgresql_where=sa.text("state = 'queued'")),
    sa.Index(
        "exchange_outbox_open",
        "peer",
        "subject",
        "sequence",
        postgresql_where=sa.text("state IN ('queued', 'dead')"),
    ),
    sa.Index("exchange_outbox_dead", "peer", "id", postgresql_where=sa.text("state = 'dead'")),
    sa.Index("exchange_outbox_feed", "peer", "transaction_number", "id", postgresql_where=sa.text("state <> 'void'")),
    sa.Index("exchange_outbox_ledger", "peer", "id"),
)
"""Messages that this party owes or has sent."""

incoming = sa.Table(
    "exchange_incoming",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("taken_sequence", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("erased_at", _Moment),  # Since when all that comes about it is kept in its erased form.
)
"""Up to which sequence the messages of this subject were taken. Its row lock serialises deliveries."""

inbox = sa.Table(
    "exchange_inbox",
    metadata,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("subject", sa.Uuid),  # Null when the envelope could not be read.
    sa.Column("sequence", sa.BigInteger),
    sa.Column("type", sa.Text),
    sa.Column("content", sa.Text, nullable=False),  # The message as canonical JSON.
    sa.Column("digest", sa.Text, nullable=False),  # SHA-256 of the content.
    sa.Column("request_id", sa.Text),  # The sender's.
    sa.Column("received_at", _Moment, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("problem", JSONB),  # Why it is quarantined.
    sa.Column("settled_at", _Moment),  # When it was applied, quarantined or dismissed.
    sa.Column("note", sa.Text),  # An operator's reason.
    sa.Column("erased_at", _Moment),  # As in the outbox.
    sa.Index(
        "exchange_inbox_held", "source", "subject", "sequence", unique=True, postgresql_where=sa.text("state = 'held'")
    ),
    sa.Index("exchange_inbox_subject", "source", "subject", "sequence"),
    sa.Index(
        "exchange_inbox_quarantined", "source", "received_at", "id", postgresql_where=sa.text("state = 'quarantined'")
    ),
    sa.Index("exchange_inbox_unread", "source", postgresql_where=sa.text("subject IS NULL")),
)
"""Messages that this party has taken."""

decisions = sa.Table(
    "exchange_decisions",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("decided_at", _Moment, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("peer", sa.Text, nullable=False),
    sa.Column("message_id", sa.Uuid),
    sa.Column("reason", sa.Text),
    sa.Index("exchange_decisions_message", "message_id", postgresql_where=sa.text("message_id IS NOT NULL")),
)
"""What operators decided, with their reasons. Never changed, never deleted: a trigger refuses it."""

feeds = sa.Table(
    "exchange_feeds",
    metadata,
    sa.Column("peer", sa.Text, primary_key=True),
    sa.Column("after", sa.Uuid, nullable=False),  # The cursor: the last message that was read.
    sa.Column("read_at", _Moment, nullable=False),
)
"""Up to where this party has read its peers' feeds."""

reconciliations = sa.Table(
    "exchange_reconciliations",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("peer", sa.Text, nullable=False),
    sa.Column("began_at", _Moment, nullable=False),
    sa.Column("ended_at", _Moment, nullable=False),
    sa.Column("since", _Moment, nullable=False),
    sa.Column("until", _Moment, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("compared", sa.BigInteger, nullable=False),  # Messages that the two ledgers cover.
    sa.Column("fetched", sa.BigInteger, nullable=False),  # The peer's messages that we had not.
    sa.Column("recalled", sa.BigInteger, nullable=False),  # Our messages that we had forgotten.
    sa.Column("sent_again", sa.BigInteger, nullable=False),  # Our messages that the peer had forgotten.
    sa.Column("differences", JSONB, nullable=False),  # What could not be mended, with reasons.
    sa.Column("problem", sa.Text),  # Why the two could not be compared.
    sa.Index("exchange_reconciliations_newest", "peer", sa.text("id DESC")),
)
"""What comparing both sides' ledgers found, each time."""

jobs = sa.Table(
    "exchange_jobs",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("due_at", _Moment, nullable=False),  # While a process does it: until when the others wait for it.
)
"""When each regular job is to be done next; of several processes, the one that moves it on does it."""

alarms = sa.Table(
    "exchange_alarms",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("watch", sa.Text, nullable=False),
    sa.Column("about", sa.Text, nullable=False),  # What it is about: a number that people know, or a message's id.
    sa.Column("since", _Moment, nullable=False),  # Since when it has been waiting.
    sa.Column("facts", JSONB, nullable=False),
    sa.Column("raised_at", _Moment, nullable=False),
    sa.Column("reminders", sa.Integer, nullable=False, server_default="0"),
    sa.Column("remind_at", _Moment),
    sa.Column("notice_at", _Moment),  # When to tell of it; null when it has been told.
    sa.Column("notice_failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("notice_problem", sa.Text),
    sa.Column("ended_at", _Moment),
    sa.Index("exchange_alarms_once", "watch", "about", unique=True, postgresql_where=sa.text("ended_at IS NULL")),
    sa.Index("exchange_alarms_remind", "remind_at", postgresql_where=sa.text("ended_at IS NULL")),
    sa.Index("exchange_alarms_notice", "notice_at", postgresql_where=sa.text("notice_at IS NOT NULL")),
)
"""What has waited beyond its limit: raised once, ended by the next step."""

attachments = sa.Table(
    "exchange_attachments",
    metadata,
    sa.Column("peer", sa.Text, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("subject", sa.Uuid, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("wanted_at", _Moment, nullable=False),
    sa.Column("due_at", _Moment, nullable=False),  # When to ask for it; while it is claimed, when the lease ends.
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_problem", sa.Text),
    sa.Column("fetched_at", _Moment),
    sa.Column("content", sa.LargeBinary),
    sa.Index("exchange_attachments_due", "due_at", postgresql_where=sa.text("fetched_at IS NULL")),
    sa.Index("exchange_attachments_subject", "subject"),
)
"""Files that peers described in their messages, and that are fetched from them."""

erasures = sa.Table(
    "exchange_erasures",
    metadata,
    sa.Column("peer", sa.Text, primary_key=True),
    sa.Column("subject", sa.Uuid, primary_key=True),
    sa.Column("message_id", sa.Uuid, nullable=False),  # Our personal_data.erased.v1.
    sa.Column("number", sa.Text, nullable=False),  # The referral's.
    sa.Column("told_at", _Moment, nullable=False),
    sa.Column("confirmed_at", _Moment),
    sa.Index("exchange_erasures_unconfirmed", "told_at", postgresql_where=sa.text("confirmed_at IS NULL")),
)
"""Erasures of personal data that peers were told of, and whether they have confirmed."""
