"""What a work group does with its cases, over HTTP."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from pydantic import Field, model_validator

from chumchon.answering import actions, closing
from chumchon.answering.letters import Letterhead, letter_of
from chumchon.answering.queries import answers_of, delivery, find_deliveries, messages_of
from chumchon.cases import AnswerFile, AnswerView, CaseView, case_view, visible_case
from chumchon.codes import ClosureReason, DeliveryKind, DeliveryState, MessageKind
from chumchon.deadlines import Deadlines
from chumchon.journey import Channel, State
from chumchon.steps import (
    AGENCY_CLIENT,
    GROUP_HEAD,
    GROUP_OFFICER,
    OFFICERS,
    REGISTRAR,
    case_to_change,
    sight_of,
)
from chumchon.tracking import case_id_for
from chumchon.work_groups import WorkGroup
from letters import to_pdf
from schemas import ATTACHMENTS
from schemas.bodies import ReturnReason
from servicekit.clock import Now
from servicekit.fields import Body, Line, Text, View, refused
from servicekit.filters import CodesOf, IdsOf
from servicekit.identity import Actor, NotAllowed, require
from servicekit.mail_queue import MailState
from servicekit.paging import Cursor, Limit, Page, decode_cursor, make_page
from servicekit.rate_limits import PUBLIC_LIMIT
from servicekit.routes import Reading, Router, Transaction
from servicekit.versions import IfMatch, IfMatchRequired
from servicekit.words import Words

router = Router(tags=["answering"])
public_router = Router(tags=["public"], prefix="/public", dependencies=[PUBLIC_LIMIT])

Worker = Annotated[Actor, Depends(require(GROUP_OFFICER, GROUP_HEAD))]
Returner = Annotated[Actor, Depends(require(GROUP_OFFICER, GROUP_HEAD, REGISTRAR))]
Head = Annotated[Actor, Depends(require(GROUP_HEAD))]
Closer = Annotated[Actor, Depends(require(REGISTRAR, GROUP_HEAD))]
Reader = Annotated[Actor, Depends(require(*OFFICERS, AGENCY_CLIENT))]
Officer = Annotated[Actor, Depends(require(*OFFICERS))]
Clerk = Annotated[Actor, Depends(require(REGISTRAR, GROUP_OFFICER, GROUP_HEAD))]

LongText = Annotated[str, Text(20_000)]
Files = Annotated[list[UUID], Field(max_length=ATTACHMENTS)]
COMPLAINANT = "complainant"


class ReturnBody(Body):
    """Why the case is handed back to the Centre."""

    reason: ReturnReason
    note: LongText | None = Field(None, examples=["เป็นเรื่องของกรมการพัฒนาชุมชน"])
    suggested_owner: Annotated[str, Line(200)] | None = Field(None, examples=["กรมการพัฒนาชุมชน"])

    @model_validator(mode="after")
    def _other_is_explained(self) -> Self:
        if self.reason is ReturnReason.OTHER and self.note is None:
            raise refused("note_required", Words("เหตุผล other ต้องมี note", "The reason `other` needs a note."))
        return self


class ClosureBody(Body):
    """Why the case ends without an answer."""

    reason_code: ClosureReason = Field(description="See /v1/code-lists/closure_reasons.")
    reason: Annotated[str, Text(2000)] = Field(examples=["ผู้ร้องส่งโทรสารแล้วส่งจดหมายฉบับเดียวกันตามมา"])
    duplicate_of: UUID | None = Field(None, description="The id of the case that goes on; for `duplicate` alone.")

    @model_validator(mode="after")
    def _a_duplicate_has_its_original(self) -> Self:
        if (self.reason_code is ClosureReason.DUPLICATE) is not (self.duplicate_of is not None):
            words = Words(
                "เหตุผล duplicate ต้องมี duplicate_of เหตุผลอื่นต้องไม่มี",
                "The reason `duplicate` needs `duplicate_of`, and no other takes it.",
            )
            raise refused("original_required", words)
        return self


class ReasonBody(Body):
    """Why."""

    reason: Annotated[str, Text(2000)] = Field(examples=["ผู้ร้องยืนยันว่าเป็นคนละเรื่องกัน"])


class ObjectionBody(Body):
    """What the complainant says against the answer."""

    reason: LongText = Field(examples=["ผู้ร้องแจ้งว่ายังไม่ได้รับเงินตามที่ตอบ"])


class TextBody(Body):
    """A text."""

    text: LongText = Field(examples=["สำนักงานกำลังตรวจสอบเอกสารการโอนเงินกับธนาคาร"])


class QuestionBody(Body):
    """What the complainant must still tell."""

    text: LongText = Field(examples=["โปรดแจ้งเลขที่บัญชีของโครงการ"])


class DraftBody(Body):
    """The answer as far as it is written."""

    text: LongText = Field(examples=["เงินโครงการจะโอนเข้าบัญชีชุมชนภายใน 30 วัน"])
    files: Files | None = Field(
        None,
        description="Files sent in for the answer; left out: those of the draft before, or of the answer in force.",
    )


class AnswerBody(Body):
    """The answer's final words; without them, the draft as it is."""

    text: LongText | None = Field(
        None,
        description="Where the settings require a draft: the draft's own words, or nothing.",
        examples=["เงินโครงการจะโอนเข้าบัญชีชุมชนภายใน 30 วันหลังทำสัญญา"],
    )
    files: Files | None = Field(
        None,
        description="Files sent in for the answer; left out: the draft's, or those of the answer in force. Where the"
        " settings require a draft: the draft's own, or nothing.",
    )


