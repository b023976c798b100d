"""Summaries for those who lead and those who oversee."""

from datetime import datetime, timedelta
from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import Query as QueryParameter
from pydantic import Field

from center1111.codes import AnswerOrigin, Topic
from center1111.journey import State
from center1111.records import Answer, AnswerArticle, ArticleVersion, Complaint, Referral
from center1111.roles import Officer
from schemas import Channel, Kind
from servicekit.clock import Now
from servicekit.database import Query
from servicekit.fields import Timestamp, View
from servicekit.problems import FieldError, InvalidInput
from servicekit.routes import Reading, Router
from servicekit.words import Words
from thaikit.calendar import bangkok_date, days_of_fiscal_year, end_of_day, fiscal_year

router = Router(tags=["reports"])

_DIMENSIONS: Final = ("state", "channel", "kind", "work_group", "answer_origin")
_ALL_LEFT_OUT: Final = 2 ** len(_DIMENSIONS) - 1
# GROUPING() is a bit mask of the columns that a row leaves out, the first column its highest bit.
_BY_LEFT_OUT: Final = {
    _ALL_LEFT_OUT - (1 << (len(_DIMENSIONS) - 1 - place)): name for place, name in enumerate(_DIMENSIONS)
}
_ONE_DAY: Final = timedelta(days=1)
_MOMENT: Final = sa.DateTime(timezone=True)

# One pass over the period's rows for all of the counts.
_SUMMARY = Query(
    sa.select(
        *(getattr(Complaint, name) for name in _DIMENSIONS),
        sa.func.grouping(*(getattr(Complaint, name) for name in _DIMENSIONS)).label("left_out"),
        sa.func.count().label("count"),
    )
    .where(
        Complaint.received_at >= sa.bindparam("from_", type_=_MOMENT),
        Complaint.received_at < sa.bindparam("to", type_=_MOMENT),
    )
    .group_by(sa.func.grouping_sets(*(sa.tuple_(getattr(Complaint, name)) for name in _DIMENSIONS), sa.tuple_()))
)


class Summary(View):
    """How many complaints reached the Centre in a period, by what they are and what became of them."""

    received_from: datetime
    received_to: datetime
    total: int
    state: dict[State, int]
    channel: dict[Channel, int]
    kind: dict[Kind, int]
    work_group: dict[str, int]
    answer_origin: dict[AnswerOrigin, int]


# A complaint's first answer tells whether it was answered at once: by the Centre, and no agency was asked before. Its
# topic is that of the article used, or the one that the agency gave to the referral.
_first_article_topic = (
    sa.select(ArticleVersion.topic)
    .join(
        AnswerArticle,
        sa.and_(AnswerArticle.article_id == ArticleVersion.article_id, AnswerArticle.number == ArticleVersion.number),
    )
    .where(AnswerArticle.answer_id == Answer.id, ArticleVersion.topic.is_not(None))
    .order_by(ArticleVersion.article_id)
    .limit(1)
    .correlate(Answer)
    .scalar_subquery()
)
_topic = sa.func.coalesce(
    _first_article_topic,
    sa.select(Referral.topic).where(Referral.id == Answer.referral_id).correlate(Answer).scalar_subquery(),
)
_asked_before = (
    sa.exists()
    .where(Referral.complaint_id == Answer.complaint_id, Referral.referred_at <= Answer.answered_at)
    .correlate(Answer)
)
_by_centre = sa.type_coerce(Answer.origin, sa.Text) == sa.literal_column(f"'{AnswerOrigin.CENTRE}'")
_first_answers = (
    sa.select(_topic.label("topic"), sa.and_(_by_centre, sa.not_(_asked_before)).label("at_once"))
    .where(
        Answer.version == sa.literal_column("1"),
        Answer.answered_at >= sa.bindparam("from_", type_=_MOMENT),
        Answer.answered_at < sa.bindparam("to", type_=_MOMENT),
    )
    .subquery("first_answers")
)
_AT_ONCE = Query(
    sa.select(
        _first_answers.c.topic,
        sa.func.count().label("answered"),
        sa.func.count().filter(_first_answers.c.at_once).label("at_once"),
    ).group_by(_first_answers.c.topic)
)


