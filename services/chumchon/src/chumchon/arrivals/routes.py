"""What came to the mailbox and what was made of it, for those who look after it; and how its readers fare."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Request, Response
from fastapi import Query as QueryParameter
from pydantic import Field
from sqlalchemy.orm import Session

from chumchon.arrivals import queries
from chumchon.codes import MailOutcome, MailReason
from chumchon.files import FilesNotKept
from chumchon.steps import AUDITOR, OPERATOR, REGISTRAR
from servicekit.clock import Now
from servicekit.fields import Timestamp, View
from servicekit.files.storing import FileStore, key_of
from servicekit.filters import CodesOf
from servicekit.identity import Actor, require
from servicekit.paging import Cursor, Limit, Page, decode_cursor, make_page
from servicekit.routes import Reading, Router

router = Router(tags=["arrivals"])

Looker = Annotated[Actor, Depends(require(REGISTRAR, OPERATOR, AUDITOR))]
Opener = Annotated[Actor, Depends(require(REGISTRAR, OPERATOR))]


class ReceivedMailView(View):
    """A mail that came, and what was made of it; nothing of what it says."""

    id: UUID
    taken_at: datetime
    outcome: MailOutcome
    reason: MailReason | None = Field(description="By what it was known to be no person's, where no case was made.")
    case_id: UUID | None
    case_number: str | None


class ReaderView(View):
    """How a reader of the mailbox or of a folder fares, in whichever process it works."""

    name: str = Field(examples=["mail-reader"])
    silent: bool = Field(description="Whether it has not looked for longer than the settings allow.")
    started_at: datetime
    succeeded_at: datetime | None = Field(description="When it last had looked through everything there is.")
    waiting: Literal["idle", "poll"] | None = Field(description="Whether the server tells it of news, or it looks.")
    taken: int = Field(description="How much it has taken in so far.")
    left_over: int = Field(description="How much could not be taken in when it looked last: it stays where it is.")
    failures: int = Field(description="How often in a row it could not look.")
    failed_at: datetime | None
    problem: str | None = Field(examples=["MailboxLoginError"])


class OutgoingView(View):
    """The mails that wait to be sent."""

    owed: int
    oldest_at: datetime | None
    most_attempts: int | None = Field(description="How often the most tried of them was tried.")


class Channels(View):
    """What arrives by itself, and what goes out by mail."""

    readers: list[ReaderView]
    outgoing: OutgoingView


async def _silent_after(request: Request) -> timedelta:
    silent_after: timedelta = request.app.state.silent_after
    return silent_after


@router.get("/channels", summary="How the readers of mailbox and folders fare, and what waits to be sent")
def get_channels(
    session: Reading, now: Now, actor: Looker, silent_after: Annotated[timedelta, Depends(_silent_after)]
) -> Channels:
    """A reader that is silent for too long is an alarm as well, and metrics tell all of it."""
    del actor
    return channels(session, now=now, silent_after=silent_after)


def channels(session: Session, *, now: datetime, silent_after: timedelta) -> Channels:
    """How it stands now."""
    rows = queries.readers(session)
    return Channels(
        readers=[
            ReaderView.model_validate(
                {**row._asdict(), "silent": (row.succeeded_at or row.started_at) < now - silent_after}
            )
            for row in rows
        ],
        outgoing=OutgoingView.model_validate(queries.outgoing(session)),
    )


@router.get("/received-mails", summary="The mails that came and what was made of each, newest first")
def list_received_mails(
    *,
    request: Request,
    response: Response,
    session: Reading,
    actor: Looker,  # noqa: ARG001  # who may
    outcome: CodesOf[MailOutcome] = None,
    reason: CodesOf[MailReason] = None,
    taken_from: Annotated[Timestamp | None, QueryParameter(alias="from", description="Taken then or later.")] = None,
    taken_to: Annotated[Timestamp | None, QueryParameter(alias="to", description="Taken before.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[ReceivedMailView]:
    """`outcome=automatic,bounce` is what became no case: look there for what a program only seemed to have written."""
    given: dict[str, Any] = {"outcome": outcome, "reason": reason, "from": taken_from, "to": taken_to}
    after = decode_cursor(request, cursor, [datetime, UUID]) if cursor else None
    rows = queries.find_mails(
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
        view=ReceivedMailView.model_validate,
        position=lambda row: (row.taken_at, row.id),
    )


@router.get(
    "/received-mails/{mail_id}/original",
    summary="A mail as it came",
    response_class=Response,
    responses={200: {"content": {"message/rfc822": {}}, "description": "Byte for byte."}},
)
def get_original(mail_id: UUID, request: Request, session: Reading, actor: Opener) -> Response:  # noqa: ARG001  # who may
    """To be saved and opened in a mail program; whatever it says, nothing in it is ours."""
    content = original_of(request, queries.mail(session, mail_id).original)
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="{mail_id}.eml"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def original_of(request: Request, digest: str) -> bytes:
    """The bytes of a mail as it came.

    Raises:
        FilesNotKept: this service has no store for files.
        ReceivedMailNotFound: they are not where they should be.
    """
    store: FileStore | None = request.app.state.store
    if store is None:
        raise FilesNotKept
    try:
        return b"".join(store.read(key_of(digest)))
    except FileNotFoundError:
        raise queries.ReceivedMailNotFound from None
