"""A complaint as officers see it, read in one statement: several stages answer with it."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import Response
from pydantic import Field
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.orm import Session

from center1111.codes import AnswerOrigin, RefusalGround
from center1111.journey import Move, ReferralMove, ReferralState, State
from center1111.records import (
    Answer,
    AnswerArticle,
    Article,
    Complainant,
    Complaint,
    ComplaintErasure,
    HistoryEntry,
    Referral,
)
from center1111.standing import is_in
from center1111.steps import PARTY, ComplaintNotFound
from exchange.erasing import Confirmation
from exchange.tables import erasures
from schemas import ERASED_TEXT, Channel, Kind
from servicekit.database import Query
from servicekit.fields import Versioned, View
from servicekit.identity import Actor
from servicekit.versions import entity_tag


class PlaceView(View):
    """Where it happened."""

    province: str | None
    district: str | None
    subdistrict: str | None
    community: str | None


class ComplainantView(View):
    """Who complains; national id as 13 digits, telephone in E.164 or as a hotline is dialled."""

    title: str | None
    first_name: str | None
    last_name: str | None
    national_id: str | None
    phone: str | None
    email: str | None
    address: str | None


class VerificationView(View):
    """What the Centre's check came to."""

    outcome: str
    ground: RefusalGround | None
    note: str | None
    verified_at: datetime
    verified_by: str


class UsedArticle(View):
    """Which version of which article an answer used."""

    id: UUID
    number: int
    corrected_since: bool = Field(description="A later version of the article has come into force.")


class AnswerView(View):
    """One version of the answer; a later one supersedes it."""

    id: UUID
    version: int
    origin: AnswerOrigin
    text: str
    answered_at: datetime
    answered_by: str = Field(description="Who answered: an officer, or the agency's code.")
    work_group: str | None
    referral_id: UUID | None
    told_at: datetime | None = Field(description="When the complainant was first told of this version.")
    articles: list[UsedArticle]


class ReferralOfComplaint(View):
    """One referral of the complaint, in short."""

    id: UUID
    number: str
    to: str
    state: ReferralState


class AgencySaid(View):
    """What an agency said of a complaint that is with it, or the Centre of one that it works on."""

    agency: str = Field(description="The agency's code, or the Centre's own: `center1111`.")
    at: datetime
    text: str


class ErasureView(View):
    """That the complainant's personal data were erased, and who else has confirmed it."""

    erased_at: datetime
    by: str
    basis: str = Field(description="A code of /v1/code-lists/erasure_grounds, or an agency's own words.")
    note: str | None
    confirmations: list[Confirmation] = Field(description="One for each agency that was told to erase its copy.")


class ComplaintView(Versioned):
    """One complaint."""

    id: UUID
    tracking_number: str
    state: State
    channel: Channel
    kind: Kind
    subject: str
    details: str
    received_at: datetime
    recorded_at: datetime
    recorded_by: str
    due_at: datetime = Field(description="By when it is to be answered, or progress reported.")
    verify_due_at: datetime
    tell_due_at: datetime | None = Field(description="By when the complainant is to be told the answer.")
    told_at: datetime | None
    clock_stopped_at: datetime | None = Field(description="Since when no deadline of it runs; null: they run.")
    repeat_writer: bool = Field(description="The complainant had written often before.")
    changed_at: datetime
    confidential: bool
    complainant: ComplainantView | None
    place: PlaceView | None
    evidence: dict[str, Any]
    verification: VerificationView | None
    answer: AnswerView | None = Field(description="The version in force.")
    told_otherwise: bool = Field(
        description="Whether the complainant was told an earlier version of the answer, and not yet the one in force."
    )
    referrals: list[ReferralOfComplaint]
    question: AgencySaid | None = Field(description="What an agency must still know from the complainant.")
    progress: list[AgencySaid] = Field(
        description="Interim reports of agencies and of the Centre, the first one first."
    )
    closed_at: datetime | None
    erasure: ErasureView | None = Field(description="Null while the personal data are on record.")


