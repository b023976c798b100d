"""Every error as RFC 9457 `application/problem+json`, in Thai or English, saying what to do.

Rules and actions raise a `DomainError`; one table of each service says which `Problem` it is. Nothing that was sent
is echoed: it is personal data.
"""

import html
import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated, Any, Final, cast

import orjson
import psycopg
import sqlalchemy.exc
import structlog
from fastapi import FastAPI, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse
from starlette.routing import Match

from servicekit.words import Language, Words, preferred_language

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
# In a pointer stands the name that was sent, and UTF-8 knows no lone surrogates.
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of error: its slug names it for ever, its title what it is, its detail what to do about it.

    `{name}` places of the detail are filled with the error's values.
    """

    slug: str
    status: HTTPStatus
    title: Words
    detail: Words


class DomainError(Exception):
    """A rule was broken. Keyword `values` fill the places of its problem's detail; they never hold personal data."""

    def __init__(self, message: str = "", **values: object) -> None:
        super().__init__(message)
        self.values: Mapping[str, object] = values
        self.headers: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of the input.

    `pointer` is a JSON Pointer (RFC 6901) into the body, or `/<name>` of a parameter; `place` tells which.
    """

    pointer: str
    code: str
    detail: Words
    place: str = "body"
    values: Mapping[str, object] = field(default_factory=dict)


class InvalidInput(DomainError):
    """The input breaks rules that its shape alone does not show. Lists all that is wrong, at once."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__(", ".join(error.code for error in errors))
        self.errors = errors


class VersionRequired(DomainError):
    """A change was sent without `If-Match`."""


class VersionMismatch(DomainError):
    """A change was sent for a version that is no longer the present one."""


class UnsupportedMediaType(DomainError):
    """The body is not of a type that the path takes."""


