"""How a case is shown: one query and one view, with which every stage answers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from chumchon.codes import ClosureReason
from chumchon.journey import Channel, Origin, State
from chumchon.records import Answer, Case, CaseErasure, CaseFile, Complainant, Draft, Referral, RoutingRecord
from chumchon.routing.rules import Method
from chumchon.steps import CaseNotFound, Sight
from chumchon.work_groups import Topic, WorkGroup
from exchange.erasing import Confirmation, confirmations
from schemas.bodies import Kind
from servicekit.database import Query
from servicekit.fields import Versioned, View


class PlaceView(View):
    """Where it happened."""

    province: str | None
    district: str | None
    subdistrict: str | None
    community: str | None


class ComplainantView(View):
    """Who complains, as far as they said."""

    title: str | None
    first_name: str | None
    last_name: str | None
    national_id: str | None
    phone: str | None
    email: str | None
    address: str | None


class TermView(View):
    """A term that spoke for the topic (positive weight) or against it (negative)."""

    term: str
    weight: float


class ProposalView(View):
    """A topic that may be right, with its share of the evidence, 0 to 1."""

    topic: Topic
    share: float


class RoutingView(View):
    """One decision on where a case goes, and why."""

    topic: Topic | None
    work_group: WorkGroup | None
    method: Method
    confidence: float = Field(description="That of the work group, 0 to 1.")
    abstained: bool = Field(description="Whether it was left to people: the case waits in triage.")
    terms: list[TermView]
    proposals: list[ProposalView] = Field(description="The two likeliest topics.")
    reason: str | None = Field(description="Why a person decided so.")
    decided_by: str | None
    decided_at: datetime
    rules_version: int | None
    model_version: int | None = Field(description="The trained model that was asked; null before there was one.")


class ReferralView(View):
    """What the Centre said of the case that it referred."""

    id: UUID
    number: str = Field(examples=["1111-2570-000123-8/1"])
    from_: str = Field(alias="from", examples=["center1111"])
    complaint_number: str = Field(examples=["1111-2570-000123-8"])
    channel: str = Field(description="The Centre's channel.")
    question: str


class ReferralDetails(ReferralView):
    """With the files and the path so far."""

    attachments: list[dict[str, Any]]
    path: list[dict[str, Any]] = Field(description="The complaint's earlier referrals, oldest first.")


class AnswerFile(View):
    """A file that goes with an answer."""

    id: UUID
    filename: str = Field(examples=["ตารางการโอนเงิน.pdf"])
    media_type: str = Field(examples=["application/pdf"])
    bytes: int
    sha256: str


class AnswerView(View):
    """One version of the answer."""

    version: int
    text: str
    files: list[AnswerFile]
    topic: Topic
    work_group: WorkGroup
    drafted_by: str = Field(description="Who wrote it; the approver, where no draft was approved as it stood.")
    approved_by: str
    answered_at: datetime


class DraftView(View):
    """The answer as far as it is written."""

    text: str
    files: list[AnswerFile]
    written_by: str
    written_at: datetime


class ErasureView(View):
    """That the complainant's personal data were erased, and whether the Centre has confirmed it."""

    erased_at: datetime
    by: str
    basis: str = Field(description="A code of /v1/code-lists/erasure_grounds, or the Centre's own words.")
    note: str | None
    confirmations: list[Confirmation] = Field(description="Of the Centre, where it was told to erase its copy.")


class ClosureView(View):
    """Why the case ended without an answer; the history tells who closed it, when, and in which words."""

    reason_code: ClosureReason
    duplicate_of: UUID | None = Field(description="The case that goes on in its place.")