class HandOver(Body):
    """Who is to work on the case, and why."""

    to: Annotated[str, Line(200)] | None = Field(
        description="The officer's subject, as tokens name it; null: back into the group's queue.", examples=["somsri"]
    )
    note: Annotated[str, Text(2000)] = Field(examples=["ลาพักร้อนถึงสิ้นเดือน"])


class SendingBody(Body):
    """How the complainant was told."""

    note: Annotated[str, Line(300)] | None = Field(None, examples=["ส่งทางไปรษณีย์ลงทะเบียน RB 1234 5678 9 TH"])


class MessageView(View):
    """What was told about a case on its way."""

    kind: MessageKind
    text: str
    by: str
    at: datetime


class Messages(View):
    """Oldest first."""

    items: list[MessageView]


class Answers(View):
    """Every version of an answer, oldest first."""

    items: list[AnswerView]


class DeliveryMail(View):
    """What became of a delivery's mail."""

    state: MailState
    attempts: int = Field(description="How often the server was asked and did not take it yet.")
    due_at: datetime = Field(description="When it is tried next, while it is owed.")
    last_problem: str | None = Field(examples=["SMTP 451 4.7.1"])


class DeliveryView(View):
    """Something to be told to a complainant by the case's own channel."""

    id: UUID
    case_id: UUID
    case_number: str
    work_group: WorkGroup | None
    kind: DeliveryKind
    answer_version: int | None
    channel: Channel
    state: DeliveryState
    text: str
    files: list[AnswerFile] = Field(description="What goes with it: enclosed in a letter, attached to a mail.")
    created_at: datetime
    sent_at: datetime | None
    sent_by: str | None
    note: str | None
    mail: DeliveryMail | None = Field(description="Null where nothing goes by mail.")


class PublicReply(View):
    """What was taken."""

    case_number: str
    received_at: datetime


async def _deadlines(request: Request) -> Deadlines:
    deadlines: Deadlines = request.app.state.deadlines
    return deadlines


async def _draft_required(request: Request) -> bool:
    required: bool = request.app.state.draft_required
    return required


DeadlinesOfService = Annotated[Deadlines, Depends(_deadlines)]