def _object(**columns: Any) -> sa.ColumnElement[Any]:  # noqa: ANN401  # columns of any type
    parts: list[Any] = []
    for name, column in columns.items():
        parts += (sa.literal_column(f"'{name}'"), column)
    return sa.func.jsonb_build_object(*parts, type_=JSONB)


def _columns(record: type[Any], *names: str) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


_articles = (
    sa.select(
        sa.func.coalesce(
            sa.func.jsonb_agg(
                _object(
                    id=AnswerArticle.article_id,
                    number=AnswerArticle.number,
                    corrected_since=Article.published_number > AnswerArticle.number,
                )
            ),
            sa.literal_column("'[]'::jsonb"),
        )
    )
    .join(Article, Article.id == AnswerArticle.article_id)
    .where(AnswerArticle.answer_id == Answer.id)
    .correlate(Answer)
    .scalar_subquery()
)

ANSWER_OBJECT = _object(
    **_columns(
        Answer, "id", "version", "origin", "text", "answered_at", "answered_by", "work_group", "referral_id", "told_at"
    ),
    articles=_articles,
)
"""An answer as JSON in the shape of `AnswerView`, for statements that select from answers."""

_answer = (
    sa.select(ANSWER_OBJECT)
    .where(Answer.complaint_id == Complaint.id)
    .order_by(Answer.version.desc())
    .limit(1)
    .correlate(Complaint)
    .scalar_subquery()
)
_newest_told_at = (
    sa.select(Answer.told_at)
    .where(Answer.complaint_id == Complaint.id)
    .order_by(Answer.version.desc())
    .limit(1)
    .correlate(Complaint)
    .scalar_subquery()
)
_told_otherwise = sa.and_(
    _newest_told_at.is_(None),
    sa.exists().where(Answer.complaint_id == Complaint.id, Answer.told_at.is_not(None)).correlate(Complaint),
)
_referral = _object(**_columns(Referral, "id", "number", "to", "state"))
_referrals = (
    sa.select(
        sa.func.coalesce(
            sa.func.jsonb_agg(aggregate_order_by(_referral, Referral.ordinal.asc())), sa.literal_column("'[]'::jsonb")
        )
    )
    .where(Referral.complaint_id == Complaint.id)
    .correlate(Complaint)
    .scalar_subquery()
)
_said = _object(
    # Which of its officers reported, the Centre tells nobody outside.
    agency=sa.case((HistoryEntry.referral_id.is_(None), sa.literal_column(f"'{PARTY}'")), else_=HistoryEntry.by),
    at=HistoryEntry.at,
    text=sa.func.coalesce(HistoryEntry.note, ERASED_TEXT),  # its notes are what an erasure takes out of a history
)
OPEN_QUESTION = (
    sa.select(_said)
    .select_from(Referral)
    .join(HistoryEntry, HistoryEntry.referral_id == Referral.id)
    .where(
        Referral.complaint_id == Complaint.id,
        is_in(Referral.state, [ReferralState.AWAITING_COMPLAINANT]),
        HistoryEntry.move == sa.literal_column(f"'{ReferralMove.ASK}'"),
    )
    .order_by(HistoryEntry.at.desc(), HistoryEntry.id.desc())
    .limit(1)
    .correlate(Complaint)
    .scalar_subquery()
)
"""The question to the complainant that is open as JSON in the shape of `AgencySaid`, for statements on complaints."""

PROGRESS_REPORTS = (
    sa.select(
        sa.func.coalesce(
            sa.func.jsonb_agg(aggregate_order_by(_said, HistoryEntry.at.asc(), HistoryEntry.id.asc())),
            sa.literal_column("'[]'::jsonb"),
        )
    )
    .where(
        HistoryEntry.complaint_id == Complaint.id,
        is_in(HistoryEntry.move, [ReferralMove.PROGRESS, Move.REPORT_PROGRESS]),
    )
    .correlate(Complaint)
    .scalar_subquery()
)
"""The interim reports of agencies and of the Centre as JSON, each like `AgencySaid`, for statements on complaints."""

