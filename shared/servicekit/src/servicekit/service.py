"""A service put together: one FastAPI application with everything that all routes share."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from http import HTTPStatus
from typing import Any

import anyio.to_thread
import orjson
import sqlalchemy as sa
from fastapi import APIRouter, FastAPI, Response
from fastapi.concurrency import contextmanager_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from servicekit import idempotency, identity, rate_limits
from servicekit.alongside import Check
from servicekit.database import make_engine, make_read_sessions, make_sessions
from servicekit.documenting import describe_problems, install_docs
from servicekit.files import receiving, scanning, storing
from servicekit.identity import Identity
from servicekit.observing import Metrics, ObservingMiddleware
from servicekit.problems import DomainError, Problem, install_problems
from servicekit.rate_limits import Rate
from servicekit.settings import ServiceSettings

EXPOSED_HEADERS = (
    "API-Version",
    "Content-Language",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
)


def create_service(
    *,
    settings: ServiceSettings,
    audience: str,
    title: str,
    description: str,
    version: str,
    routers: Sequence[APIRouter],
    problems: Mapping[type[DomainError], Problem],
    migrations_head: str,
    tags: Sequence[dict[str, Any]] = (),
    streamed: re.Pattern[str] | None = None,
) -> FastAPI:
    """An application with its routes under `/v1`, problems, identity, metrics and health.

    `app.state` carries what requests need: `sessions`, `read_sessions`, `identity`, `metrics`, `rate_limits`, `checks`
    (a name -> `Check` mapping that `/readyz` runs; add to it) and `alongside` (context managers that live as long as
    the application, entered and left in worker threads; add to it before it starts).

    Args:
        audience: the service's code, which its tokens name in `aud`.
        migrations_head: the revision that the database must be at.
        streamed: the paths whose routes take files, and limit their bodies by themselves.
    """
    engine = make_engine(settings.database_url, pool_size=settings.database_pool_size, name=audience)
    read_engine = make_engine(
        settings.reading_database_url or settings.database_url,
        pool_size=settings.database_pool_size,
        name=f"{audience} reading",
        read_only=True,
    )
    metrics = Metrics()
    alongside: list[AbstractContextManager[object]] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 2 * settings.database_pool_size
        async with AsyncExitStack() as stack:
            stack.callback(engine.dispose)
            stack.callback(read_engine.dispose)
            for part in alongside:
                await stack.enter_async_context(contextmanager_in_threadpool(part))
            yield

    app = FastAPI(
        title=title,
        description=description,
        version=version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_tags=list(tags),
        separate_input_output_schemas=False,
    )
    app.state.sessions = make_sessions(engine)
    app.state.read_sessions = make_read_sessions(read_engine)
    app.state.identity = Identity(issuer=settings.issuer, audience=audience, jwks=settings.issuer_jwks)
    app.state.metrics = metrics
    app.state.rate_limits = {
        "public-read": Rate.parse(settings.public_read_rate),
        "public-write": Rate.parse(settings.public_write_rate),
    }
    app.state.alongside = alongside
    app.state.checks = {"database": _database_check(read_engine, migrations_head)}
    own = (identity, idempotency, rate_limits, receiving, scanning, storing)
    install_problems(app, {kind: problem for part in own for kind, problem in part.PROBLEMS.items()} | dict(problems))
    install_docs(app)
    _install_health(app)
    for router in routers:
        app.include_router(router, prefix="/v1")
    describe_problems(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "If-None-Match",
                "X-Request-ID",
            ],
            expose_headers=list(EXPOSED_HEADERS),
        )
    app.add_middleware(
        ObservingMiddleware,
        metrics=metrics,
        api_version=version,
        body_limit_bytes=settings.body_limit_bytes,
        streamed=streamed,
    )
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=[str(proxy) for proxy in settings.trusted_proxies])
    return app


def _database_check(engine: sa.Engine, head: str) -> Check:
    def check() -> str | None:
        try:
            with engine.connect() as connection:
                present = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        except sa.exc.SQLAlchemyError as error:
            return f"the database does not answer ({type(error).__name__})"
        return None if present == head else f"the database is at migration {present}, not {head}: run migrate"

    return check


def _install_health(app: FastAPI) -> None:
    @app.get("/healthz", tags=["health"], summary="Whether the process is alive", operation_id="get_health")
    async def get_health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(
        "/readyz",
        tags=["health"],
        summary="Whether the service can do its work, and if not, why",
        operation_id="get_readiness",
    )
    def get_readiness() -> Response:
        found = {name: check() for name, check in app.state.checks.items()}
        ready = not any(found.values())
        body = {
            "status": "ready" if ready else "not ready",
            "checks": {k: v or "ok" for k, v in found.items()},
        }
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return Response(orjson.dumps(body), status, media_type="application/json")

    @app.get("/metrics", include_in_schema=False)
    def get_metrics() -> Response:
        metrics: Metrics = app.state.metrics
        return metrics.exposition()