class CaseSummary(Versioned):
    """A case in a list."""

    id: UUID
    case_number: str = Field(examples=["CC-2570-000045-6"])
    origin: Origin
    channel: Channel | None = Field(description="Null for a referral.")
    kind: Kind
    subject: str = Field(examples=["ขอทราบระเบียบการโอนเงินโครงการ"])
    received_at: datetime
    recorded_at: datetime
    state: State
    topic: Topic | None
    work_group: WorkGroup | None
    officer: str | None = Field(description="Who took it on.")
    due_at: datetime
    accepted_at: datetime | None
    answered_at: datetime | None
    news_at: datetime | None = Field(description="Since when there is something that who works on it has not read.")
    routing: RoutingView | None
    referral: ReferralView | None


class CaseView(CaseSummary):
    """A case in full."""

    details: str
    place: PlaceView
    confidential: bool
    complainant: ComplainantView | None
    evidence: dict[str, Any] | None = Field(description="What only its channel has.")
    referral: ReferralDetails | None
    answer: AnswerView | None = Field(description="The newest version.")
    draft: DraftView | None
    closure: ClosureView | None = Field(description="While it is closed.")
    erasure: ErasureView | None = Field(description="Null while the personal data are on record.")


Shown = TypeVar("Shown", bound=CaseSummary)

_PLACE = ("province", "district", "subdistrict", "community")
_COMPLAINANT = ("title", "first_name", "last_name", "national_id", "phone", "email", "address")
_ROUTING = (
    "topic", "work_group", "method", "confidence", "abstained", "terms", "proposals", "reason", "decided_by",
    "decided_at", "rules_version", "model_version",
)  # fmt: skip
_REFERRAL = ("id", "number", "party", "complaint_number", "channel", "question")
_REFERRAL_DETAILS = (*_REFERRAL, "attachments", "path")
_ANSWER = ("version", "text", "topic", "work_group", "drafted_by", "approved_by", "answered_at")
_DRAFT = ("text", "written_by", "written_at")
_ERASURE = ("erased_at", "erased_by", "basis", "note")
_SUMMARY = (
    "id", "case_number", "origin", "channel", "kind", "subject", "received_at", "recorded_at", "state", "topic",
    "work_group", "officer", "due_at", "accepted_at", "answered_at", "news_at", "version",
)  # fmt: skip
_FULL = (*_SUMMARY, "details", *_PLACE, "confidential", "evidence", "client_id", "closure_reason", "duplicate_of")


def described_files(ids: sa.SQLColumnExpression[list[UUID]]) -> sa.ColumnElement[Any]:
    """The files with these ids as `AnswerFile`s, in the order of the ids; null where there are none."""
    shown: list[Any] = []
    for name in AnswerFile.model_fields:
        shown += (sa.literal_column(f"'{name}'"), getattr(CaseFile, name))
    described = sa.func.jsonb_build_object(*shown)
    in_order = postgresql.aggregate_order_by(described, sa.func.array_position(ids, CaseFile.id))
    return (
        sa.select(sa.func.jsonb_agg(in_order))
        .where(CaseFile.id == sa.any_(ids))
        .correlate_except(CaseFile)
        .scalar_subquery()
    )


def _of(record: Any, prefix: str, names: Sequence[str]) -> list[sa.ColumnElement[Any]]:  # noqa: ANN401  # any record
    return [getattr(record, name).label(f"{prefix}_{name}") for name in names]


def _with_parts(columns: Sequence[Any], referral: Sequence[str]) -> sa.Select[Any]:
    return (
        sa.select(*columns, *_of(RoutingRecord, "routing", _ROUTING), *_of(Referral, "referral", referral))
        .select_from(Case)
        .outerjoin(RoutingRecord, RoutingRecord.id == Case.routing_id)
        .outerjoin(Referral, Referral.case_id == Case.id)
    )


summaries = _with_parts([getattr(Case, name) for name in _SUMMARY], _REFERRAL)
"""Selects what `summary_of` shows; a list adds its filter and order."""

