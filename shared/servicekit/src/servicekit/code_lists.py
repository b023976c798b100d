"""`GET /v1/code-lists`: the code lists of a service, in one shape for all services.

They are no secret: forms and front ends read them without a token.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from pydantic import Field

from servicekit.codes import Code, CodeList
from servicekit.fields import View
from servicekit.paging import Page
from servicekit.problems import DomainError, Problem
from servicekit.routes import Router
from servicekit.words import Words


class CodeListNotFound(DomainError):
    """There is no code list of this name."""


PROBLEMS: Final[Mapping[type[DomainError], Problem]] = {
    CodeListNotFound: Problem(
        "code-list-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบรายการรหัส", "No such code list"),
        Words("โปรดดูรายการทั้งหมดที่ /v1/code-lists", "All of them are at /v1/code-lists."),
    ),
}


class Label(View):
    """A text in both languages."""

    th: str
    en: str


class CodeView(View):
    """One code with what people call it."""

    code: str
    label: Label
    source: Label | None = Field(
        None,
        exclude_if=lambda source: source is None,
        description="What it rests on, such as a legal citation; absent where there is nothing.",
    )


class CodeListView(View):
    """All codes of one kind. New ones may join."""

    name: str
    items: list[CodeView]


def code_lists_router(lists: Mapping[str, CodeList]) -> Router:
    """The routes of these lists, which do not change while the service runs.

    A service that has larger lists below the same path includes their routes first.
    """
    router = Router(tags=["code-lists"])
    views = {name: CodeListView(name=name, items=_views(codes)) for name, codes in lists.items()}

    @router.get("/code-lists", summary="All code lists")
    async def list_code_lists() -> Page[CodeListView]:
        """Each with its codes, in Thai and English; all in one page."""
        return Page(items=list(views.values()), next=None)

    @router.get("/code-lists/{name}", summary="One code list")
    async def get_code_list(name: str) -> CodeListView:
        """Its codes, in Thai and English."""
        if name not in views:
            raise CodeListNotFound
        return views[name]

    return router


def _views(codes: Mapping[str, Code]) -> list[CodeView]:
    return [
        CodeView.model_validate({"code": code, "label": said.label, "source": said.source})
        for code, said in codes.items()
    ]
