"""The operators' routes under `/v1/exchange`: what stands where, why, and what they decide about it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Literal, TypeVar
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, params
from pydantic import Field
from sqlalchemy.orm import Session

from exchange import listing, operating
from exchange.alarms import Alarm, Watch, alarms_raised
from exchange.inbox import Effects
from exchange.listing import Decision, IncomingMessage, IncomingState, OutgoingMessage, OutgoingState, Proof
from exchange.parties import Exchange
from exchange.reconciling import Reconciliation, newest_reconciliations
from exchange.watching import PeerStatus, statuses
from schemas import ReceiptProblem
from servicekit.clock import Now
from servicekit.fields import Body, Text, View
from servicekit.filters import CodesOf
from servicekit.identity import Actor
from servicekit.paging import DEFAULT_PAGE, Cursor, Limit, Page, decode_cursor, make_page
from servicekit.routes import Reading, Router, Transaction

REASON_LENGTH = 2000

Shown = TypeVar("Shown")


class WithReason(Body):
    """A decision that is to be explained: the reason is kept with it for ever."""

    reason: Annotated[str, Text(REASON_LENGTH)] = Field(examples=["ผู้รับยืนยันทางโทรศัพท์ว่าได้รับเรื่องแล้ว"])


class PerhapsWithReason(Body):
    """A decision that may be explained."""

    reason: Annotated[str, Text(REASON_LENGTH)] | None = Field(None, examples=["ผู้รับแก้ไขระบบแล้ว"])


class Redelivered(View):
    """How many messages are sent again."""

    messages: int


class GivenUp(View):
    """The tombstone that stands in the message's place."""

    tombstone: UUID


class AppliedAgain(View):
    """What came of it: `problem` says why it still cannot be applied."""

    state: IncomingState
    problem: ReceiptProblem | None


class AlarmView(Alarm):
    """Something that has waited beyond its limit, in words."""

    th: str
    en: str


Peer = Annotated[str | None, Query(max_length=60, description="Only messages of this peer.")]
OutgoingStates = CodesOf[OutgoingState]
IncomingStates = CodesOf[IncomingState]
Subject = Annotated[UUID | None, Query(description="Only messages of this referral.")]


def operators_router(
    exchange: Exchange, effects: Effects, *, readers: params.Depends, operators: params.Depends
) -> APIRouter:
    """The routes: `readers` may look, `operators` decide; both are dependencies that give an `Actor`."""
    router = Router()
    _looking(router, effects, readers)
    _deciding(router, exchange, effects, operators)
    return router