class BodyTooLarge(HTTPException):
    """The body has more bytes than the service takes."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _problem(slug: str, status: HTTPStatus, title: tuple[str, str], detail: tuple[str, str]) -> Problem:
    return Problem(slug, status, Words(*title), Words(*detail))


INVALID_INPUT = _problem(
    "invalid-input",
    HTTPStatus.BAD_REQUEST,
    ("ข้อมูลไม่ถูกต้อง", "Invalid input"),
    ("โปรดแก้ไขข้อมูลตามรายการ errors แล้วส่งใหม่", "Correct what errors lists, then send it again."),
)
MALFORMED_JSON = _problem(
    "malformed-json",
    HTTPStatus.BAD_REQUEST,
    ("เนื้อหาไม่ใช่ JSON ที่ถูกต้อง", "The body is not valid JSON"),
    ("โปรดส่งเนื้อหาเป็น JSON เข้ารหัส UTF-8", "Send the body as JSON in UTF-8."),
)
INTERNAL_ERROR = _problem(
    "internal-error",
    HTTPStatus.INTERNAL_SERVER_ERROR,
    ("ระบบขัดข้อง", "Internal error"),
    (
        "ไม่มีการเปลี่ยนแปลงข้อมูล โปรดลองใหม่ หากยังพบปัญหาให้แจ้งผู้ดูแลระบบพร้อม X-Request-ID",
        "Nothing was changed. Try again; should it happen again, tell the operator the X-Request-ID.",
    ),
)
SERVICE_UNAVAILABLE = _problem(
    "service-unavailable",
    HTTPStatus.SERVICE_UNAVAILABLE,
    ("ระบบไม่พร้อมให้บริการชั่วคราว", "Temporarily unavailable"),
    ("โปรดลองใหม่ตามเวลาใน Retry-After", "Try again after the time in Retry-After."),
)

GENERAL: Mapping[type[DomainError], Problem] = {
    InvalidInput: INVALID_INPUT,
    VersionRequired: _problem(
        "version-required",
        HTTPStatus.PRECONDITION_REQUIRED,
        ("ต้องระบุรุ่นของข้อมูล", "A version is required"),
        (
            "โปรดอ่านข้อมูลล่าสุดแล้วส่ง ETag ที่ได้กลับมาใน If-Match",
            "Read the resource and send its ETag back in If-Match.",
        ),
    ),
    VersionMismatch: _problem(
        "version-mismatch",
        HTTPStatus.PRECONDITION_FAILED,
        ("ข้อมูลถูกแก้ไขไปแล้ว", "Somebody else has changed it"),
        (
            "มีผู้อื่นแก้ไขข้อมูลนี้ไปก่อน โปรดอ่านข้อมูลล่าสุดแล้วลองใหม่",
            "The version in If-Match is no longer the present one: read the resource again, then repeat the change.",
        ),
    ),
    UnsupportedMediaType: _problem(
        "unsupported-media-type",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        ("ไม่รองรับชนิดของเนื้อหา", "Unsupported media type"),
        ("โปรดส่ง Content-Type เป็น application/json", "Send the body as Content-Type: application/json."),
    ),
}

BY_STATUS: Mapping[int, Problem] = {
    problem.status: problem
    for problem in (
        INTERNAL_ERROR,
        SERVICE_UNAVAILABLE,
        _problem(
            "bad-request",
            HTTPStatus.BAD_REQUEST,
            ("คำขอไม่ถูกต้อง", "Bad request"),
            ("โปรดตรวจสอบคำขอกับเอกสารที่ /docs", "Compare the request with the documentation at /docs."),
        ),
        _problem(
            "not-found",
            HTTPStatus.NOT_FOUND,
            ("ไม่พบข้อมูล", "Not found"),
            ("โปรดตรวจสอบที่อยู่กับเอกสารที่ /docs", "Compare the address with the documentation at /docs."),
        ),
        _problem(
            "method-not-allowed",
            HTTPStatus.METHOD_NOT_ALLOWED,
            ("ไม่รองรับวิธีเรียกนี้", "Method not allowed"),
            ("โปรดใช้วิธีเรียกที่ระบุใน Allow", "Use one of the methods that Allow lists."),
        ),
        _problem(
            "body-too-large",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            ("เนื้อหาใหญ่เกินไป", "The body is too large"),
            ("เนื้อหาต้องไม่เกิน 1 MiB", "A body has at most 1 MiB."),
        ),
    )
}

_FIELD_CODES: Mapping[str, tuple[str, Words]] = {
    "missing": ("required", Words("ต้องระบุ", "This is required.")),
    "extra_forbidden": ("unknown_field", Words("ไม่รู้จักชื่อนี้", "There is no such field or parameter.")),
    "too_short": ("too_short", Words("ต้องมีอย่างน้อย {min_length} ตัว", "It needs at least {min_length}.")),
    "string_too_short": (
        "too_short",
        Words("ต้องมีอย่างน้อย {min_length} ตัว", "It needs at least {min_length}."),
    ),
    "too_long": ("too_long", Words("ต้องไม่เกิน {max_length} ตัว", "It may have at most {max_length}.")),
    "string_too_long": ("too_long", Words("ต้องไม่เกิน {max_length} ตัว", "It may have at most {max_length}.")),
    "control_character": (
        "control_character",
        Words("มีอักขระควบคุมที่ไม่อนุญาต", "It has a control character, which is not allowed."),
    ),
    "string_unicode": ("invalid_unicode", Words("ไม่ใช่ข้อความยูนิโคดที่ถูกต้อง", "It is not valid Unicode.")),
    "enum": ("unknown_code", Words("ค่าต้องเป็นหนึ่งใน {expected}", "It must be one of {expected}.")),
    "literal_error": ("unknown_code", Words("ค่าต้องเป็นหนึ่งใน {expected}", "It must be one of {expected}.")),
    "timezone_aware": (
        "offset_required",
        Words("เวลาต้องระบุเขตเวลา เช่น +07:00", "A time needs its offset, for example +07:00."),
    ),
    "buddhist_year": (
        "buddhist_year",
        Words("ปีต้องเป็นคริสต์ศักราช", "Years are counted in the common era (CE)."),
    ),
    "too_early": (
        "too_early",
        Words("ปีต้องไม่ก่อน ค.ศ. {first_year}", "The year must not be before {first_year}."),
    ),
    "greater_than_equal": ("too_small", Words("ต้องไม่น้อยกว่า {ge}", "It must be at least {ge}.")),
    "less_than_equal": ("too_large", Words("ต้องไม่มากกว่า {le}", "It must be at most {le}.")),
    "greater_than": ("too_small", Words("ต้องมากกว่า {gt}", "It must be more than {gt}.")),
    "less_than": ("too_large", Words("ต้องน้อยกว่า {lt}", "It must be less than {lt}.")),
    "string_pattern_mismatch": ("wrong_form", Words("รูปแบบไม่ถูกต้อง", "It does not have the right form.")),
}
_PREFIX_CODES: Sequence[tuple[str, str, Words]] = (
    (
        "datetime",
        "wrong_form",
        Words(
            "ต้องเป็นเวลาแบบ RFC 3339 เช่น 2026-10-01T09:00:00+07:00",
            "It must be an RFC 3339 time with its offset.",
        ),
    ),
    ("date", "wrong_form", Words("ต้องเป็นวันที่แบบ YYYY-MM-DD", "It must be a date, YYYY-MM-DD.")),
    ("uuid", "wrong_form", Words("ต้องเป็น UUID", "It must be a UUID.")),
    ("bool", "wrong_type", Words("ต้องเป็น true หรือ false", "It must be true or false.")),
    ("int", "wrong_type", Words("ต้องเป็นจำนวนเต็ม", "It must be a whole number.")),
    ("string", "wrong_type", Words("ต้องเป็นข้อความ", "It must be a string.")),
    ("list", "wrong_type", Words("ต้องเป็นรายการ", "It must be an array.")),
    ("model", "wrong_type", Words("ต้องเป็นออบเจกต์", "It must be an object.")),
    ("", "invalid", Words("ค่าไม่ถูกต้อง", "The value is not valid.")),
)


class FieldErrorView(BaseModel):
    """One wrong field."""

    pointer: str
    code: str
    detail: str
    place: str


class ProblemView(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldErrorView] | None = None


def problem_response(
    request: Request,
    problem: Problem,
    *,
    values: Mapping[str, object] | None = None,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem as the request's answer, in the language that the caller prefers."""
    language = preferred_language(request.headers.get("accept-language"))
    return Response(
        orjson.dumps(_told(request, problem, language, values or {}, errors)),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Content-Language": language, "Vary": "Accept-Language", **(headers or {})},
    )