_one = Query(
    _with_parts(
        [
            *(getattr(Case, name) for name in _FULL),
            Complainant.case_id.label("complainant"),
            *_of(Complainant, "complainant", _COMPLAINANT),
            *_of(Answer, "answer", _ANSWER),
            described_files(Answer.files).label("answer_files"),
            *_of(Draft, "draft", _DRAFT),
            described_files(Draft.files).label("draft_files"),
            *_of(CaseErasure, "erasure", _ERASURE),
        ],
        _REFERRAL_DETAILS,
    )
    .outerjoin(Complainant, Complainant.case_id == Case.id)
    .outerjoin(Answer, sa.and_(Answer.case_id == Case.id, Answer.version == Case.answer_version))
    .outerjoin(Draft, Draft.case_id == Case.id)
    .outerjoin(CaseErasure, CaseErasure.case_id == Case.id)
    .where(Case.id == sa.bindparam("id"))
)


def case_view(session: Session, case_id: UUID) -> CaseView:
    """The case as it is now in the session's transaction."""
    return _view(session, _one.first(session, id=case_id))


def visible_case(session: Session, case_id: UUID, sight: Sight) -> CaseView:
    """The case, for somebody who may not see all of them, nor all of it.

    Raises:
        CaseNotFound: there is none, or not in `sight`.
    """
    row = _one.first(session, id=case_id)
    if row is None or not sight.includes(work_group=row.work_group, client_id=row.client_id):
        raise CaseNotFound
    return as_seen(_view(session, row), sight)


def as_seen(case: Shown, sight: Sight) -> Shown:
    """The case without what those outside do not read: the draft, and by what it was routed and why."""
    if not sight.from_outside:
        return case
    hidden: dict[str, Any] = {}
    if case.routing is not None:
        hidden["routing"] = case.routing.model_copy(update={"terms": [], "proposals": [], "reason": None})
    if isinstance(case, CaseView):
        hidden["draft"] = None
    return case.model_copy(update=hidden)


def summary_of(row: Any) -> CaseSummary:  # noqa: ANN401  # a row of `summaries`
    """A case in a list."""
    return CaseSummary.model_validate({**_taken(row, "", _SUMMARY), **_parts(row, _REFERRAL)})


def _view(session: Session, row: Any) -> CaseView:  # noqa: ANN401  # a row of `_one`
    return CaseView.model_validate(
        {
            **_taken(row, "", _FULL),
            **_parts(row, _REFERRAL_DETAILS),
            "place": _taken(row, "", _PLACE),
            "complainant": _taken(row, "complainant_", _COMPLAINANT) if row.complainant else None,
            "answer": _with_files(row, "answer_", _ANSWER) if row.answer_version else None,
            "draft": _with_files(row, "draft_", _DRAFT) if row.draft_written_by else None,
            "closure": _closure(row) if row.closure_reason else None,
            "erasure": _erasure(session, row) if row.erasure_erased_at else None,
        }
    )


def _closure(row: Any) -> dict[str, Any]:  # noqa: ANN401  # a row of `_one`
    return {"reason_code": row.closure_reason, "duplicate_of": row.duplicate_of}


def _erasure(session: Session, row: Any) -> dict[str, Any]:  # noqa: ANN401  # a row of `_one`
    erased = _taken(row, "erasure_", _ERASURE)
    erased["by"] = erased.pop("erased_by")
    return {**erased, "confirmations": confirmations(session, [row.referral_id] if row.referral_id else [])}


def _parts(row: Any, referral: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401  # a row of either query
    referred = _taken(row, "referral_", referral) if row.referral_id else None
    if referred:
        referred["from"] = referred.pop("party")
    return {"routing": _taken(row, "routing_", _ROUTING) if row.routing_method else None, "referral": referred}


def _taken(row: Any, prefix: str, names: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401  # a row of either query
    return {name: getattr(row, prefix + name) for name in names}


def _with_files(row: Any, prefix: str, names: Sequence[str]) -> dict[str, Any]:  # noqa: ANN401  # a row of `_one`
    return {**_taken(row, prefix, names), "files": getattr(row, f"{prefix}files") or []}
