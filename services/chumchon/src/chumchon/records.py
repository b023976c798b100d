"""The Office's tables. CHECKs, indexes, triggers and sequences stand in the migrations."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from thaikit.search import search_index


class Record(DeclarativeBase):
    """A row of one of the Office's tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: sa.Text,
        datetime: sa.DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[Any]: JSONB,
        list[UUID]: ARRAY(sa.Uuid),
    }


class Case(Record):
    """A case, whether it came by a channel of the Office's own or by referral."""

    __tablename__ = "cases"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_number: Mapped[str] = mapped_column(unique=True)
    origin: Mapped[str]
    channel: Mapped[str | None]
    kind: Mapped[str]
    subject: Mapped[str]
    details: Mapped[str]
    province: Mapped[str | None]
    district: Mapped[str | None]
    subdistrict: Mapped[str | None]
    community: Mapped[str | None]
    confidential: Mapped[bool]
    evidence: Mapped[dict[str, Any] | None]
    received_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]
    client_id: Mapped[str | None]
    """The agency whose system filed it, and which may follow it."""
    secret_hash: Mapped[bytes | None]
    """SHA-256 of the secret with which the complainant follows the case."""
    state: Mapped[str]
    topic: Mapped[str | None]
    work_group: Mapped[str | None]
    routing_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("routings.id", use_alter=True))
    """The decision in force."""
    officer: Mapped[str | None]
    """Who took it on."""
    due_at: Mapped[datetime]
    accepted_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    """When the first answer was given; a correction does not change it, a contest clears it."""
    stopped_at: Mapped[datetime | None]
    """Since when the clock stands still, because the complainant was asked."""
    news_at: Mapped[datetime | None]
    """Since when there is something from outside that nobody who works on it has read."""
    answer_version: Mapped[int]
    """The version of the newest answer; 0 before the first."""
    return_reason: Mapped[str | None]
    """Why it was handed back to the Centre, if it was."""
    closure_reason: Mapped[str | None]
    """Why it ended without an answer, while it is closed."""
    duplicate_of: Mapped[UUID | None] = mapped_column(sa.ForeignKey("cases.id"))
    """The case that goes on in place of this one, where it was closed as a duplicate."""
    erased_at: Mapped[datetime | None]
    """Since when its personal data are erased, and it stays as it is."""
    search_stale: Mapped[bool]
    """Whether the search does not yet know the present subject and details."""
    version: Mapped[int] = mapped_column()


class Complainant(Record):
    """Who complains: apart from the case, so that it can be erased while the case stays."""

    __tablename__ = "complainants"

    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"), primary_key=True)
    title: Mapped[str | None]
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    national_id: Mapped[str | None]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    address: Mapped[str | None]


class Referral(Record):
    """What the Centre said of a case that it referred."""

    __tablename__ = "referrals"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Made by the Centre; the subject of all messages about it."""
    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"), unique=True)
    number: Mapped[str]
    party: Mapped[str]
    complaint_number: Mapped[str]
    channel: Mapped[str]
    """The Centre's channel, by which the complaint came to it."""
    question: Mapped[str]
    attachments: Mapped[list[Any]]
    path: Mapped[list[Any]]
    """The complaint's earlier referrals, oldest first."""


class HistoryEntry(Record):
    """One change of a case. Never changed or deleted: a trigger refuses it."""

    __tablename__ = "case_history"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"))
    at: Mapped[datetime]
    by: Mapped[str]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    note: Mapped[str | None]


class RoutingRecord(Record):
    """One decision on where a case goes. The one in force is the case's `routing_id`."""

    __tablename__ = "routings"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"))
    decided_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    """The person; null where rules or a model decided."""
    method: Mapped[str]
    topic: Mapped[str | None]
    work_group: Mapped[str | None]
    confidence: Mapped[float] = mapped_column(sa.Double)
    abstained: Mapped[bool]
    terms: Mapped[list[Any]]
    proposals: Mapped[list[Any]]
    reason: Mapped[str | None]
    rules_version: Mapped[int | None]
    model_version: Mapped[int | None] = mapped_column(sa.ForeignKey("routing_models.version"))
    """The model that was asked; null where there was none in force."""


class RoutingRules(Record):
    """One version of the routing rules; the newest is in force."""

    __tablename__ = "routing_rules"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(unique=True)
    rules: Mapped[dict[str, Any]]
    saved_at: Mapped[datetime]
    saved_by: Mapped[str]
    note: Mapped[str | None]


class RoutingModel(Record):
    """One version of the model that has learned from people's decisions. In force or not: see `ModelActivation`."""

    __tablename__ = "routing_models"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(unique=True)
    trained_at: Mapped[datetime]
    trained_by: Mapped[str]
    material: Mapped[bytes]
    """SHA-256 of the examples and terms that it was made of: the same would give the same model again."""
    learned_from: Mapped[int]
    """How many examples it has seen."""
    outcome: Mapped[str]
    """Whether it was better than what was in force when it was trained."""
    figures: Mapped[dict[str, Any]]
    """How it did on the examples held back."""
    compared_with: Mapped[int | None] = mapped_column(sa.ForeignKey("routing_models.version"))
    """The model then in force; null: that of the first day."""
    compared_figures: Mapped[dict[str, Any]]
    """How that did on the same examples."""
    model: Mapped[bytes] = mapped_column(deferred=True)


