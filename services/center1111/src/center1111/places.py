"""Provinces, districts and subdistricts: code lists too long for one page, searchable."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Query, Request, Response

from servicekit.code_lists import Label
from servicekit.fields import Line, View
from servicekit.filters import CommaIsOr
from servicekit.paging import Count, Cursor, Limit, Page, decode_cursor, make_page
from servicekit.problems import FieldError, InvalidInput
from servicekit.routes import Router
from servicekit.words import Words
from thaikit.places import Area, Level, codes, search_areas

router = Router(tags=["code-lists"])


class AreaView(View):
    """A province, district or subdistrict: its official code and names, and the code of the area it lies in."""

    code: str
    label: Label
    parent: str | None


AreaText = Annotated[
    Annotated[str, Line(100)] | None,
    Query(alias="q", description="A part of the name, Thai or English; names that begin with it come first."),
]
Parents = Annotated[list[str] | None, CommaIsOr, Query(description="Codes of the areas that they lie in.")]

_UNKNOWN_PARENT: Final = FieldError(
    "/parent", "unknown_code", Words("ไม่มีพื้นที่รหัสนี้", "There is no area of this code."), "query"
)


@router.get("/code-lists/provinces", summary="Provinces, searchable")
async def list_provinces(
    *,
    request: Request,
    response: Response,
    text: AreaText = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,
) -> Page[AreaView]:
    """All 77; a complaint's place takes names of these lists. Source: the Department of Provincial Administration."""
    return _areas(search_areas(Level.PROVINCE, text), request, response, limit, cursor, count=count)


@router.get("/code-lists/districts", summary="Districts, searchable")
async def list_districts(
    *,
    request: Request,
    response: Response,
    text: AreaText = None,
    parent: Parents = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,
) -> Page[AreaView]:
    """อำเภอ, and เขต of Bangkok; `parent` is a province's code."""
    _refuse_unknown_parents(Level.PROVINCE, parent)
    return _areas(search_areas(Level.DISTRICT, text, parents=parent), request, response, limit, cursor, count=count)


@router.get("/code-lists/subdistricts", summary="Subdistricts, searchable")
async def list_subdistricts(
    *,
    request: Request,
    response: Response,
    text: AreaText = None,
    parent: Parents = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    count: Count = False,
) -> Page[AreaView]:
    """ตำบล, and แขวง of Bangkok; `parent` is a district's code."""
    _refuse_unknown_parents(Level.DISTRICT, parent)
    return _areas(search_areas(Level.SUBDISTRICT, text, parents=parent), request, response, limit, cursor, count=count)


def _refuse_unknown_parents(level: Level, parents: list[str] | None) -> None:
    if parents is not None and not codes(level).issuperset(parents):
        raise InvalidInput(_UNKNOWN_PARENT)


def _areas(
    found: Sequence[tuple[int, Area]],
    request: Request,
    response: Response,
    limit: int,
    cursor: str | None,
    *,
    count: bool,
) -> Page[AreaView]:
    after = tuple(decode_cursor(request, cursor, [int, str])) if cursor else (-1, "")
    return make_page(
        [one for one in found if (one[0], one[1].code) > after][: limit + 1],
        limit=limit,
        request=request,
        response=response,
        view=lambda one: AreaView(code=one[1].code, label=Label(th=one[1].th, en=one[1].en), parent=one[1].parent),
        position=lambda one: [one[0], one[1].code],
        total=len(found) if count else None,
    )
