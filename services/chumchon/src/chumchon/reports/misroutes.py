"""How often rules and model sent cases astray, as people's later decisions tell."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import Depends
from fastapi import Query as QueryParameter
from pydantic import Field, computed_field
from sqlalchemy.dialects.postgresql import JSONB

from chumchon.confirmations import confirmations
from chumchon.records import RoutingRecord
from chumchon.reports.routes import PERIOD
from chumchon.routing.rules import Method
from chumchon.steps import OFFICERS
from servicekit.clock import Now
from servicekit.database import Query
from servicekit.fields import Timestamp, View
from servicekit.identity import Actor, require
from servicekit.problems import FieldError, InvalidInput
from servicekit.routes import Reading, Router

router = Router(tags=["reports"], prefix="/reports")

Officer = Annotated[Actor, Depends(require(*OFFICERS))]

DEFAULT_PERIOD: Final = timedelta(days=90)
SHOWN_TERMS: Final = 200

# Every case is routed once by machine, when it is opened; what people made of it is its confirmation.
_truth = confirmations.subquery("truth")
_decisions = (
    sa.select(
        RoutingRecord.method,
        RoutingRecord.model_version,
        RoutingRecord.topic,
        RoutingRecord.abstained,
        RoutingRecord.terms,
        _truth.c.id.is_not(None).label("judged"),
        sa.and_(_truth.c.id.is_not(None), _truth.c.work_group.is_distinct_from(RoutingRecord.work_group)).label(
            "misrouted"
        ),
        sa.and_(_truth.c.id.is_not(None), _truth.c.label != RoutingRecord.topic).label("wrong_topic"),
    )
    .outerjoin(_truth, _truth.c.id == RoutingRecord.case_id)
    .where(
        RoutingRecord.decided_by.is_(None),
        RoutingRecord.decided_at >= sa.bindparam("begins_at"),
        RoutingRecord.decided_at < sa.bindparam("ends_at"),
    )
    .cte("decisions")
)
_counts = (
    sa.func.count().label("decided"),
    sa.func.count().filter(_decisions.c.judged).label("judged"),
    sa.func.count().filter(_decisions.c.misrouted).label("misrouted"),
    sa.func.count().filter(_decisions.c.wrong_topic).label("wrong_topic"),
)
_routed = sa.not_(_decisions.c.abstained)
_abstained = Query(sa.select(sa.func.count()).select_from(_decisions).where(_decisions.c.abstained))
_total = Query(sa.select(*_counts).where(_routed))
_by_topic = Query(
    sa.select(_decisions.c.topic, *_counts).where(_routed).group_by(_decisions.c.topic).order_by(_decisions.c.topic)
)
_by_method = Query(
    sa.select(_decisions.c.method, _decisions.c.model_version, *_counts)
    .where(_routed)
    .group_by(_decisions.c.method, _decisions.c.model_version)
    .order_by(_decisions.c.method, _decisions.c.model_version)
)
_spoken = sa.func.jsonb_array_elements(_decisions.c.terms).table_valued("value", name="spoken").lateral()
_term = sa.cast(_spoken.c.value, JSONB)
_by_term = Query(
    sa.select(_term["term"].as_string().label("term"), *_counts)
    .select_from(_decisions.join(_spoken, sa.true()))
    # The words that a model weighs are the complainants' own; only what is a rule is reported.
    .where(_routed, _decisions.c.method == Method.RULE, _term["weight"].as_float() > 0)
    .group_by(sa.text("term"))
    .order_by(sa.desc("misrouted"), sa.desc("judged"), sa.text("term"))
    .limit(SHOWN_TERMS)
)


class Misroutes(View):
    """Decisions, and what became of them."""

    decided: int = Field(description="Cases sent to a group by machine.")
    judged: int = Field(description="Of those, the ones that people have confirmed or corrected since.")
    misrouted: int = Field(description="Of those, the ones that belonged to another group, or to none.")
    wrong_topic: int = Field(description="Of the judged, the ones under another topic, of whatever group.")

    @computed_field(description="Misrouted of the judged, 0 to 1; null while none was judged.")  # type: ignore[prop-decorator]
    @property
    def misroute_rate(self) -> float | None:
        """Misrouted of the judged."""
        return round(self.misrouted / self.judged, 4) if self.judged else None


class MisroutesByTopic(Misroutes):
    """Of the cases sent to one topic."""

    topic: str


class MisroutesByTerm(Misroutes):
    """Of the cases that rules decided, and in which a term spoke for the topic."""

    term: str = Field(examples=["โอนเงิน"])


class MisroutesByMethod(Misroutes):
    """Of the cases that rules or a model decided."""

    method: Method
    model_version: int | None = Field(description="The trained model that was asked; null: there was none yet.")


class MisrouteReport(View):
    """How often cases were sent astray."""

    decided_from: datetime = Field(serialization_alias="from")
    decided_to: datetime = Field(serialization_alias="to", description="Not included.")
    total: Misroutes
    abstained: int = Field(description="Cases left to people from the beginning.")
    by_method: list[MisroutesByMethod]
    by_topic: list[MisroutesByTopic]
    by_term: list[MisroutesByTerm] = Field(
        description=f"The {SHOWN_TERMS} terms with the most misrouted cases. None is switched off by itself."
    )


@router.get("/misroutes", summary="How often rules and model sent cases astray, by term and by topic")
def get_misroutes(
    session: Reading,
    now: Now,
    _: Officer,
    decided_from: Annotated[
        Timestamp | None, QueryParameter(alias="from", description="Opened then or later; default: 90 days ago.")
    ] = None,
    decided_to: Annotated[
        Timestamp | None, QueryParameter(alias="to", description="Opened before; default: now.")
    ] = None,
) -> MisrouteReport:
    """What people confirmed by acceptance or corrected by rerouting since; numbers alone, of all groups."""
    ends_at = decided_to or now
    begins_at = decided_from or ends_at - DEFAULT_PERIOD
    if begins_at >= ends_at:
        raise InvalidInput(FieldError("/from", "wrong_period", PERIOD, "query"))

    def rows(query: Query) -> Sequence[Any]:
        return query.all(session, begins_at=begins_at, ends_at=ends_at)

    return MisrouteReport(
        decided_from=begins_at,
        decided_to=ends_at,
        total=Misroutes.model_validate(rows(_total)[0]),
        abstained=rows(_abstained)[0][0],
        by_method=[MisroutesByMethod.model_validate(row) for row in rows(_by_method)],
        by_topic=[MisroutesByTopic.model_validate(row) for row in rows(_by_topic)],
        by_term=[MisroutesByTerm.model_validate(row) for row in rows(_by_term)],
    )
