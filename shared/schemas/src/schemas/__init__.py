"""The wire: exchange messages as pydantic models, their JSON Schemas, and one kept sample of every type."""

from schemas.bodies import (
    ATTACHMENT_BYTES as ATTACHMENT_BYTES,
)
from schemas.bodies import (
    ATTACHMENTS as ATTACHMENTS,
)
from schemas.bodies import (
    Attachment as Attachment,
)
from schemas.bodies import (
    Channel as Channel,
)
from schemas.bodies import (
    Complainant as Complainant,
)
from schemas.bodies import (
    Corrections as Corrections,
)
from schemas.bodies import (
    EarlierReferral as EarlierReferral,
)
from schemas.bodies import (
    ErasureGround as ErasureGround,
)
from schemas.bodies import (
    Kind as Kind,
)
from schemas.bodies import (
    PersonalDataErased as PersonalDataErased,
)
from schemas.bodies import (
    PersonalDataErasureConfirmed as PersonalDataErasureConfirmed,
)
from schemas.bodies import (
    Place as Place,
)
from schemas.bodies import (
    ReferralAccepted as ReferralAccepted,
)
from schemas.bodies import (
    ReferralAmended as ReferralAmended,
)
from schemas.bodies import (
    ReferralAnswered as ReferralAnswered,
)
from schemas.bodies import (
    ReferralBody as ReferralBody,
)
from schemas.bodies import (
    ReferralContested as ReferralContested,
)
from schemas.bodies import (
    ReferralProgressed as ReferralProgressed,
)
from schemas.bodies import (
    ReferralQuestion as ReferralQuestion,
)
from schemas.bodies import (
    ReferralReturned as ReferralReturned,
)
from schemas.bodies import (
    ReferralSent as ReferralSent,
)
from schemas.bodies import (
    ReferralVoid as ReferralVoid,
)
from schemas.bodies import (
    ReferralWithdrawn as ReferralWithdrawn,
)
from schemas.bodies import (
    ReturnReason as ReturnReason,
)
from schemas.bodies import (
    Whose as Whose,
)
from schemas.envelope import (
    BATCH_BYTES as BATCH_BYTES,
)
from schemas.envelope import (
    BATCH_MESSAGES as BATCH_MESSAGES,
)
from schemas.envelope import (
    ERASED as ERASED,
)
from schemas.envelope import (
    ERASURE_CONFIRMED as ERASURE_CONFIRMED,
)
from schemas.envelope import (
    VOID as VOID,
)
from schemas.envelope import (
    Batch as Batch,
)
from schemas.envelope import (
    Disposition as Disposition,
)
from schemas.envelope import (
    FieldFault as FieldFault,
)
from schemas.envelope import (
    Message as Message,
)
from schemas.envelope import (
    Receipt as Receipt,
)
from schemas.envelope import (
    ReceiptProblem as ReceiptProblem,
)
from schemas.envelope import (
    Receipts as Receipts,
)
from schemas.erasing import ERASED_TEXT as ERASED_TEXT
from schemas.erasing import erased as erased
from schemas.fields import JsonObject as JsonObject
from schemas.fields import Sha256 as Sha256
from schemas.fields import Wire as Wire
from schemas.kept import sample as sample
from schemas.proof import (
    LEDGER_PAGE as LEDGER_PAGE,
)
from schemas.proof import (
    Direction as Direction,
)
from schemas.proof import (
    Feed as Feed,
)
from schemas.proof import (
    Ledger as Ledger,
)
from schemas.proof import (
    LedgerBy as LedgerBy,
)
from schemas.proof import (
    LedgerEntry as LedgerEntry,
)
from schemas.proof import (
    LedgerPeriod as LedgerPeriod,
)
from schemas.proof import (
    ReceiptCopies as ReceiptCopies,
)
from schemas.proof import (
    ReceiptCopy as ReceiptCopy,
)
from schemas.registry import (
    TYPES as TYPES,
)
from schemas.registry import (
    MessageType as MessageType,
)
from schemas.registry import (
    PartyKind as PartyKind,
)
from schemas.registry import (
    sent_by as sent_by,
)
from schemas.registry import (
    type_of as type_of,
)
