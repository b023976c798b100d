"""Routes that run in one transaction, committed before the response leaves, or not at all.

A plain `def` endpoint runs in one worker thread from its first statement to the commit: the session is opened, the
endpoint runs, its result is serialised, the answer is kept for repeats, the transaction commits. One hop to a thread,
and no moment at which a caller could be told of a change that did not last.
"""

import functools
from collections.abc import Callable
from datetime import timedelta
from http import HTTPMethod, HTTPStatus
from inspect import iscoroutinefunction
from typing import Annotated, Any, get_type_hints

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from servicekit.clock import utc_now
from servicekit.database import ReadSession
from servicekit.fields import Versioned
from servicekit.idempotency import KEPT_FOR_AGENCIES, KEPT_FOR_PEOPLE, Claim, KeyRequired, claim_of
from servicekit.identity import Actor
from servicekit.problems import FieldError, InvalidInput, UnsupportedMediaType
from servicekit.versions import entity_tag, matches
from servicekit.words import Words

JSON_TYPES = ("application/json", "application/merge-patch+json")
_UNKNOWN_PARAMETER = Words("ไม่รู้จักพารามิเตอร์นี้", "There is no such parameter.")

Endpoint = Callable[..., Any]


async def _transaction(request: Request) -> Session:
    session: Session = request.app.state.sessions()
    session.info["request"] = request
    return session


async def _reading(request: Request) -> ReadSession:
    session: ReadSession = request.app.state.read_sessions()
    session.info["request"] = request
    return session


Transaction = Annotated[Session, Depends(_transaction)]
"""The request's transaction; the endpoint's parameter is named `session`. Begins with its first statement, and is
committed or rolled back and closed by the route: never by hand."""

Reading = Annotated[ReadSession, Depends(_reading)]
"""A session that reads; the endpoint's parameter is named `session`."""


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=4096,
        description="Repeats with the same key get the first answer again. Required for agency clients.",
    ),
]


async def _idempotency_key(request: Request, idempotency_key: IdempotencyKey = None) -> None:
    if idempotency_key is not None:
        request.state.idempotent_body = await request.body()


class TransactionRoute(APIRoute):
    """A route whose endpoint runs in the transaction of its `session` parameter.

    Query parameters that the route does not declare are refused, as are bodies that are not JSON. A view's version
    becomes its `ETag`, and a GET whose caller has it already is answered 304. A POST that creates (201) takes an
    `Idempotency-Key`.
    """

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:  # noqa: ANN401  # FastAPI's own options
        creates = "POST" in (options.get("methods") or ()) and options.get("status_code") == HTTPStatus.CREATED
        if creates:
            options["dependencies"] = [*(options.get("dependencies") or ()), Depends(_idempotency_key)]
        if not iscoroutinefunction(endpoint) and "session" in get_type_hints(endpoint):
            endpoint = _in_transaction(endpoint, options.get("status_code") or HTTPStatus.OK, creates=creates)
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's handler, behind the checks that need no thread."""
        handle = super().get_route_handler()
        known = {field.alias for field in _query_fields(self.dependant)}
        takes_json = self.body_field is not None

        async def checked(request: Request) -> Response:
            unknown = request.query_params.keys() - known
            if unknown:
                raise InvalidInput(
                    *(
                        FieldError(f"/{name}", "unknown_parameter", _UNKNOWN_PARAMETER, "query")
                        for name in sorted(unknown)
                        if name.isprintable()
                    )
                )
            if takes_json and not _is_json(request.headers.get("content-type")):
                raise UnsupportedMediaType
            return await handle(request)

        return checked


class Router(APIRouter):
    """An `APIRouter` of transaction routes, whose operation ids are the endpoints' names."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  # FastAPI's own options
        super().__init__(
            **{
                "route_class": TransactionRoute,
                "generate_unique_id_function": lambda route: route.name,
                **options,
            }
        )


def _in_transaction(endpoint: Endpoint, status: int, *, creates: bool) -> Endpoint:
    returns = get_type_hints(endpoint, include_extras=True)["return"]
    serialise = (
        None
        if returns in (None, type(None), Response)
        else functools.partial(TypeAdapter(returns).dump_json, by_alias=True)
    )

    @functools.wraps(endpoint)
    def run(**arguments: Any) -> Response:  # noqa: ANN401  # whatever the endpoint declares
        session: Session = arguments["session"]
        request: Request = session.info["request"]
        claim = _claim(request) if creates else None
        with session:
            if claim and (repeated := claim.take(session, now=utc_now(), kept_for=kept_for(request))):
                return repeated
            result = endpoint(**arguments)
            response = result if isinstance(result, Response) else _respond(result, status, arguments, serialise)
            if claim:
                claim.keep(session, response)
            if not isinstance(session, ReadSession):
                session.commit()
        tag = response.headers.get("etag")
        if tag and request.method == HTTPMethod.GET and matches(request.headers.get("if-none-match"), tag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": tag})
        return response

    return run


def _respond(
    result: object, status: int, arguments: dict[str, Any], serialise: Callable[[Any], bytes] | None
) -> Response:
    response = Response(
        serialise(result) if serialise else None, status, media_type="application/json" if serialise else None
    )
    for argument in arguments.values():
        if isinstance(argument, Response):  # what the endpoint said of headers
            response.headers.update(argument.headers)
    if isinstance(result, Versioned):
        response.headers["ETag"] = entity_tag(result.version)
    return response


def _claim(request: Request) -> Claim | None:
    actor: Actor | None = getattr(request.state, "actor", None)
    body: bytes = getattr(request.state, "idempotent_body", b"")
    claim = claim_of(request, body, caller_of(request))
    if claim is None and actor is not None and actor.is_agency_client:
        raise KeyRequired
    return claim


def caller_of(request: Request) -> str:
    """Whose `Idempotency-Key` it is."""
    actor: Actor | None = getattr(request.state, "actor", None)
    if actor is None:
        return "public"
    return f"client:{actor.client_id}" if actor.client_id else f"person:{actor.subject}"


def kept_for(request: Request) -> timedelta:
    """How long the answer to the caller is repeated."""
    actor: Actor | None = getattr(request.state, "actor", None)
    return KEPT_FOR_AGENCIES if actor is not None and actor.is_agency_client else KEPT_FOR_PEOPLE


def _query_fields(dependant: Dependant) -> list[Any]:
    fields = list(dependant.query_params)
    for dependency in dependant.dependencies:
        fields += _query_fields(dependency)
    return fields


def _is_json(content_type: str | None) -> bool:
    return content_type is not None and content_type.partition(";")[0].strip().lower() in JSON_TYPES
