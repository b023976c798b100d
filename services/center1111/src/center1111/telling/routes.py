"""Telling complainants of answers: what is to be sent, what was told, and the letters to print."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Query, Request, Response
from pydantic import ConfigDict
from sqlalchemy.orm import Session

from center1111 import steps, tellings
from center1111.codes import Means
from center1111.complaint_view import read_complaint
from center1111.fields import Note
from center1111.journey import DeliveryState, State
from center1111.letterhead import Letterhead
from center1111.records import Answer, Delivery
from center1111.roles import CaseOfficer, Officer
from center1111.telling import queries
from center1111.telling.queries import DeliveryView
from center1111.tellings import DeliveryNotFound
from servicekit.clock import Now
from servicekit.fields import Body
from servicekit.filters import CodesOf
from servicekit.paging import Count, Cursor, Limit, Page, decode_cursor, make_page
from servicekit.problems import DomainError
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatch

router = Router(tags=["tellings"])


class NoLetter(DomainError):
    """Of this telling there is no letter: it is spoken, or shown online."""


class NotAnswered(DomainError):
    """There is no answer in force that could be told."""


class Told(Body):
    """That the complainant was told, and what there is to keep of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "ส่งไปรษณีย์ลงทะเบียน EF582568151TH"}]})

    note: Note | None = None


class NewDelivery(Body):
    """By which means to tell the answer in force."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"means": "letter"}]})

    means: Means


async def _letterhead(request: Request) -> Letterhead:
    head: Letterhead = request.app.state.letterhead
    return head


Head = Annotated[Letterhead, Depends(_letterhead)]
"""The Centre's letterhead, for routes."""


@router.get("/deliveries", summary="List tellings of answers: what is to be sent, was told, has failed")
def list_deliveries(
    *,
    session: Reading,
    actor: Officer,  # noqa: ARG001  # who may
    request: Request,
    response: Response,
    state: CodesOf[DeliveryState] = None,
    means: CodesOf[Means] = None,
    complaint: UUID | None = None,
    superseded: Annotated[
        bool | None, Query(description="With `state=told`: who was told an answer that has changed since.")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,  # a query parameter
) -> Page[DeliveryView]:
    """The one owed longest first."""
    given = {"state": state, "means": means, "complaint": complaint, "superseded": superseded}
    wanted = {name: value for name, value in given.items() if value is not None}
    after = decode_cursor(request, cursor, [datetime, UUID]) if cursor else None
    return make_page(
        queries.list_deliveries(session, wanted, after=after, limit=limit + 1),
        limit=limit,
        request=request,
        response=response,
        view=DeliveryView.model_validate,
        position=lambda row: [row.owed_at, row.id],
        total=queries.count_deliveries(session, wanted) if count else None,
    )


@router.get("/deliveries/{delivery_id}", summary="Read one telling of an answer")
def get_delivery(delivery_id: UUID, session: Reading, actor: Officer) -> DeliveryView:  # noqa: ARG001  # who may
    """By which means, to whom, and what became of it."""
    return _shown(session, delivery_id)


@router.get(
    "/deliveries/{delivery_id}/letter",
    summary="The letter as PDF, ready to print",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_letter(
    delivery_id: UUID,
    *,
    session: Reading,
    now: Now,
    actor: CaseOfficer,  # noqa: ARG001  # who may
    head: Head,
) -> Response:
    """Of tellings by letter, and by e-mail, with which it goes. Dated today until it is told, and that day for ever."""
    delivery = session.get(Delivery, delivery_id)
    if delivery is None:
        raise DeliveryNotFound
    if delivery.letter_serial is None:
        raise NoLetter(means=delivery.means)
    pdf = tellings.letter_of(session, delivery, head, on=now)
    return Response(
        pdf,
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{delivery_id}.pdf"', "Cache-Control": "private, no-store"},
    )


@router.post("/deliveries/{delivery_id}/telling", summary="Write down that the complainant was told")
def post_telling(
    delivery_id: UUID, new: Told, *, session: Transaction, now: Now, actor: CaseOfficer, wanted: IfMatch
) -> DeliveryView:
    """The letter was posted, the call was made, the complainant was at the counter; by mail it happens by itself."""
    complaint, delivery = tellings.delivery_to_change(session, delivery_id, wanted)
    if delivery.state is DeliveryState.CALLED_OFF:  # only a mail that was under way may still be told
        raise steps.MoveNotAllowed(state=delivery.state, move="tell", possible="-")
    tellings.tell(session, complaint, delivery, note=new.note, by=actor.subject, now=now)
    session.flush()
    return _shown(session, delivery_id)


@router.post("/deliveries/{delivery_id}/retry", summary="Try a failed telling again")
def post_retry(
    delivery_id: UUID,
    *,
    session: Transaction,
    now: Now,
    actor: CaseOfficer,  # noqa: ARG001  # who may
    wanted: IfMatch,
) -> DeliveryView:
    """To try another means, post to the complaint's deliveries."""
    _, delivery = tellings.delivery_to_change(session, delivery_id, wanted)
    tellings.retry(session, delivery, now=now)
    session.flush()
    return _shown(session, delivery_id)


@router.post(
    "/complaints/{complaint_id}/deliveries", status_code=201, summary="Tell the answer in force by another means"
)
def post_delivery(
    complaint_id: UUID,
    new: NewDelivery,
    *,
    session: Transaction,
    now: Now,
    actor: CaseOfficer,  # noqa: ARG001  # who may
    wanted: IfMatch,
    response: Response,
) -> DeliveryView:
    """Each answer is owed by the means that suits its complainant; this one is an officer's choice beside it."""
    complaint = steps.complaint_to_change(session, complaint_id, wanted)
    newest = sa.select(Answer).where(Answer.complaint_id == complaint_id).order_by(Answer.version.desc()).limit(1)
    answer = session.scalar(newest)
    if answer is None or complaint.state not in {State.ANSWERED, State.CLOSED}:
        raise NotAnswered
    delivery = tellings.owe_by_means(session, complaint, answer, new.means, now=now)
    response.headers["Location"] = f"/v1/deliveries/{delivery.id}"
    return _shown(session, delivery.id)


@router.get("/complaints/{complaint_id}/deliveries", summary="All tellings of a complaint's answers")
def list_deliveries_of_complaint(complaint_id: UUID, session: Reading, actor: Officer) -> Page[DeliveryView]:
    """The first one first."""
    read_complaint(session, complaint_id, for_=actor)
    rows = queries.list_deliveries(session, {"complaint": complaint_id}, after=None, limit=1000)
    return Page(items=[DeliveryView.model_validate(row) for row in rows], next=None)


def _shown(session: Session, delivery_id: UUID) -> DeliveryView:
    found = queries.read_delivery(session, delivery_id)
    if found is None:
        raise DeliveryNotFound
    return found
