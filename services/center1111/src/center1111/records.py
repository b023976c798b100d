"""The Centre's tables. CHECKs, partial indexes, sequences and triggers are in the migrations."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from center1111.codes import (
    AnswerOrigin,
    Check,
    LinkKind,
    MarkKind,
    Means,
    RefusalGround,
    Sending,
    Step,
    StopReason,
    Topic,
)
from center1111.journey import (
    ArticleState,
    AttachmentState,
    DeliveryState,
    ImportState,
    Move,
    ReferralMove,
    ReferralState,
    ReopeningState,
    State,
)
from schemas import Channel, Kind, ReturnReason
from servicekit.files.kinds import MediaType
from thaikit.search import search_index


class _Code(sa.TypeDecorator[Any]):
    """A code of a code list, stored as text; a CHECK of the migration knows which there are."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, codes: Any) -> None:  # noqa: ANN401  # any enumeration of texts
        super().__init__()
        self.codes = codes

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002  # SQLAlchemy's
        return None if value is None else str(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:  # noqa: ANN401, ARG002  # as above
        return None if value is None else self.codes(value)


class Record(DeclarativeBase):
    """A table of the Centre."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: sa.Text,
        UUID: sa.Uuid,
        datetime: sa.DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(sa.Text),
        list[int]: ARRAY(sa.Integer),
        State: _Code(State),
        Move: _Code(Move),
        ReferralState: _Code(ReferralState),
        ReferralMove: _Code(ReferralMove),
        ArticleState: _Code(ArticleState),
        AttachmentState: _Code(AttachmentState),
        MediaType: _Code(MediaType),
        ImportState: _Code(ImportState),
        AnswerOrigin: _Code(AnswerOrigin),
        RefusalGround: _Code(RefusalGround),
        Topic: _Code(Topic),
        Check: _Code(Check),
        LinkKind: _Code(LinkKind),
        MarkKind: _Code(MarkKind),
        StopReason: _Code(StopReason),
        Step: _Code(Step),
        Sending: _Code(Sending),
        Channel: _Code(Channel),
        Kind: _Code(Kind),
        ReturnReason: _Code(ReturnReason),
        Means: _Code(Means),
        DeliveryState: _Code(DeliveryState),
        ReopeningState: _Code(ReopeningState),
    }


class Complaint(Record):
    """One complaint, whatever its channel."""

    __tablename__ = "complaints"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    tracking_number: Mapped[str] = mapped_column(unique=True)
    tracking_secret_digest: Mapped[bytes]
    state: Mapped[State]
    channel: Mapped[Channel]
    kind: Mapped[Kind]
    subject: Mapped[str]
    details: Mapped[str]
    search_text: Mapped[str] = mapped_column(deferred=True)
    confidential: Mapped[bool]
    province: Mapped[str | None]
    district: Mapped[str | None]
    subdistrict: Mapped[str | None]
    community: Mapped[str | None]
    evidence: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    client_id: Mapped[str | None]
    due_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    verified_by: Mapped[str | None]
    refusal_ground: Mapped[RefusalGround | None]
    verification_note: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    answer_origin: Mapped[AnswerOrigin | None]
    work_group: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    text_sketch: Mapped[list[int]] = mapped_column(deferred=True)
    repeat_writer: Mapped[bool]
    verify_due_at: Mapped[datetime]
    tell_due_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    clock_stopped_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy reads it so


class Complainant(Record):
    """Who complains: apart from the complaint, so that personal data can be erased and the complaint stays."""

    __tablename__ = "complainants"

    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"), primary_key=True)
    title: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    national_id: Mapped[str | None]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    address: Mapped[str | None]


class HistoryEntry(Record):
    """One thing that was done to a complaint or to one of its referrals. Never changed, never deleted."""

    __tablename__ = "complaint_history"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    referral_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("referrals.id"))
    at: Mapped[datetime]
    by: Mapped[str]
    move: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    note: Mapped[str | None]


class Answer(Record):
    """One version of the answer to a complaint; the highest version is the one in force."""

    __tablename__ = "answers"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    version: Mapped[int]
    origin: Mapped[AnswerOrigin]
    text: Mapped[str]
    answered_at: Mapped[datetime]
    answered_by: Mapped[str]
    recorded_at: Mapped[datetime]
    referral_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("referrals.id"))
    referral_version: Mapped[int | None]
    work_group: Mapped[str | None]
    told_at: Mapped[datetime | None]


class AnswerArticle(Record):
    """Which version of which article an answer used."""

    __tablename__ = "answer_articles"

    answer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("answers.id"), primary_key=True)
    article_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int]

    __table_args__ = (
        sa.ForeignKeyConstraint(["article_id", "number"], ["article_versions.article_id", "article_versions.number"]),
    )


class Referral(Record):
    """One sending of one complaint to one agency."""

    __tablename__ = "referrals"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    ordinal: Mapped[int]
    number: Mapped[str] = mapped_column(unique=True)
    to: Mapped[str]
    question: Mapped[str]
    state: Mapped[ReferralState]
    referred_at: Mapped[datetime]
    referred_by: Mapped[str]
    due_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    case_number: Mapped[str | None]
    work_group: Mapped[str | None]
    topic: Mapped[str | None]
    agency_due_at: Mapped[datetime | None]
    returned_at: Mapped[datetime | None]
    return_reason: Mapped[ReturnReason | None]
    return_note: Mapped[str | None]
    suggested_owner: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdrawal_reason: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    answer_version: Mapped[int | None]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy reads it so


class Article(Record):
    """One entry of the knowledge base: its newest version, and which version is in force."""

    __tablename__ = "articles"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    state: Mapped[ArticleState]
    question: Mapped[str]
    answer: Mapped[str]
    topic: Mapped[Topic | None]
    keywords: Mapped[list[str]]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    review_on: Mapped[date | None]
    number: Mapped[int]
    published_number: Mapped[int | None]
    from_referral: Mapped[UUID | None] = mapped_column(sa.ForeignKey("referrals.id"))
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy reads it so


class ArticleVersion(Record):
    """One version of an article's content, kept for ever: answers were given from it."""

    __tablename__ = "article_versions"

    article_id: Mapped[UUID] = mapped_column(sa.ForeignKey("articles.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    question: Mapped[str]
    answer: Mapped[str]
    topic: Mapped[Topic | None]
    keywords: Mapped[list[str]]
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    review_on: Mapped[date | None]
    author: Mapped[str]
    written_at: Mapped[datetime]
    published_at: Mapped[datetime | None]
    published_by: Mapped[str | None]


IN_FORCE = sa.and_(ArticleVersion.article_id == Article.id, ArticleVersion.number == Article.published_number)
"""Joins an article with its version in force."""


def holds_on(day: sa.ColumnElement[date]) -> sa.ColumnElement[bool]:
    """Whether a version of an article may be answered from on this day."""
    return sa.and_(
        sa.func.coalesce(ArticleVersion.valid_from, day) <= day,
        sa.func.coalesce(ArticleVersion.valid_until, day) >= day,
    )


class Attachment(Record):
    """A file that belongs to a complaint: announced first, then sent; the file itself is in the file store."""

    __tablename__ = "attachments"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    filename: Mapped[str]
    media_type: Mapped[MediaType]
    announced_bytes: Mapped[int]
    announced_sha256: Mapped[str | None]
    announced_at: Mapped[datetime]
    announced_by: Mapped[str]
    state: Mapped[AttachmentState]
    received_at: Mapped[datetime | None]
    received_sha256: Mapped[str | None]
    store_key: Mapped[str | None]
    bytes: Mapped[int | None]
    sha256: Mapped[str | None]
    threat: Mapped[str | None]


class ComplaintImport(Record):
    """A table of complaints that is to be recorded as a whole; its content is kept until that is decided."""

    __tablename__ = "complaint_imports"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[ImportState]
    dry_run: Mapped[bool]
    content: Mapped[bytes | None] = mapped_column(deferred=True)
    sha256: Mapped[str]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    attempt: Mapped[int]
    leased_until: Mapped[datetime | None]
    rows_total: Mapped[int | None]
    rows_done: Mapped[int]
    errors: Mapped[list[dict[str, Any]]]
    errors_total: Mapped[int]
    finished_at: Mapped[datetime | None]


class ImportedRow(Record):
    """Which complaint a row of an import became."""

    __tablename__ = "imported_rows"

    import_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaint_imports.id"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"), unique=True)


class SavedView(Record):
    """A list of complaints as one officer likes to see it: filters and an order, under a name."""

    __tablename__ = "saved_views"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    filters: Mapped[dict[str, Any]]
    sort: Mapped[str]
    changed_at: Mapped[datetime]

    __table_args__ = (sa.UniqueConstraint("owner", "name"),)


class ComplainantMark(Record):
    """By what a complainant is known again: a keyed hash of one thing that tells who they are."""

    __tablename__ = "complainant_marks"

    mark: Mapped[bytes] = mapped_column(primary_key=True)
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"), primary_key=True)
    kind: Mapped[MarkKind]


class ChecklistTick(Record):
    """What a verifier found when looking at one thing of the checklist."""

    __tablename__ = "checklist_ticks"

    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"), primary_key=True)
    check: Mapped[Check] = mapped_column(primary_key=True)
    fulfilled: Mapped[bool]
    note: Mapped[str | None]
    ticked_at: Mapped[datetime]
    ticked_by: Mapped[str]


class ComplaintLink(Record):
    """That a complaint is a duplicate of another, related to it, or follows it. Both stay what they are."""

    __tablename__ = "complaint_links"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    other_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    kind: Mapped[LinkKind]
    note: Mapped[str | None]
    linked_at: Mapped[datetime]
    linked_by: Mapped[str]
    removed_at: Mapped[datetime | None]
    removed_by: Mapped[str | None]
    removal_reason: Mapped[str | None]


class ClockStop(Record):
    """A time in which a complaint's deadlines did not run, and why."""

    __tablename__ = "clock_stops"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    reason: Mapped[StopReason]
    note: Mapped[str | None]
    stopped_at: Mapped[datetime]
    stopped_by: Mapped[str]
    asked_in: Mapped[UUID | None] = mapped_column(sa.ForeignKey("referrals.id"))
    restarted_at: Mapped[datetime | None]
    restarted_by: Mapped[str | None]
    working_days: Mapped[int | None]


class Reminder(Record):
    """One rung of the ladder that a deadline has reached: made once, told once; `mail` tells those of one look."""

    __tablename__ = "reminders"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    step: Mapped[Step]
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    referral_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("referrals.id"))
    due_at: Mapped[datetime]
    rung: Mapped[str]
    to: Mapped[str]
    made_at: Mapped[datetime]
    sending: Mapped[Sending]
    mail: Mapped[UUID | None]
    sent_at: Mapped[datetime | None]
    failure: Mapped[str | None]