_complainant = (
    sa.select(
        _object(**_columns(Complainant, "title", "first_name", "last_name", "national_id", "phone", "email", "address"))
    )
    .where(Complainant.complaint_id == Complaint.id)
    .correlate(Complaint)
    .scalar_subquery()
)
_place = sa.case(
    (
        sa.func.num_nonnulls(Complaint.province, Complaint.district, Complaint.subdistrict, Complaint.community) > 0,
        _object(**_columns(Complaint, "province", "district", "subdistrict", "community")),
    ),
)
_verification = sa.case(
    (
        Complaint.verified_at.is_not(None),
        _object(
            outcome=sa.case(
                (Complaint.refusal_ground.is_(None), sa.literal_column("'accepted'")),
                else_=sa.literal_column("'refused'"),
            ),
            ground=Complaint.refusal_ground,
            note=Complaint.verification_note,
            verified_at=Complaint.verified_at,
            verified_by=Complaint.verified_by,
        ),
    ),
)

_confirmations = (
    sa.select(
        sa.func.coalesce(
            sa.func.jsonb_agg(
                aggregate_order_by(
                    _object(
                        party=erasures.c.peer,
                        number=erasures.c.number,
                        told_at=erasures.c.told_at,
                        confirmed_at=erasures.c.confirmed_at,
                    ),
                    erasures.c.number.asc(),
                )
            ),
            sa.literal_column("'[]'::jsonb"),
        )
    )
    .join(Referral, Referral.id == erasures.c.subject)
    .where(Referral.complaint_id == Complaint.id)
    .correlate(Complaint)
    .scalar_subquery()
)
_erasure = sa.case(
    (
        Complaint.erased_at.is_not(None),
        sa.select(
            _object(
                **_columns(ComplaintErasure, "erased_at", "basis", "note"),
                by=ComplaintErasure.erased_by,
                confirmations=_confirmations,
            )
        )
        .where(ComplaintErasure.complaint_id == Complaint.id)
        .correlate(Complaint)
        .scalar_subquery(),
    ),
)

_SELECT = sa.select(
    *_columns(
        Complaint,
        "id",
        "version",
        "tracking_number",
        "state",
        "channel",
        "kind",
        "subject",
        "details",
        "received_at",
        "recorded_at",
        "recorded_by",
        "due_at",
        "verify_due_at",
        "tell_due_at",
        "told_at",
        "clock_stopped_at",
        "repeat_writer",
        "changed_at",
        "confidential",
        "evidence",
        "closed_at",
        "client_id",
    ).values(),
    _complainant.label("complainant"),
    _place.label("place"),
    _verification.label("verification"),
    _answer.label("answer"),
    _told_otherwise.label("told_otherwise"),
    _referrals.label("referrals"),
    OPEN_QUESTION.label("question"),
    PROGRESS_REPORTS.label("progress"),
    _erasure.label("erasure"),
).where(Complaint.id == sa.bindparam("id", type_=sa.Uuid))
_READ = Query(_SELECT)


def read_complaint(session: Session, complaint_id: UUID, *, for_: Actor) -> ComplaintView:
    """The complaint as `for_` may see it: an agency's system sees what it filed itself.

    Raises:
        ComplaintNotFound: there is none for that caller.
    """
    row = _READ.first(session, id=complaint_id)
    if row is None or (for_.is_agency_client and row.client_id != for_.client_id):
        raise ComplaintNotFound
    return ComplaintView.model_validate(row)


def tell_version(response: Response, version: int) -> None:
    """Answer with the new `ETag` of the parent that a call on its sub-resource has changed."""
    response.headers["ETag"] = entity_tag(version)