def problem_of(request: Request, error: DomainError) -> ProblemView:
    """What the error would be answered with, for an answer that tells of several at once."""
    table: Mapping[type[DomainError], Problem] = request.app.state.problems
    language = preferred_language(request.headers.get("accept-language"))
    errors = error.errors if isinstance(error, InvalidInput) else ()
    return ProblemView.model_validate(_told(request, _nearest(table, error), language, error.values, errors))


def _told(
    request: Request,
    problem: Problem,
    language: Language,
    values: Mapping[str, object],
    errors: Sequence[FieldError],
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"/problems/{problem.slug}",
        "title": problem.title.said(language),
        "status": int(problem.status),
        "detail": problem.detail.said(language, **values),
        "instance": request.url.path,
    }
    if errors:
        body["errors"] = [
            {
                "pointer": _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", error.pointer),
                "code": error.code,
                "detail": error.detail.said(language, **error.values),
                "place": error.place,
            }
            for error in errors
        ]
    return body


def _nearest(table: Mapping[type[DomainError], Problem], error: Exception) -> Problem:
    return next((table[kind] for kind in type(error).__mro__ if kind in table), INTERNAL_ERROR)


def field_errors(errors: Sequence[Mapping[str, Any]]) -> Iterator[FieldError]:
    """What pydantic found, in our codes and words, without the input."""
    for error in errors:
        kind = str(error["type"])
        place, *path = error["loc"] or ("body",)
        code, detail = _FIELD_CODES.get(kind) or next(
            (code, detail) for prefix, code, detail in _PREFIX_CODES if kind.startswith(prefix)
        )
        values = error.get("ctx") or {}
        if "expected" in values:  # an English list
            values = {**values, "expected": str(values["expected"]).replace("' or '", "', '")}
        words = values.get("words")
        if isinstance(words, Words):  # a service's own rule, by servicekit.fields.refused
            code, detail, values = kind, words, {}
        if {"min_length", "max_length"} & values.keys() and kind.startswith("too_"):
            values = {"min_length": values.get("min_length"), "max_length": values.get("max_length")}
        pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
        yield FieldError(pointer, code, detail, str(place), values)