class ArticleReview(Record):
    """Somebody has looked whether an article still holds, and it does."""

    __tablename__ = "article_reviews"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    article_id: Mapped[UUID]
    number: Mapped[int]
    reviewed_at: Mapped[datetime]
    reviewed_by: Mapped[str]
    note: Mapped[str | None]
    next_review_on: Mapped[date | None]

    __table_args__ = (
        sa.ForeignKeyConstraint(["article_id", "number"], ["article_versions.article_id", "article_versions.number"]),
    )


class AnswerTemplate(Record):
    """A text with places to fill, from which officers begin an answer."""

    __tablename__ = "answer_templates"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    name: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    retired: Mapped[bool]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy reads it so


class Delivery(Record):
    """The telling of one version of an answer to its complainant by one means."""

    __tablename__ = "deliveries"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column()
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    answer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("answers.id"))
    means: Mapped[Means]
    state: Mapped[DeliveryState]
    corrects: Mapped[bool]
    letter_year: Mapped[int | None]
    letter_serial: Mapped[int | None] = mapped_column(sa.BigInteger)
    owed_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    told_by: Mapped[str | None]
    note: Mapped[str | None]
    last_problem: Mapped[str | None]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy reads it so
    __table_args__ = (sa.UniqueConstraint("letter_year", "letter_serial"),)