class ModelActivation(Record):
    """One decision on which model routing asks; the newest is in force. Append-only."""

    __tablename__ = "routing_model_activations"

    id: Mapped[int] = mapped_column(sa.BigInteger, sa.Identity(always=True), primary_key=True)
    model_version: Mapped[int | None] = mapped_column(sa.ForeignKey("routing_models.version"))
    """Null: none, the rules decide alone."""
    restores: Mapped[int | None] = mapped_column(sa.ForeignKey("routing_model_activations.id"))
    """A rollback names the activation that it goes back to."""
    activated_at: Mapped[datetime]
    activated_by: Mapped[str]
    reason: Mapped[str]


class TrainingSchedule(Record):
    """When the model is to be trained next: one row, by which services agree on who does it."""

    __tablename__ = "training_schedule"

    single: Mapped[bool] = mapped_column(
        sa.CheckConstraint("single", name="training_schedule_single"), primary_key=True
    )
    due_at: Mapped[datetime]


class CaseMessage(Record):
    """What was told about a case on its way: progress, questions and replies, amendments, contests."""

    __tablename__ = "case_messages"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"))
    kind: Mapped[str]
    text: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]


class Draft(Record):
    """The answer as far as it is written; it becomes an answer when the group's head approves it."""

    __tablename__ = "drafts"

    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"), primary_key=True)
    text: Mapped[str]
    written_by: Mapped[str]
    written_at: Mapped[datetime]
    files: Mapped[list[UUID]]
    """The case's files that go with it, in their order."""


class Answer(Record):
    """One version of a case's answer. A later version supersedes it; none is ever changed."""

    __tablename__ = "answers"

    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    topic: Mapped[str]
    work_group: Mapped[str]
    drafted_by: Mapped[str]
    approved_by: Mapped[str]
    answered_at: Mapped[datetime]
    files: Mapped[list[UUID]]
    """The case's files that go with it, in their order."""


class Delivery(Record):
    """Something to be told to a complainant of the Office's own, by the case's channel."""

    __tablename__ = "deliveries"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"))
    kind: Mapped[str]
    answer_version: Mapped[int | None]
    text: Mapped[str]
    channel: Mapped[str]
    state: Mapped[str]
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    sent_by: Mapped[str | None]
    note: Mapped[str | None]
    version: Mapped[int] = mapped_column()


class Question(Record):
    """A question that was answered, without who asked: what is known of them is taken out of its words."""

    __tablename__ = "questions"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"), unique=True)
    subject: Mapped[str]
    text: Mapped[str]
    kind: Mapped[str]
    topic: Mapped[str]
    work_group: Mapped[str]
    origin: Mapped[str]
    channel: Mapped[str | None]
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime]
    """When its newest answer was given."""
    answer_version: Mapped[int]
    answer: Mapped[str]
    """The newest answer, so that a list needs no second look."""


class CaseFile(Record):
    """A file that came with a case or goes with its answer; its bytes lie beside the database, by their digest."""

    __tablename__ = "case_files"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"))
    kind: Mapped[str]
    filename: Mapped[str]
    media_type: Mapped[str]
    bytes: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str]
    pages: Mapped[int | None]
    kept_at: Mapped[datetime]


class ReceivedMail(Record):
    """A mail that came to the Office's mailbox, and what was made of it. Written with what it did."""

    __tablename__ = "received_mails"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(unique=True)
    """The same for one mail however often and wherever it lies."""
    message_id: Mapped[str | None]
    outcome: Mapped[str]
    case_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("cases.id"))
    reason: Mapped[str | None]
    """By what it was known to be no person's, where it was none."""
    original: Mapped[str]
    """The digest of its bytes as they came."""
    taken_at: Mapped[datetime]


class ChannelReader(Record):
    """How a reader of the mailbox or of a folder fares, in whichever process it works."""

    __tablename__ = "channel_readers"

    name: Mapped[str] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    succeeded_at: Mapped[datetime | None]
    """When it last had looked through everything there is."""
    waiting: Mapped[str | None]
    """How it learns of news: `idle`, where the mail server tells, or `poll`."""
    taken: Mapped[int] = mapped_column(sa.BigInteger)
    """How much it has taken in so far."""
    left_over: Mapped[int] = mapped_column(sa.BigInteger)
    """How much of what it looked at last could not be taken in."""
    failures: Mapped[int]
    """How often in a row it could not look."""
    failed_at: Mapped[datetime | None]
    problem: Mapped[str | None]
    """What kind of error the last failure was; never its text, which may quote a mail."""


class MailPlace(Record):
    """Where a taken mail lay in a mailbox; what is known here need not be fetched again."""

    __tablename__ = "mail_places"

    mailbox: Mapped[str] = mapped_column(primary_key=True)
    uid_validity: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    uid: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    mail_id: Mapped[UUID] = mapped_column(sa.ForeignKey("received_mails.id"))


class TakenFile(Record):
    """A fax or scan that was taken from a watched folder."""

    __tablename__ = "taken_files"

    folder: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"))
    taken_at: Mapped[datetime]


class QuestionAnswer(Record):
    """One version of the answer to a stored question, without who asked. Append-only."""

    __tablename__ = "question_answers"

    question_id: Mapped[UUID] = mapped_column(sa.ForeignKey("questions.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
    topic: Mapped[str]
    work_group: Mapped[str]
    answered_at: Mapped[datetime]


class CaseErasure(Record):
    """That the personal data of a case were erased: why, and at whose word."""

    __tablename__ = "case_erasures"

    case_id: Mapped[UUID] = mapped_column(sa.ForeignKey("cases.id"), primary_key=True)
    erased_at: Mapped[datetime]
    erased_by: Mapped[str]
    basis: Mapped[str]
    note: Mapped[str | None]


question_search = search_index(Record.metadata, "questions")
case_search = search_index(Record.metadata, "cases")
