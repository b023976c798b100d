"""The files that the Centre may fetch: those that an answer to it has described."""

from typing import Final
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from chumchon.codes import FileKind
from chumchon.records import CaseFile, Referral
from exchange.tables import outbox
from servicekit.database import Query
from servicekit.files.storing import FileStore, key_of

log = structlog.get_logger(__name__)

# The messages themselves say what was described: a file of a draft is nobody else's yet, and what a tombstone stands
# for was never handed over.
_DIGEST: Final = Query(
    sa.select(CaseFile.sha256)
    .join(Referral, Referral.case_id == CaseFile.case_id)
    .join(outbox, sa.and_(outbox.c.peer == Referral.party, outbox.c.subject == Referral.id))
    .where(
        CaseFile.id == sa.bindparam("id", type_=sa.Uuid),
        CaseFile.kind == sa.literal_column(f"'{FileKind.ANSWER}'"),
        Referral.party == sa.bindparam("peer", type_=sa.Text),
        outbox.c.state != sa.literal_column("'void'"),
        sa.cast(outbox.c.content, JSONB)["data"]["attachments"].contains(
            sa.func.jsonb_build_array(sa.func.jsonb_build_object("id", sa.cast(CaseFile.id, sa.Text)))
        ),
    )
    .limit(1)
)


class DescribedFiles:
    """What the exchange gives out of the files that are kept (`exchange.AttachmentSource`)."""

    def __init__(self, store: FileStore) -> None:
        self._store = store

    def read(self, session: Session, attachment_id: UUID, *, peer: str) -> bytes | None:
        """The file as it was described; None when it was not described to this peer, or its bytes are lost.

        A lost file is the operator's to bring back: it is logged, and the peer asks again.
        """
        digest = _DIGEST.scalar(session, id=attachment_id, peer=peer)
        if digest is None:
            return None
        try:
            return b"".join(self._store.read(key_of(digest)))
        except FileNotFoundError:
            log.error("file of an answer missing", attachment=str(attachment_id), sha256=digest)  # noqa: TRY400  # a path tells no more
            return None
