"""`GET /v1/code-lists`: the codes with their labels. Clients must expect new ones."""

from center1111.codes import CODE_LISTS, Code
from servicekit.fields import View
from servicekit.paging import Page
from servicekit.problems import DomainError
from servicekit.routes import Router

router = Router(tags=["code-lists"])


class CodeListNotFound(DomainError):
    """There is no such code list."""


class Label(View):
    """A text in both languages."""

    th: str
    en: str


class CodeView(View):
    """One code; `source` is what it rests on, such as a legal citation."""

    code: str
    label: Label
    source: Label | None


class CodeListView(View):
    """One code list."""

    name: str
    codes: list[CodeView]


def _view(name: str) -> CodeListView:
    return CodeListView(name=name, codes=[_code_view(code, said) for code, said in CODE_LISTS[name].items()])


def _code_view(code: str, said: Code) -> CodeView:
    source = None if said.source is None else Label.model_validate(said.source)
    return CodeView(code=code, label=Label.model_validate(said.label), source=source)


@router.get("/code-lists", summary="All code lists")
async def list_code_lists() -> Page[CodeListView]:
    """Each with its codes, in Thai and English."""
    return Page(items=[_view(name) for name in CODE_LISTS], next=None)


@router.get("/code-lists/{name}", summary="One code list")
async def get_code_list(name: str) -> CodeListView:
    """Its codes, in Thai and English."""
    if name not in CODE_LISTS:
        raise CodeListNotFound
    return _view(name)