class ComplainantMessage(Record):
    """What a complainant told later, by number and secret."""

    __tablename__ = "complainant_messages"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    at: Mapped[datetime]
    text: Mapped[str]


class Feedback(Record):
    """What a complainant thinks of one version of the answer."""

    __tablename__ = "feedback"

    answer_id: Mapped[UUID] = mapped_column(sa.ForeignKey("answers.id"), primary_key=True)
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    at: Mapped[datetime]
    satisfied: Mapped[bool]
    comment: Mapped[str | None]


class ReopeningRequest(Record):
    """A complainant's request to take the complaint up again, and what became of it."""

    __tablename__ = "reopening_requests"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"))
    state: Mapped[ReopeningState]
    at: Mapped[datetime]
    reason: Mapped[str]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]
    decision: Mapped[str | None]


class ComplaintErasure(Record):
    """That the personal data of a complaint were erased: why, and at whose word."""

    __tablename__ = "complaint_erasures"

    complaint_id: Mapped[UUID] = mapped_column(sa.ForeignKey("complaints.id"), primary_key=True)
    erased_at: Mapped[datetime]
    erased_by: Mapped[str]
    basis: Mapped[str]
    note: Mapped[str | None]


ARTICLES_SEARCH = search_index(Record.metadata, "articles")
"""Finds articles by the text of the version that is in force."""