@router.post("/cases/{case_id}/acceptance", summary="Take the case on")
def post_acceptance(case_id: UUID, session: Transaction, now: Now, actor: Worker, versions: IfMatch) -> CaseView:
    """Where the Centre referred it, this is the second acknowledgement, with the case's number, group and deadline."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.accept(session, case, by=actor.subject, now=now)
    return case_view(session, case_id)


@router.post("/cases/{case_id}/taking", summary="Work on an accepted case oneself")
def post_taking(case_id: UUID, session: Transaction, now: Now, actor: Worker, versions: IfMatch) -> CaseView:
    """Where nobody does; a head may take it from an officer. `GET /v1/cases?taken=false` is the group's queue."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.take(session, case, by=actor.subject, heads=actor.has(GROUP_HEAD), now=now)
    return case_view(session, case_id)


@router.post("/cases/{case_id}/hand-over", summary="Let somebody else of the group work on the case")
def post_hand_over(
    *, case_id: UUID, new: HandOver, session: Transaction, now: Now, actor: Worker, versions: IfMatch
) -> CaseView:
    """By who works on it, or by the head; the note stays in the case's history.

    Refused where the officer was last at work in another group; one who never was at work may get it.
    """
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.hand_over(session, case, to=new.to, note=new.note, by=actor.subject, heads=actor.has(GROUP_HEAD), now=now)
    return case_view(session, case_id)


@router.post("/cases/{case_id}/reading", summary="Say that what came in about the case was read")
def post_reading(case_id: UUID, session: Transaction, actor: Clerk, versions: IfMatch) -> CaseView:
    """What the Centre or the complainant told later. `GET /v1/cases?news=true` lists where something is unread.

    By the case's group; a registrar for what is closed, which may never have had a group.
    """
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    if case.state != State.CLOSED and not actor.has(GROUP_OFFICER, GROUP_HEAD):
        raise NotAllowed(roles=f"{GROUP_OFFICER}, {GROUP_HEAD}")
    actions.read_news(case)
    session.flush()
    return case_view(session, case_id)


@router.post("/cases/{case_id}/return", summary="Hand the case back to the Centre")
def post_return(
    *, case_id: UUID, why: ReturnBody, session: Transaction, now: Now, actor: Returner, versions: IfMatch
) -> CaseView:
    """Only what the Centre referred; `other` needs a note."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.return_case(
        session,
        case,
        reason=why.reason,
        note=why.note,
        suggested_owner=why.suggested_owner,
        by=actor.subject,
        now=now,
    )
    return case_view(session, case_id)


@router.post("/cases/{case_id}/closure", summary="End a case of the Office's own channels without an answer")
def post_closure(
    *,
    case_id: UUID,
    why: ClosureBody,
    session: Transaction,
    now: Now,
    actor: Closer,
    versions: IfMatch,
    deadlines: DeadlinesOfService,
) -> CaseView:
    """Spam, a duplicate, taken back, not ours. By a registrar until a group accepts it, and by the group's head.

    What was not sent to the complainant yet is not sent any more. A referred case is returned instead.
    """
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    closing.close(
        session,
        case,
        reason_code=why.reason_code,
        reason=why.reason,
        duplicate_of=why.duplicate_of,
        by=actor.subject,
        heads=actor.has(GROUP_HEAD),
        deadlines=deadlines,
        now=now,
    )
    return case_view(session, case_id)


@router.post("/cases/{case_id}/reopening", summary="Take a closed case up again")
def post_reopening(
    *, case_id: UUID, why: ReasonBody, session: Transaction, now: Now, actor: Closer, versions: IfMatch
) -> CaseView:
    """It is `routed` to its group again, or `new` where none had it; its deadline is what it was."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    closing.reopen(session, case, reason=why.reason, by=actor.subject, now=now)
    return case_view(session, case_id)


