"""Answering at once, under the Centre's own authority."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from center1111 import steps, tellings
from center1111.codes import AnswerOrigin
from center1111.deadlines import Deadlines
from center1111.journey import MOVES, ArticleState, Move, State
from center1111.records import (
    IN_FORCE,
    Answer,
    AnswerArticle,
    Article,
    ArticleVersion,
    Complainant,
    Complaint,
    ComplaintLink,
    holds_on,
)
from servicekit.ids import uuid7
from servicekit.problems import FieldError, InvalidInput
from servicekit.versions import Versions
from servicekit.words import Words
from thaikit.calendar import bangkok_date
from thaikit.numbers import written_phone

_NOT_IN_FORCE: Final = Words(
    "ไม่พบบทความนี้ หรือบทความนี้ยังไม่เผยแพร่ เลิกใช้แล้ว หรือไม่อยู่ในช่วงวันที่ใช้ได้",
    "There is no such article in force today.",
)

_BETWEEN: Final = re.compile(r"[\s\u200b-]+")
_SAYS_WHOSE: Final = FieldError(
    "/text",
    "says_whose_it_is",
    Words(
        "คำตอบเดียวสำหรับหลายเรื่องต้องไม่ระบุเลขที่เรื่องหรือชื่อผู้ร้องของเรื่องใดเรื่องหนึ่ง เพราะผู้ร้องรายอื่นจะได้อ่านด้วย",
        "An answer for several complaints names neither one's number nor its complainant: the others read it, too.",
    ),
)

_NOT_LINKED: Final = (
    "not_linked",
    Words("เรื่องนี้ไม่ได้เชื่อมโยงกับเรื่องที่ตอบ โปรดเชื่อมโยงก่อน", "It is not linked to the complaint: link them first."),
)
_NOT_ANSWERABLE: Final = (
    "cannot_be_answered",
    Words("สถานะของเรื่องนี้ยังตอบไม่ได้ หรือตอบไปแล้ว", "In its present state it cannot be answered by the Centre."),
)


def answer(
    session: Session,
    complaint_id: UUID,
    *,
    text: str,
    article_ids: Sequence[UUID],
    wanted: Versions,
    deadlines: Deadlines,
    by: str,
    now: datetime,
    note: str | None = None,
) -> tuple[Complaint, Answer]:
    """Answer a verified complaint, owe its telling, and keep which versions of which articles the answer used.

    Raises:
        InvalidInput: an article is not in force.
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.ANSWER, by=by, now=now, note=note)
    complaint.answered_at = now
    complaint.answer_origin = AnswerOrigin.CENTRE
    complaint.work_group = None
    complaint.tell_due_at = deadlines.tell_due(now)
    complaint.told_at = None
    used = _versions_in_force(session, article_ids, today=bangkok_date(now))
    given = Answer(
        id=uuid7(),
        complaint_id=complaint_id,
        version=steps.next_answer_version(session, complaint_id),
        origin=AnswerOrigin.CENTRE,
        text=text,
        answered_at=now,
        answered_by=by,
        recorded_at=now,
    )
    session.add(given)
    session.flush()
    session.add_all(AnswerArticle(answer_id=given.id, article_id=id_, number=number) for id_, number in used.items())
    tellings.owe_telling(session, complaint, given, now=now)
    return complaint, given


def answer_together(
    session: Session,
    complaint_id: UUID,
    *,
    also_for: Sequence[UUID],
    text: str,
    article_ids: Sequence[UUID],
    wanted: Versions,
    deadlines: Deadlines,
    by: str,
    now: datetime,
) -> Complaint:
    """Give one answer to a complaint and to others that are linked to it: to all of them, or to none.

    Raises:
        InvalidInput: one of the others is not linked to it or cannot be answered, an article is not in force, or the
            text names one of the complaints or complainants.
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    if also_for:
        # All are locked in the order of their ids, so that no two changes can wait for each other.
        everyone = sa.any_(sa.literal([complaint_id, *also_for], ARRAY(sa.Uuid)))
        locked = session.scalars(
            sa.select(Complaint).where(Complaint.id == everyone).order_by(Complaint.id).with_for_update()
        ).all()
        _refuse_others(session, complaint_id, also_for, {one.id: one.state for one in locked})
        _refuse_names(session, locked, text)
    given: dict[str, Any] = {"text": text, "article_ids": article_ids, "deadlines": deadlines, "by": by, "now": now}
    complaint, _ = answer(session, complaint_id, wanted=wanted, **given)
    for other_id in also_for:
        answer(session, other_id, wanted=None, note=f"with {complaint.tracking_number}", **given)
    return complaint


def _refuse_others(
    session: Session, complaint_id: UUID, also_for: Sequence[UUID], states: Mapping[UUID, State]
) -> None:
    named_here = ComplaintLink.complaint_id == complaint_id
    linked = session.scalars(
        sa.select(sa.case((named_here, ComplaintLink.other_id), else_=ComplaintLink.complaint_id)).where(
            sa.or_(named_here, ComplaintLink.other_id == complaint_id), ComplaintLink.removed_at.is_(None)
        )
    ).all()
    wrong = [
        FieldError(f"/also_for/{position}", *(_NOT_ANSWERABLE if other_id in linked else _NOT_LINKED))
        for position, other_id in enumerate(also_for)
        if other_id not in linked or (states[other_id], Move.ANSWER) not in MOVES
    ]
    if wrong:
        raise InvalidInput(*wrong)


def _refuse_names(session: Session, complaints: Sequence[Complaint], text: str) -> None:
    """Refuse a text that was filled in for one of the complaints, as from a template: the others would read of it."""
    people = session.scalars(
        sa.select(Complainant).where(Complainant.complaint_id.in_([one.id for one in complaints]))
    ).all()
    names = [(one.first_name, one.last_name) for one in people if one.first_name and one.last_name]
    if len(names) == len(complaints) and len(set(names)) == 1:  # all of them are one person's
        return
    written = _close_up(text)
    if any(_close_up(said) in written for said in (*_told_of(people), *(one.tracking_number for one in complaints))):
        raise InvalidInput(_SAYS_WHOSE)


def _told_of(people: Sequence[Complainant]) -> Iterator[str]:
    """How a text may name these people: in full, as Thais are addressed, or by what reaches them."""
    for one in people:
        if one.first_name and one.last_name:
            yield f"{one.first_name} {one.last_name}"
        if one.first_name:
            yield from (f"{address} {one.first_name}" for address in {one.title, "คุณ", "เรียน"} if address)
        yield from (known for known in (one.national_id, one.phone, one.email, one.address) if known)
        if one.phone:
            yield written_phone(one.phone)


def _close_up(text: str) -> str:
    """Without spaces and hyphens, which names and numbers are written with or without."""
    return _BETWEEN.sub("", text).casefold()


def _versions_in_force(session: Session, article_ids: Sequence[UUID], *, today: date) -> dict[UUID, int]:
    rows = session.execute(
        sa.select(Article.id, Article.published_number)
        .join(ArticleVersion, IN_FORCE)
        .where(
            Article.id == sa.any_(sa.literal(list(article_ids), ARRAY(sa.Uuid))),
            Article.state == ArticleState.PUBLISHED,
            holds_on(sa.literal(today)),
        )
    )
    found = {row.id: row.published_number for row in rows}
    wrong = [
        FieldError(f"/article_ids/{position}", "unknown_article", _NOT_IN_FORCE)
        for position, article_id in enumerate(article_ids)
        if article_id not in found
    ]
    if wrong:
        raise InvalidInput(*wrong)
    return found
