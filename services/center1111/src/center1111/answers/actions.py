"""Answering at once, under the Centre's own authority."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from center1111 import steps, tellings
from center1111.codes import AnswerOrigin
from center1111.journey import ArticleState, Move
from center1111.records import Answer, AnswerArticle, Article, Complaint
from servicekit.ids import uuid7
from servicekit.problems import FieldError, InvalidInput
from servicekit.versions import Versions
from servicekit.words import Words

_NOT_IN_FORCE: Final = Words("ไม่พบบทความนี้ หรือบทความนี้ยังไม่เผยแพร่หรือเลิกใช้แล้ว", "There is no such article in force.")


def answer(
    session: Session,
    complaint_id: UUID,
    *,
    text: str,
    article_ids: Sequence[UUID],
    wanted: Versions,
    by: str,
    now: datetime,
) -> tuple[Complaint, Answer]:
    """Answer a verified complaint, owe its telling, and keep which versions of which articles the answer used.

    Raises:
        InvalidInput: an article is not in force.
        ComplaintNotFound, VersionMismatch, MoveNotAllowed: as `steps` tells.
    """
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    steps.advance(session, complaint, Move.ANSWER, by=by, now=now)
    complaint.answered_at = now
    complaint.answer_origin = AnswerOrigin.CENTRE
    complaint.work_group = None
    used = _versions_in_force(session, article_ids)
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


def _versions_in_force(session: Session, article_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = session.execute(
        sa.select(Article.id, Article.published_number).where(
            Article.id == sa.any_(sa.literal(list(article_ids), ARRAY(sa.Uuid))),
            Article.state == ArticleState.PUBLISHED,
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