def install_problems(app: FastAPI, problems: Mapping[type[DomainError], Problem]) -> None:
    """Make every error of `app` a problem, and explain each at `/problems/<slug>`.

    An error that the table does not name is answered as the nearest of its base classes.
    """
    table = {**GENERAL, **problems}
    app.state.problems = table
    known = {problem.slug: problem for problem in (*BY_STATUS.values(), MALFORMED_JSON, *table.values())}

    def domain_error(request: Request, error: Exception) -> Response:
        return _answer_domain_error(request, cast("DomainError", error), _nearest(table, error))

    def http_error(request: Request, error: Exception) -> Response:
        return _answer_http_error(app, request, cast("HTTPException", error))

    app.add_exception_handler(DomainError, domain_error)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, http_error)
    for kind in (sqlalchemy.exc.OperationalError, sqlalchemy.exc.TimeoutError):
        app.add_exception_handler(kind, _answer_unavailable)

    @app.get("/problems/{slug}", include_in_schema=False)
    async def get_problem(slug: Annotated[str, Path(max_length=100)]) -> HTMLResponse:
        if slug not in known:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return HTMLResponse(_page(known[slug]))


def _answer_domain_error(request: Request, error: DomainError, problem: Problem) -> Response:
    if problem is INTERNAL_ERROR:
        log.error("domain error without a problem", **describe(error))
    errors = error.errors if isinstance(error, InvalidInput) else ()
    return problem_response(request, problem, values=error.values, errors=errors, headers=error.headers)


def _answer_invalid_request(request: Request, error: Exception) -> Response:
    found = cast("RequestValidationError", error).errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        return problem_response(request, MALFORMED_JSON)
    return problem_response(request, INVALID_INPUT, errors=list(field_errors(found)))


def _answer_http_error(app: FastAPI, request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods_of_path(app, request))
    status = HTTPStatus(error.status_code)
    problem = BY_STATUS.get(status) or Problem(
        status.phrase.lower().replace(" ", "-"),
        status,
        Words(status.phrase, status.phrase),
        Words(status.description, status.description),
    )
    return problem_response(request, problem, headers=headers)


def _answer_unavailable(request: Request, error: Exception) -> Response:
    log.error("database unavailable", **describe(error))
    return problem_response(request, SERVICE_UNAVAILABLE, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def answer_unexpected(request: Request, error: Exception) -> Response:
    """The answer to an error that nobody foresaw; the log tells where it arose."""
    log.error("unexpected error", **describe(error))
    return problem_response(request, INTERNAL_ERROR)


def describe(error: BaseException) -> dict[str, object]:
    """What a log may say of an error: its type and where it arose, and of a database error its code.

    Never its message: it may quote what somebody wrote.
    """
    cause = getattr(error, "orig", None) or error
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    told: dict[str, object] = {
        "error": f"{type(cause).__module__}.{type(cause).__qualname__}",
        "where": where[-12:],
    }
    if isinstance(cause, psycopg.Error):
        told |= {"sqlstate": cause.sqlstate, "constraint": cause.diag.constraint_name}
    return told


def _methods_of_path(app: FastAPI, request: Request) -> list[str]:
    """Every method that some route takes at the request's path: a route by itself knows only its own."""
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in app.routes)
    ]


def _page(problem: Problem) -> str:
    rows = "".join(
        f"<section lang={language!r}><h1>{html.escape(problem.title.said(language))}</h1>"
        f"<p>{html.escape(problem.detail.said(language))}</p></section>"
        for language in _LANGUAGES
    )
    title = html.escape(problem.slug)
    return f"<!doctype html><meta charset=utf-8><title>{title}</title>{rows}<p>HTTP {problem.status:d}</p>"


_LANGUAGES: Sequence[Language] = ("th", "en")
