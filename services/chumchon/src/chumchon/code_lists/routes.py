"""The code lists over HTTP. They are no secret: front ends read them without a token."""

from chumchon.codes import CODE_LISTS
from servicekit.fields import View
from servicekit.problems import DomainError
from servicekit.routes import Router

router = Router(tags=["code lists"], prefix="/code-lists")


class CodeListNotFound(DomainError):
    """There is no code list of this name."""


class CodeView(View):
    """A code with what people call it."""

    code: str
    th: str
    en: str


class CodeList(View):
    """All codes of one kind. New ones may join."""

    name: str
    items: list[CodeView]


class CodeLists(View):
    """All code lists."""

    items: list[CodeList]


@router.get("", summary="All code lists")
async def get_code_lists() -> CodeLists:
    """Every code that the Office uses, with its Thai and English labels."""
    return CodeLists(items=[_code_list(name) for name in CODE_LISTS])


@router.get("/{name}", summary="One code list")
async def get_code_list(name: str) -> CodeList:
    """By its name, such as `topics`."""
    if name not in CODE_LISTS:
        raise CodeListNotFound
    return _code_list(name)


def _code_list(name: str) -> CodeList:
    return CodeList(
        name=name,
        items=[CodeView(code=code, th=label.th, en=label.en) for code, label in CODE_LISTS[name].items()],
    )