def alarms_router(watches: Sequence[Watch], *, readers: params.Depends) -> APIRouter:
    """`GET /alarms`, for `readers`: what has waited beyond its limit, in the words of the watches."""
    router = Router(tags=["alarms"])
    words = {watch.name: watch.words for watch in watches}

    @router.get("/alarms", summary="What has waited beyond its limit, oldest first", dependencies=[readers])
    def get_alarms(
        *,
        session: Reading,
        request: Request,
        response: Response,
        state: Annotated[Literal["raised", "ended"], Query()] = "raised",
        watch: Annotated[str | None, Query(max_length=60, description="Only those of this watch.")] = None,
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> Page[AlarmView]:
        """Each is raised once, reminded of by a ladder of working days, and ended by the next step."""
        rows = alarms_raised(
            session, limit=limit + 1, ended=state == "ended", after=_position(request, cursor), watch=watch
        )

        def view(alarm: Alarm) -> AlarmView:
            said = words.get(alarm.watch)
            th, en = (said.th, said.en) if said else (alarm.watch, alarm.watch)
            return AlarmView(**alarm.model_dump(), th=th, en=en)

        return make_page(rows, limit=limit, request=request, response=response, view=view, position=_place)

    return router


def _looking(router: Router, effects: Effects, readers: params.Depends) -> None:
    @router.get("/status", summary="How it stands with each peer", dependencies=[readers])
    def get_status(session: Reading) -> list[PeerStatus]:
        return statuses(session, effects.unanswered)

    @router.get(
        "/outbox", summary="Messages owed or sent, newest first, and why they stand there", dependencies=[readers]
    )
    def get_outbox(
        *,
        session: Reading,
        request: Request,
        response: Response,
        peer: Peer = None,
        state: OutgoingStates = None,
        subject: Subject = None,
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> Page[OutgoingMessage]:
        rows = listing.outgoing_messages(
            session,
            limit=limit + 1,
            peer=peer,
            states=state,
            subject=subject,
            before=_position(request, cursor),
        )
        return make_page(rows, limit=limit, request=request, response=response, view=_same, position=_place)

    @router.get("/outbox/{message_id}", summary="One message owed or sent", dependencies=[readers])
    def get_outgoing_message(message_id: UUID, session: Reading) -> OutgoingMessage:
        return listing.outgoing_message(session, message_id)

    @router.get(
        "/outbox/{message_id}/receipt",
        summary="The peer's signed receipt of a message: the proof of what it took, and when",
        dependencies=[readers],
    )
    def get_receipt(message_id: UUID, session: Reading) -> Proof:
        return listing.proof_of(session, message_id)

    @router.get("/inbox", summary="Messages received, newest first, and why they stand there", dependencies=[readers])
    def get_inbox(
        *,
        session: Reading,
        request: Request,
        response: Response,
        peer: Peer = None,
        state: IncomingStates = None,
        subject: Subject = None,
        limit: Limit = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> Page[IncomingMessage]:
        rows = listing.incoming_messages(
            session,
            limit=limit + 1,
            peer=peer,
            states=state,
            subject=subject,
            before=_position(request, cursor),
        )
        return make_page(rows, limit=limit, request=request, response=response, view=_same, position=_place)

    @router.get("/inbox/{source}/{message_id}", summary="One message received", dependencies=[readers])
    def get_incoming_message(source: str, message_id: UUID, session: Reading) -> IncomingMessage:
        return listing.incoming_message(session, source, message_id)

    @router.get("/decisions", summary="What operators decided, newest first", dependencies=[readers])
    def get_decisions(
        session: Reading, request: Request, response: Response, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None
    ) -> Page[Decision]:
        rows = listing.decisions_made(session, limit=limit + 1, before=_position(request, cursor))
        return make_page(rows, limit=limit, request=request, response=response, view=_same, position=_place)

    @router.get("/reconciliations", summary="What comparing both sides found, newest first", dependencies=[readers])
    def get_reconciliations(session: Reading, limit: Limit = DEFAULT_PAGE) -> list[Reconciliation]:
        return newest_reconciliations(session, limit=limit)


def _deciding(router: Router, exchange: Exchange, effects: Effects, operators: params.Depends) -> None:
    Operator = Annotated[Actor, operators]  # noqa: N806  # a type

    @router.post("/outbox/{message_id}/redelivery", summary="Send a dead message again, for another 7 days")
    def post_redelivery(
        message_id: UUID, body: PerhapsWithReason, session: Transaction, now: Now, actor: Operator
    ) -> OutgoingMessage:
        operating.redeliver(session, message_id, reason=body.reason, by=actor.subject, now=now)
        return listing.outgoing_message(session, message_id)

    @router.post(
        "/outbox/{message_id}/tombstone",
        status_code=HTTPStatus.CREATED,
        summary="Give a dead message up: a tombstone with the reason takes its place",
    )
    def post_tombstone(message_id: UUID, body: WithReason, session: Transaction, now: Now, actor: Operator) -> GivenUp:
        return GivenUp(tombstone=operating.give_up(session, message_id, reason=body.reason, by=actor.subject, now=now))

    @router.post("/inbox/{source}/{message_id}/application", summary="Try a quarantined message once more")
    def post_application(
        *, source: str, message_id: UUID, body: WithReason, session: Transaction, now: Now, actor: Operator
    ) -> AppliedAgain:
        problem = operating.apply_again(
            session, source, message_id, effects, reason=body.reason, by=actor.subject, now=now
        )
        return AppliedAgain(state="quarantined" if problem else "applied", problem=problem)

    @router.post("/inbox/{source}/{message_id}/dismissal", summary="Set a quarantined message aside for good")
    def post_dismissal(
        *, source: str, message_id: UUID, body: WithReason, session: Transaction, now: Now, actor: Operator
    ) -> IncomingMessage:
        operating.dismiss(session, source, message_id, reason=body.reason, by=actor.subject, now=now)
        return listing.incoming_message(session, source, message_id)

    @router.post("/peers/{peer}/redelivery", summary="Send all dead messages of a peer again")
    def post_redelivery_of_all(
        peer: str, body: PerhapsWithReason, session: Transaction, now: Now, actor: Operator
    ) -> Redelivered:
        _known(exchange, peer)
        return Redelivered(
            messages=operating.redeliver_all(session, peer, reason=body.reason, by=actor.subject, now=now)
        )

    @router.post("/peers/{peer}/pause", summary="Send nothing to a peer until further notice")
    def post_pause(peer: str, body: WithReason, session: Transaction, now: Now, actor: Operator) -> PeerStatus:
        operating.pause(session, peer, reason=body.reason, by=actor.subject, now=now)
        return _of(session, effects, peer)

    @router.post("/peers/{peer}/resumption", summary="Send to a peer again, whatever had paused it")
    def post_resumption(
        peer: str, body: PerhapsWithReason, session: Transaction, now: Now, actor: Operator
    ) -> PeerStatus:
        operating.resume(session, peer, reason=body.reason, by=actor.subject, now=now)
        return _of(session, effects, peer)


def _known(exchange: Exchange, peer: str) -> None:
    if peer not in exchange.peers:
        raise operating.PeerNotFound


def _of(session: Session, effects: Effects, peer: str) -> PeerStatus:
    return next(status for status in statuses(session, effects.unanswered) if status.peer == peer)


def _position(request: Request, cursor: str | None) -> UUID | None:
    return decode_cursor(request, cursor, (UUID,))[0] if cursor else None


def _place(row: OutgoingMessage | IncomingMessage | Decision | Alarm) -> Sequence[object]:
    return (row.id,)


def _same(row: Shown) -> Shown:
    return row
