"""What a running service tells: JSON logs with request ids, Prometheus metrics, and the headers of every response.

One pure ASGI middleware does it all; a stack of them would cost more than most requests. Logs name routes by their
template and never hold a query, a body or an error's message: those are personal data.
"""

import contextvars
import logging
import re
import sys
import time
from http import HTTPMethod, HTTPStatus

import orjson
import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit.ids import uuid7
from servicekit.problems import BY_STATUS, BodyTooLarge, answer_unexpected, describe, problem_response

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)

log = structlog.get_logger(__name__)


def current_request_id() -> str | None:
    """The id of the request at work in this context, as in its `X-Request-ID`."""
    return _request_id.get()


def set_request_id(request_id: str | None) -> contextvars.Token[str | None]:
    """Go on under a request's id in another thread or process, so that one search of the logs finds it all."""
    return _request_id.set(request_id)


def configure_logging(service: str, level: str) -> None:
    """JSON lines on standard output, from structlog and from the standard library alike."""

    def add_context(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["service"] = service
        request_id = _request_id.get()
        if request_id is not None:
            event.setdefault("request_id", request_id)
        return event

    shared: list[structlog.typing.Processor] = [
        add_context,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                _drop_traceback,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(
                    serializer=lambda event, **_: orjson.dumps(event, default=str).decode()
                ),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx2", "httpcore2", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


def _drop_traceback(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Tell of an exception by its type and place: its message may quote what somebody wrote."""
    information = event.pop("exc_info", None)
    error = information[1] if isinstance(information, tuple) else information
    if isinstance(error, BaseException):
        event.update(describe(error))
        event["event"] = str(event.get("event", "")).partition("\n")[0]
    return event


class Metrics:
    """The metrics of one service; other parts register theirs in `registry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "http_requests", "HTTP requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Time to answer an HTTP request.",
            ["method", "route"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=self.registry,
        )

    def exposition(self) -> Response:
        """All metrics in Prometheus' text format."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class ObservingMiddleware:
    """Gives each request its id, measures it, logs it, limits its body, and names the API's version.

    The routes at paths that `streamed` matches take their bodies in parts, and limit them by themselves.
    What a dependency puts into `request.state.response_headers` is on the answer, be it a problem or not.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        api_version: str,
        body_limit_bytes: int,
        streamed: re.Pattern[str] | None = None,
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._api_version = api_version
        self._limit = body_limit_bytes
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an HTTP request on, observed; anything else as it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _taken_or_new(headers.get("x-request-id"))
        token = _request_id.set(request_id)
        began = time.perf_counter()
        status = HTTPStatus.INTERNAL_SERVER_ERROR.value
        answering = False

        async def send_observed(message: Message) -> None:
            nonlocal status, answering
            if message["type"] == "http.response.start":
                answering = True
                status = int(message["status"])
                added = MutableHeaders(scope=message)
                added["X-Request-ID"] = request_id
                added["API-Version"] = self._api_version
                added["X-Content-Type-Options"] = "nosniff"
                added.update(scope.get("state", {}).get("response_headers", {}))
                if "cache-control" not in added:
                    added["Cache-Control"] = "no-store" if "etag" not in added else "private, no-cache"
            await send(message)

        try:
            if self._streamed is not None and self._streamed.fullmatch(scope["path"]):
                await self._app(scope, receive, send_observed)
            elif _declared_length(headers) > self._limit:
                refusal = problem_response(Request(scope), BY_STATUS[HTTPStatus.REQUEST_ENTITY_TOO_LARGE])
                refusal.headers["Connection"] = "close"
                await refusal(scope, receive, send_observed)
            else:
                await self._app(scope, self._limited(receive), send_observed)
        except Exception as error:
            if answering:
                raise
            await answer_unexpected(Request(scope), error)(scope, receive, send_observed)
        finally:
            seconds = time.perf_counter() - began
            route = _template(scope)
            method = scope["method"] if scope["method"] in HTTPMethod.__members__ else "other"
            self._metrics.requests.labels(method, route, status).inc()
            self._metrics.duration.labels(method, route).observe(seconds)
            actor = scope.get("state", {}).get("actor")
            log.info(
                "request",
                method=method,
                route=route,
                status=status,
                ms=round(seconds * 1000, 1),
                caller=actor.subject if actor else None,
            )
            _request_id.reset(token)

    def _limited(self, receive: Receive) -> Receive:
        taken = 0

        async def receive_limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise BodyTooLarge
            return message

        return receive_limited


def _template(scope: Scope) -> str:
    """The path with its parameters' names in place of their values: of those there are few, and none is personal."""
    if "route" not in scope:
        return "unknown"
    path: str = scope["path"]
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(f"/{value}", f"/{{{name}}}", 1)
    return path


def _taken_or_new(request_id: str | None) -> str:
    return request_id if request_id and _REQUEST_ID.fullmatch(request_id) else str(uuid7())


def _declared_length(headers: Headers) -> int:
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else 0