@router.post("/cases/{case_id}/objections", summary="Take up what the complainant says against the answer")
def post_objection(
    *,
    case_id: UUID,
    objection: ObjectionBody,
    session: Transaction,
    now: Now,
    actor: Closer,
    versions: IfMatch,
    deadlines: DeadlinesOfService,
) -> CaseView:
    """An answered case of the Office's own channels is at work again, and the limit to answer begins anew."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    closing.object_to_answer(session, case, objection.reason, by=actor.subject, deadlines=deadlines, now=now)
    return case_view(session, case_id)


@router.post("/cases/{case_id}/progress", summary="Report how the case stands")
def post_progress(
    *,
    case_id: UUID,
    progress: TextBody,
    session: Transaction,
    now: Now,
    actor: Worker,
    versions: IfMatch,
    deadlines: DeadlinesOfService,
) -> CaseView:
    """Goes to the Centre, or to the complainant by the case's channel; the limit to answer begins anew."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.report_progress(session, case, progress.text, by=actor.subject, deadlines=deadlines, now=now)
    return case_view(session, case_id)


@router.post("/cases/{case_id}/questions", summary="Ask the complainant")
def post_question(
    *, case_id: UUID, asked: QuestionBody, session: Transaction, now: Now, actor: Worker, versions: IfMatch
) -> CaseView:
    """The case waits, and its clock stands still, until the complainant replies."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.ask(session, case, asked.text, by=actor.subject, now=now)
    return case_view(session, case_id)


@router.post("/cases/{case_id}/replies", summary="Record what the complainant told")
def post_reply(
    *,
    case_id: UUID,
    told: TextBody,
    session: Transaction,
    now: Now,
    actor: Clerk,
    versions: IfMatch,
    deadlines: DeadlinesOfService,
) -> CaseView:
    """By letter, fax, telephone or mail; a reply to a question lets the clock go on."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.reply(session, case, told.text, by=actor.subject, deadlines=deadlines, now=now)
    return case_view(session, case_id)


@public_router.post("/cases/{case_number}/messages", status_code=201, summary="Tell more about a case of one's own")
def post_public_message(
    *,
    case_number: str,
    told: TextBody,
    session: Transaction,
    now: Now,
    deadlines: DeadlinesOfService,
    tracking_secret: Annotated[str, Header(max_length=200)],
) -> PublicReply:
    """With the case's number and secret; a reply to a question of the Office's lets it go on."""
    case = case_to_change(session, case_id_for(session, case_number, tracking_secret))
    actions.reply(session, case, told.text, by=COMPLAINANT, deadlines=deadlines, now=now)
    return PublicReply(case_number=case.case_number, received_at=now)


@router.get("/cases/{case_id}/messages", summary="What was told about a case on its way")
def get_messages(case_id: UUID, session: Reading, actor: Officer) -> Messages:
    """Progress, questions, replies, amendments by the Centre, contests."""
    visible_case(session, case_id, sight_of(actor))
    return Messages(items=[MessageView.model_validate(row) for row in messages_of(session, case_id)])


@router.put("/cases/{case_id}/draft", summary="Write the draft of the answer")
def put_draft(
    *, case_id: UUID, draft: DraftBody, session: Transaction, now: Now, actor: Worker, versions: IfMatchRequired
) -> CaseView:
    """Who writes it last is its author, and may not approve it."""
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.save_draft(session, case, draft.text, files=draft.files, by=actor.subject, now=now)
    return case_view(session, case_id)


@router.post("/cases/{case_id}/answers", status_code=201, summary="Approve the answer")
def post_answer(
    *,
    case_id: UUID,
    answer: AnswerBody,
    session: Transaction,
    now: Now,
    actor: Head,
    versions: IfMatch,
    deadlines: DeadlinesOfService,
    draft_required: Annotated[bool, Depends(_draft_required)],
    response: Response,
) -> CaseView:
    """It goes back to the Centre, or to the complainant by the case's channel. A further one corrects it.

    A draft is approved by another person than its author. Where the settings require no draft, a head may answer
    without one or otherwise than it: `drafted_by` and `approved_by` are then both the head.
    """
    case = case_to_change(session, case_id, sight=sight_of(actor), versions=versions)
    actions.approve(
        session,
        case,
        answer.text,
        files=answer.files,
        by=actor.subject,
        draft_required=draft_required,
        deadlines=deadlines,
        now=now,
    )
    response.headers["Location"] = f"/v1/cases/{case_id}/answers"
    return case_view(session, case_id)


