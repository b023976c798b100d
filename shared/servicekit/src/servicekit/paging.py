"""Lists page by keyset: the cursor names the last row seen, so pages neither skip nor repeat while rows come in.

A cursor is bound to the list's filter and order: used with another, it is refused rather than misread.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Query as QueryParameter
from fastapi import Request, Response
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from servicekit.problems import FieldError, InvalidInput
from servicekit.words import Words

MAX_PAGE = 100
DEFAULT_PAGE = 20
NOT_OF_THE_FILTER = frozenset({"cursor", "limit", "count"})
NOT_OF_A_SEARCH = frozenset({"cursor", "count", "sort"})

Item = TypeVar("Item")

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many items a page holds.")]
Cursor = Annotated[str | None, QueryParameter(max_length=2000, description="`next` of the page before.")]
Count = Annotated[bool, QueryParameter(description="Whether to count all that match, as `total`; slower.")]

_WRONG_CURSOR = FieldError(
    "/cursor",
    "wrong_cursor",
    Words(
        "cursor นี้ไม่ใช่ของรายการและตัวกรองนี้ โปรดเริ่มจากหน้าแรก",
        "This cursor is not of this list and filter: begin again at the first page.",
    ),
    "query",
)
_NOT_WITH_Q = Words(
    "ใช้ร่วมกับ q ไม่ได้ ผลการค้นหามีหน้าเดียว เรียงตามความตรงกัน โปรดนำพารามิเตอร์นี้ออก",
    "Not together with q: a search gives one page, the best first. Leave this out.",
)


class Page(BaseModel, Generic[Item]):
    """One page of a list; `next` is the cursor of the page after it, null on the last."""

    items: list[Item]
    next: str | None
    total: int | None = Field(None, exclude_if=lambda total: total is None, description="Only with `count=true`.")


def encode_cursor(request: Request, position: Sequence[object]) -> str:
    """The cursor of the row at `position` (its sort values, then its id) in the list that the request asks for."""
    return base64.urlsafe_b64encode(orjson.dumps([_binding(request), *position])).decode().rstrip("=")


def decode_cursor(request: Request, cursor: str, kinds: Sequence[Any]) -> list[Any]:
    """The position that a cursor names, its values of the given kinds.

    Raises:
        InvalidInput: it is not a cursor of this list with this filter.
    """
    try:
        binding, *position = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if binding != _binding(request) or len(position) != len(kinds):
            raise InvalidInput(_WRONG_CURSOR)
        return [TypeAdapter(kind).validate_python(value) for kind, value in zip(kinds, position, strict=True)]
    except (binascii.Error, ValueError, TypeError, ValidationError) as error:
        raise InvalidInput(_WRONG_CURSOR) from error


def refuse_paging(request: Request) -> None:
    """Refuse what a ranked search of one page cannot obey: ignored, it would mislead.

    Raises:
        InvalidInput: the request asks for a page, an order or a count.
    """
    given = sorted(NOT_OF_A_SEARCH & request.query_params.keys())
    if given:
        raise InvalidInput(*(FieldError(f"/{name}", "not_with_q", _NOT_WITH_Q, "query") for name in given))


def make_page(
    rows: Sequence[Any],
    *,
    limit: int,
    request: Request,
    response: Response,
    view: Callable[[Any], Item],
    position: Callable[[Any], Sequence[object]],
    total: int | None = None,
) -> Page[Item]:
    """A page of the `limit + 1` rows that were asked for: the one too many tells that there is a next page.

    Args:
        rows: at most `limit + 1` rows in the list's order.
        view: makes an item of a row.
        position: the row's sort values, then its id.
    """
    shown = rows[:limit]
    cursor = encode_cursor(request, position(shown[-1])) if len(rows) > limit else None
    if cursor is not None:
        target = request.url.include_query_params(cursor=cursor)
        response.headers["Link"] = f'<{target.path}?{target.query}>; rel="next"'
    return Page(items=[view(row) for row in shown], next=cursor, total=total)


def _binding(request: Request) -> str:
    parts = sorted((k, v) for k, v in request.query_params.multi_items() if k not in NOT_OF_THE_FILTER)
    return hashlib.sha256(orjson.dumps([request.url.path, parts])).hexdigest()[:16]
