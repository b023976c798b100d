"""The files that agencies may fetch: those that a message to them has described."""

from typing import Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from center1111.journey import AttachmentState, ReferralState
from center1111.records import Attachment, Referral
from exchange.tables import outbox
from servicekit.database import Query
from servicekit.files.storing import FileStore

log = structlog.get_logger(__name__)

# The messages themselves say what was described: a file that came after the last of them is not the agency's yet, what
# a tombstone stands for was never handed over, and an erased message describes nothing. An agency that has returned the
# referral, or from which it was taken back, has no need of the files any more.
_STORE_KEY: Final = Query(
    sa.select(Attachment.store_key)
    .join(Referral, Referral.complaint_id == Attachment.complaint_id)
    .join(outbox, sa.and_(outbox.c.peer == Referral.to, outbox.c.subject == Referral.id))
    .where(
        Attachment.id == sa.bindparam("id", type_=sa.Uuid),
        sa.type_coerce(Attachment.state, sa.Text) == sa.literal_column(f"'{AttachmentState.AVAILABLE}'"),
        Referral.to == sa.bindparam("peer", type_=sa.Text),
        sa.type_coerce(Referral.state, sa.Text).not_in(
            [sa.literal_column(f"'{state}'") for state in (ReferralState.RETURNED, ReferralState.WITHDRAWN)]
        ),
        outbox.c.state != sa.literal_column("'void'"),
        sa.cast(outbox.c.content, JSONB)["data"]["attachments"].contains(
            sa.func.jsonb_build_array(sa.func.jsonb_build_object("id", sa.cast(Attachment.id, sa.Text)))
        ),
    )
    .limit(1)
)


class DescribedFiles:
    """What the exchange gives out of the file store (`exchange.AttachmentSource`)."""

    def __init__(self, store: FileStore) -> None:
        self._store = store

    def read(self, session: Session, attachment_id: UUID, *, peer: str) -> bytes | None:
        """The file as it was described; None when it was not described to this peer, or the store has lost it.

        A lost file is the operator's to bring back: it is logged, and the peer asks again.
        """
        key = _STORE_KEY.scalar(session, id=attachment_id, peer=peer)
        if key is None:
            return None
        try:
            return b"".join(self._store.read(key))
        except FileNotFoundError:
            log.error("attached file missing in the store", attachment=str(attachment_id), store_key=key)  # noqa: TRY400  # a path tells no more
            return None
