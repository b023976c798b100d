"""A mail that was taken for a machine's, made a case after all."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from chumchon.arrivals.queries import ReceivedMailNotFound
from chumchon.arrivals.routes import original_of
from chumchon.cases import CaseView, case_view
from chumchon.channels.desk import Desk
from chumchon.channels.taking import open_after_all, receive
from chumchon.files import FilesNotKept
from chumchon.records import ReceivedMail
from chumchon.steps import REGISTRAR
from servicekit.clock import Now
from servicekit.identity import Actor, require
from servicekit.routes import Router, Transaction

router = Router(tags=["arrivals"])

Registrar = Annotated[Actor, Depends(require(REGISTRAR))]


@router.post("/received-mails/{mail_id}/opening", status_code=201, summary="Make a case of a mail after all")
def post_opening(
    mail_id: UUID, *, request: Request, session: Transaction, now: Now, actor: Registrar, response: Response
) -> CaseView:
    """Of an automatic mail or a bounce behind which a person stands; who wrote it is not told that it arrived."""
    desk: Desk | None = request.app.state.desk
    if desk is None:
        raise FilesNotKept
    taken = session.get(ReceivedMail, mail_id, with_for_update=True)
    if taken is None:
        raise ReceivedMailNotFound
    arrival = receive(original_of(request, taken.original), desk, received_at=taken.taken_at)
    case_id = open_after_all(session, taken, arrival, desk, by=actor.subject, now=now)
    response.headers["Location"] = f"/v1/cases/{case_id}"
    session.flush()
    return case_view(session, case_id)