class AnsweredAtOnce(View):
    """Of the complaints of a topic, how many the Centre answered itself, without asking an agency first."""

    topic: str | None = Field(description="A topic of /v1/code-lists/topics, or one of an agency's own; null: unknown.")
    answered: int = Field(description="Complaints that got their first answer in the period.")
    at_once: int = Field(
        description="Of these, those that the Centre answered under its own authority without referring them first."
    )
    rate: float = Field(description="`at_once` by `answered`, from 0 to 1; 0 where nothing was answered.")


class AnsweredAtOnceReport(View):
    """The rate of complaints answered at once, of all and by topic."""

    answered_from: datetime
    answered_to: datetime
    total: AnsweredAtOnce
    topics: list[AnsweredAtOnce]


@router.get("/reports/answered-at-once", summary="How many complaints the Centre answered at once, by topic")
def get_answered_at_once(
    *,
    session: Reading,
    now: Now,
    actor: Officer,  # noqa: ARG001  # who may
    from_: Annotated[
        Timestamp | None, QueryParameter(alias="from", description="Answered since; default: the fiscal year's begin.")
    ] = None,
    to: Annotated[
        Timestamp | None, QueryParameter(description="Answered before; default: the fiscal year's end.")
    ] = None,
) -> AnsweredAtOnceReport:
    """Half-open, by the moment of a complaint's first answer. Every topic stands in it, the most asked first."""
    since, until = _period(from_, to, now)
    rows = {row.topic: row for row in _AT_ONCE.all(session, from_=since, to=until)}
    every = dict.fromkeys([*Topic, *rows])
    topics = [
        _rate(topic, getattr(rows.get(topic), "answered", 0), getattr(rows.get(topic), "at_once", 0)) for topic in every
    ]
    return AnsweredAtOnceReport(
        answered_from=since,
        answered_to=until,
        total=_rate(None, sum(one.answered for one in topics), sum(one.at_once for one in topics)),
        topics=sorted(topics, key=lambda one: (-one.answered, one.topic or "")),
    )


def _rate(topic: str | None, answered: int, at_once: int) -> AnsweredAtOnce:
    rate = round(at_once / answered, 4) if answered else 0.0
    return AnsweredAtOnce(topic=topic, answered=answered, at_once=at_once, rate=rate)


def _period(from_: datetime | None, to: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """The period asked for; where an end is left open, that of the present fiscal year."""
    first, after = days_of_fiscal_year(fiscal_year(bangkok_date(now)))
    since = from_ or end_of_day(first - _ONE_DAY)
    until = to or end_of_day(after - _ONE_DAY)
    if until < since:
        raise InvalidInput(
            FieldError("/to", "ends_before_it_begins", Words("ต้องไม่ก่อน from", "It lies before `from`."), "query")
        )
    return since, until


@router.get("/reports/summary", summary="Count a period's complaints by state, channel, kind and who answered")
def get_summary(
    *,
    session: Reading,
    now: Now,
    actor: Officer,  # noqa: ARG001  # who may
    from_: Annotated[
        Timestamp | None, QueryParameter(alias="from", description="Received since; default: the fiscal year's begin.")
    ] = None,
    to: Annotated[
        Timestamp | None, QueryParameter(description="Received before; default: the fiscal year's end.")
    ] = None,
) -> Summary:
    """Half-open: a complaint of the very moment `to` belongs to the next period. `answer_origin` tells who answered.

    `work_group` is the agency's group that works on it or has answered.
    """
    since, until = _period(from_, to, now)
    counts: dict[str, dict[str, int]] = {name: {} for name in _DIMENSIONS}
    total = 0
    for row in _SUMMARY.all(session, from_=since, to=until):
        if row.left_out == _ALL_LEFT_OUT:
            total = row.count
            continue
        name = _BY_LEFT_OUT[row.left_out]
        code = getattr(row, name)
        if code is not None:
            counts[name][code] = row.count
    return Summary(
        received_from=since,
        received_to=until,
        total=total,
        state={code: counts["state"].get(code, 0) for code in State},
        channel={code: counts["channel"].get(code, 0) for code in Channel},
        kind={code: counts["kind"].get(code, 0) for code in Kind},
        work_group=counts["work_group"],
        answer_origin={code: counts["answer_origin"].get(code, 0) for code in AnswerOrigin},
    )
