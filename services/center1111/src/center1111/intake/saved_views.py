"""Saved views: the filters and the order of a list of complaints, kept by each officer under a name."""

from datetime import datetime
from typing import Annotated, Any, Final, get_type_hints
from urllib.parse import urlencode
from uuid import UUID

import sqlalchemy as sa
from fastapi import Response
from pydantic import Field, create_model
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from center1111.intake.routes import Sort, complaints_wanted
from center1111.records import SavedView
from center1111.roles import Officer
from servicekit.clock import Now
from servicekit.fields import Body, Line, View
from servicekit.ids import uuid7
from servicekit.paging import Page
from servicekit.problems import DomainError
from servicekit.routes import Reading, Router, Transaction
from servicekit.uniqueness import or_taken

router = Router(tags=["complaints"], prefix="/saved-views")

_NO_FILTERS: Final = ("actor", "now", "due", "return")
Filters = create_model(
    "Filters",
    __base__=Body,
    **{  # type: ignore[call-overload]  # fields that are known when it runs
        name: (hint, None)
        for name, hint in get_type_hints(complaints_wanted, include_extras=True).items()
        if name not in _NO_FILTERS
    },
)
"""The filters of `GET /v1/complaints`, checked as that list checks them."""


class SavedViewNotFound(DomainError):
    """The officer has no such view."""


class ViewNameTaken(DomainError):
    """The officer has another view of this name."""


class NewSavedView(Body):
    """A list as it is to be seen again."""

    name: Annotated[str, Line(100), Field(examples=["ใกล้ครบกำหนด จังหวัดลำพูน"])]
    filters: Annotated[
        Filters,
        Field(examples=[{"standing": ["near_due", "overdue"], "province": ["ลำพูน"]}]),
    ]
    sort: Sort = "-received_at"


class SavedViewView(View):
    """One view, and the address of its list."""

    id: UUID
    name: str
    filters: dict[str, Any]
    sort: str
    path: str
    changed_at: datetime


@router.post("", status_code=201, summary="Save a view of the list of complaints")
def post_saved_view(
    new: NewSavedView, *, session: Transaction, now: Now, actor: Officer, response: Response
) -> SavedViewView:
    """For the officer alone who saves it."""
    made = session.scalar(
        insert(SavedView)
        .values(id=uuid7(), owner=actor.subject, name=new.name, filters=_said(new), sort=new.sort, changed_at=now)
        .on_conflict_do_nothing()
        .returning(SavedView)
    )
    if made is None:
        raise ViewNameTaken
    response.headers["Location"] = f"/v1/saved-views/{made.id}"
    return _view(made)


@router.get("", summary="List one's saved views")
def list_saved_views(session: Reading, actor: Officer) -> Page[SavedViewView]:
    """By name."""
    found = session.scalars(sa.select(SavedView).where(SavedView.owner == actor.subject).order_by(SavedView.name))
    return Page(items=[_view(one) for one in found], next=None)


@router.put("/{view_id}", summary="Change a saved view")
def put_saved_view(
    view_id: UUID, new: NewSavedView, *, session: Transaction, now: Now, actor: Officer
) -> SavedViewView:
    """Name, filters and order, as a whole."""
    found = _of(session, view_id, actor.subject)
    with or_taken(session, ViewNameTaken()):
        found.name, found.filters, found.sort, found.changed_at = new.name, _said(new), new.sort, now
    return _view(found)


@router.delete("/{view_id}", status_code=204, summary="Forget a saved view")
def delete_saved_view(view_id: UUID, session: Transaction, actor: Officer) -> None:
    """A view is an officer's own setting, and no record."""
    session.delete(_of(session, view_id, actor.subject))


def _of(session: Session, view_id: UUID, owner: str) -> SavedView:
    found = session.scalar(
        sa.select(SavedView).where(SavedView.id == view_id, SavedView.owner == owner).with_for_update()
    )
    if found is None:
        raise SavedViewNotFound
    return found


def _said(new: NewSavedView) -> dict[str, Any]:
    said: dict[str, Any] = new.model_dump(mode="json", by_alias=True, exclude_none=True)["filters"]
    return said


def _view(one: SavedView) -> SavedViewView:
    filters = {name: ",".join(value) if isinstance(value, list) else value for name, value in one.filters.items()}
    said = {name: str(value).lower() if isinstance(value, bool) else value for name, value in filters.items()}
    return SavedViewView(
        id=one.id,
        name=one.name,
        filters=one.filters,
        sort=one.sort,
        path=f"/v1/complaints?{urlencode({**said, 'sort': one.sort})}",
        changed_at=one.changed_at,
    )