@router.get("/cases/{case_id}/answers", summary="Every version of the answer")
def get_answers(case_id: UUID, session: Reading, actor: Reader) -> Answers:
    """Oldest first; the last one is in force."""
    visible_case(session, case_id, sight_of(actor))
    rows = answers_of(session, case_id)
    return Answers(items=[AnswerView.model_validate({**row._asdict(), "files": row.files or []}) for row in rows])


@router.get("/deliveries", summary="What is to be told to complainants, oldest first")
def list_deliveries(
    *,
    request: Request,
    response: Response,
    session: Reading,
    actor: Officer,
    state: CodesOf[DeliveryState] = None,
    channel: CodesOf[Channel] = None,
    kind: CodesOf[DeliveryKind] = None,
    case_id: IdsOf = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[DeliveryView]:
    """`state=to_send` is the list to work off; what came by the website is shown there at once."""
    sight = sight_of(actor)
    given = {
        "state": state,
        "channel": channel,
        "kind": kind,
        "case_id": case_id,
        "seen_work_group": None if sight.everything else sight.work_group or "",
    }
    after = decode_cursor(request, cursor, [datetime, UUID]) if cursor else None
    rows = find_deliveries(
        session,
        {name: value for name, value in given.items() if value is not None},
        after=(after[0], after[1]) if after else None,
        limit=limit + 1,
    )
    return make_page(
        rows,
        limit=limit,
        request=request,
        response=response,
        view=_delivery_view,
        position=lambda row: (row.created_at, row.id),
    )


@router.get("/deliveries/{delivery_id}", summary="Read one thing that is to be told, or was")
def get_delivery(delivery_id: UUID, session: Reading, actor: Officer) -> DeliveryView:
    """As the list shows it; that of another group's case is 404."""
    return _delivery_view(_visible_delivery(session, delivery_id, actor))


@router.get(
    "/deliveries/{delivery_id}/letter.pdf",
    summary="What is to be told, as a letter",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {}}, "description": "PDF/A-2u, A4"}},
)
def get_letter(delivery_id: UUID, request: Request, session: Reading, actor: Officer) -> Response:
    """To print and sign, and to send by post or fax; then record the sending."""
    found = _visible_delivery(session, delivery_id, actor)
    head: Letterhead = request.app.state.letterhead
    pdf = to_pdf(letter_of(found, case_view(session, found.case_id), head))
    return Response(
        pdf,
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{found.case_number}-{found.kind}.pdf"'},
    )


@router.post("/deliveries/{delivery_id}/sending", summary="Record that the complainant was told")
def post_sending(delivery_id: UUID, sent: SendingBody, session: Transaction, now: Now, actor: Clerk) -> DeliveryView:
    """By letter, fax, telephone or mail."""
    _visible_delivery(session, delivery_id, actor)
    actions.record_sending(session, delivery_id, note=sent.note, by=actor.subject, now=now)
    return _delivery_view(delivery(session, delivery_id))


def _visible_delivery(session: Any, delivery_id: UUID, actor: Actor) -> Any:  # noqa: ANN401  # a row of its query
    found = delivery(session, delivery_id)
    if found is None or not sight_of(actor).includes(work_group=found.work_group, client_id=None):
        raise actions.DeliveryNotFound
    return found


def _delivery_view(row: Any) -> DeliveryView:  # noqa: ANN401  # a row of a delivery's query
    names = DeliveryMail.model_fields
    mail = {name: getattr(row, f"mail_{name}") for name in names} if row.mail_state else None
    return DeliveryView.model_validate({**row._asdict(), "files": row.files or [], "mail": mail})
