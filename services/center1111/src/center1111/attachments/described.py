"""The files that agencies may fetch: those that a message to them has described."""

from typing import Final

import sqlalchemy as sa

from center1111.journey import AttachmentState, ReferralState
from center1111.records import Attachment, Referral
from exchange.attachments import DescribedFiles, was_described
from exchange.tables import outbox
from servicekit.database import Query
from servicekit.files.storing import FileStore

# An agency that has returned the referral, or from which it was taken back, has no need of the files any more.
_STORE_KEY: Final = Query(
    sa.select(Attachment.store_key)
    .join(Referral, Referral.complaint_id == Attachment.complaint_id)
    .join(outbox, was_described(Attachment.id, peer=Referral.to, subject=Referral.id))
    .where(
        Attachment.id == sa.bindparam("id", type_=sa.Uuid),
        sa.type_coerce(Attachment.state, sa.Text) == sa.literal_column(f"'{AttachmentState.AVAILABLE}'"),
        Referral.to == sa.bindparam("peer", type_=sa.Text),
        sa.type_coerce(Referral.state, sa.Text).not_in(
            [sa.literal_column(f"'{state}'") for state in (ReferralState.RETURNED, ReferralState.WITHDRAWN)]
        ),
    )
    .limit(1)
)


def described_files(store: FileStore) -> DescribedFiles:
    """What the exchange gives out of the files of complaints."""
    return DescribedFiles(store, _STORE_KEY)
