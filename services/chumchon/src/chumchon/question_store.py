"""The store of questions and answers: what was asked and answered, without who asked, to be read widely."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from chumchon.records import Answer, Case, Complainant, Question, QuestionAnswer, question_search
from chumchon.redaction import PERSONAL, without_contacts, without_person
from servicekit.ids import uuid7
from thaikit.search import Field, index_document

SUBJECT_WEIGHT = 2.0
"""A word of the question's subject says more of it than one of its details."""
ANSWER_WEIGHT = 0.5
"""A word of the answer helps to find the question, but people ask in the words of questions."""


def keep_question(session: Session, case: Case, answer: Answer) -> None:
    """Keep what a case asked with its newest answer, in the caller's transaction."""
    known = _known_of(session, case)
    question = session.scalar(sa.select(Question).where(Question.case_id == case.id))
    if question is None:
        question = Question(id=uuid7(), case_id=case.id, origin=case.origin, channel=case.channel)
        session.add(question)
    question.subject, question.text = _asked(case, known)
    question.kind = case.kind
    question.topic = answer.topic
    question.work_group = answer.work_group
    question.asked_at = case.received_at
    question.answered_at = answer.answered_at
    question.answer_version = answer.version
    # The Office's own numbers stay: people are to call them.
    question.answer = without_person(answer.text, known)
    session.flush()
    session.add(
        QuestionAnswer(
            question_id=question.id,
            version=answer.version,
            text=question.answer,
            topic=answer.topic,
            work_group=answer.work_group,
            answered_at=answer.answered_at,
        )
    )
    _index(session, question)


def follow_correction(session: Session, case: Case) -> None:
    """Let a stored question say what its corrected case says, without what is now known of who asked."""
    session.flush()
    question = session.scalar(sa.select(Question).where(Question.case_id == case.id))
    if question is None:
        return
    known = _known_of(session, case)
    question.subject, question.text = _asked(case, known)
    question.answer = without_person(question.answer, known)
    for version in session.scalars(sa.select(QuestionAnswer).where(QuestionAnswer.question_id == question.id)):
        version.text = without_person(version.text, known)
    if session.is_modified(question):
        _index(session, question)


def searched_fields(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[Field, ...]]:
    """What is searched of stored questions."""
    wanted = sa.select(Question).where(Question.id == sa.any_(sa.literal(list(ids), ARRAY(sa.Uuid))))
    return {question.id: _searched(question) for question in session.scalars(wanted)}


def _known_of(session: Session, case: Case) -> Mapping[str, str | None] | None:
    person = session.get(Complainant, case.id)
    return None if person is None else {name: getattr(person, name) for name in PERSONAL}


def _asked(case: Case, known: Mapping[str, str | None] | None) -> tuple[str, str]:
    subject, text = (without_contacts(without_person(said, known)) for said in (case.subject, case.details))
    return subject, text


def _index(session: Session, question: Question) -> None:
    session.flush()
    # Last, because changes of the index wait for each other.
    index_document(session, question_search, question.id, *_searched(question))


def _searched(question: Question) -> tuple[Field, ...]:
    return (
        Field(question.subject, SUBJECT_WEIGHT),
        Field(question.text),
        Field(question.answer, ANSWER_WEIGHT),
    )
