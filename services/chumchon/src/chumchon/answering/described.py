"""The files that the Centre may fetch: those that an answer to it has described."""

from typing import Final

import sqlalchemy as sa

from chumchon.codes import FileKind
from chumchon.records import CaseFile, Referral
from exchange.attachments import DescribedFiles, was_described
from exchange.tables import outbox
from servicekit.database import Query
from servicekit.files.storing import FileStore, key_of

_DIGEST: Final = Query(
    sa.select(CaseFile.sha256)
    .join(Referral, Referral.case_id == CaseFile.case_id)
    .join(outbox, was_described(CaseFile.id, peer=Referral.party, subject=Referral.id))
    .where(
        CaseFile.id == sa.bindparam("id", type_=sa.Uuid),
        CaseFile.kind == sa.literal_column(f"'{FileKind.ANSWER}'"),
        Referral.party == sa.bindparam("peer", type_=sa.Text),
    )
    .limit(1)
)


def described_files(store: FileStore) -> DescribedFiles:
    """What the exchange gives out of the files of answers; those of a draft are nobody else's yet."""
    return DescribedFiles(store, _DIGEST, key_of=key_of)
