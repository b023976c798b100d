"""The Centre put together."""

import contextlib
import functools
import re
import threading
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
import sqlalchemy as sa
from fastapi import Depends, FastAPI

from center1111 import bulk, places
from center1111.answers import routes as answers
from center1111.attachments import routes as attachments
from center1111.attachments.actions import Vault
from center1111.attachments.described import DescribedFiles
from center1111.clock import routes as clock
from center1111.clock.reminding import Reminding
from center1111.closure import routes as closure
from center1111.codes import CODE_LISTS
from center1111.erasure import routes as erasure
from center1111.exchange import effects
from center1111.intake import routes as intake
from center1111.intake import saved_views
from center1111.intake.imports import routes as imports
from center1111.intake.imports.actions import Desk, run_imports
from center1111.knowledge import routes as knowledge
from center1111.postman import make_postman
from center1111.problems import PROBLEMS
from center1111.referrals import attachments as answer_files
from center1111.referrals import routes as referrals
from center1111.reports import routes as reports
from center1111.roles import OFFICERS
from center1111.settings import Settings
from center1111.steps import PARTY
from center1111.telling import routes as telling
from center1111.templates import routes as templates
from center1111.tracking import public as complainants
from center1111.tracking import routes as tracking
from center1111.verification import routes as verification
from center1111.watching import watches
from exchange import (
    PROBLEMS as EXCHANGE_PROBLEMS,
)
from exchange import (
    Exchange,
    ExchangeMetrics,
    OwnKeys,
    Relay,
    StatusCollector,
    Upkeep,
    alarms_router,
    announcing,
    exchange_router,
    keys_router,
    upkeep,
)
from exchange.jobs import Job, every
from servicekit.code_lists import code_lists_router
from servicekit.files.forgetting import forget_files
from servicekit.files.scanning import ClamAV
from servicekit.files.storing import FileStore
from servicekit.identity import require
from servicekit.migrating import head_of
from servicekit.service import create_service
from thaikit.text import warm_up

_STREAMED: Final = re.compile(r"/v1/complaints/[^/]+/attachments/[^/]+/content|/v1/complaints/imports")
_FORGET_EVERY: Final = timedelta(minutes=1)
MIGRATIONS: Final = Path(__file__).parent / "migrations"

_TAGS: Final[list[dict[str, Any]]] = [
    {"name": "complaints", "description": "เรื่องร้องทุกข์: รับ ตรวจสอบ ตอบ ยุติ · Complaints from intake to closure."},
    {"name": "referrals", "description": "การส่งต่อหน่วยงาน · Referrals to agencies, and what they say."},
    {"name": "deadlines", "description": "กำหนดเวลา การหยุดนับเวลา และการเตือน · Deadlines, their clock, reminders."},
    {"name": "knowledge", "description": "ระบบจัดการองค์ความรู้ · The knowledge base."},
    {"name": "tellings", "description": "แบบคำตอบและการแจ้งผล · Answer templates, and telling complainants."},
    {"name": "public", "description": "ช่องทางเว็บไซต์และการติดตามเรื่อง · For complainants."},
    {"name": "reports", "description": "รายงานสรุป · Summaries."},
    {"name": "code-lists", "description": "รหัสและคำอธิบาย · Codes and their labels."},
    {"name": "exchange", "description": "การแลกเปลี่ยนข้อมูลกับหน่วยงาน · The exchange with agencies."},
    {"name": "alarms", "description": "การแจ้งเตือนเรื่องที่ค้างเกินกำหนด · What has waited beyond its limit."},
    {"name": "health", "description": "สถานะของระบบ · Whether the service can work."},
]


def make_exchange(settings: Settings) -> Exchange:
    """The Centre in the exchange, as its settings say."""
    return Exchange.between(PARTY, settings.base_url, OwnKeys.read(settings.exchange_keys_file), settings.agencies)


def create_app(settings: Settings) -> FastAPI:
    """The Centre as an ASGI application; with a relay inside unless the settings say otherwise."""
    exchange = make_exchange(settings)
    app = create_service(
        settings=settings,
        audience=PARTY,
        title="ศูนย์รับเรื่องราวร้องทุกข์ 1111 · Complaint Centre 1111",
        description="รับเรื่องร้องทุกข์ 4 ช่องทาง ตรวจสอบ ตอบ หรือส่งต่อหน่วยงาน และบันทึกคำตอบกลับ\n\n"
        "Takes complaints in by four channels, verifies, answers or refers them, and records the answers.",
        version=version("center1111"),
        routers=[
            imports.router,
            saved_views.router,
            bulk.router,
            intake.router,
            verification.router,
            knowledge.router,
            answers.router,
            referrals.router,
            answer_files.router,
            closure.router,
            erasure.router,
            attachments.router,
            clock.router,
            tracking.router,
            intake.public_router,
            tracking.public_router,
            complainants.public_router,
            complainants.router,
            telling.router,
            templates.router,
            reports.router,
            places.router,
            code_lists_router(CODE_LISTS),
        ],
        problems={**EXCHANGE_PROBLEMS, **PROBLEMS},
        migrations_head=head_of(MIGRATIONS),
        tags=_TAGS,
        streamed=_STREAMED,
    )
    app.state.exchange = exchange
    app.state.deadlines = settings.deadlines()
    store = FileStore(settings.attachments_url)
    app.state.vault = Vault(store, ClamAV(settings.clamav_url) if settings.clamav_url else None)
    app.state.writers = settings.writers()
    app.state.imports_bell = threading.Event()
    desk = Desk(app.state.sessions, app.state.deadlines, app.state.writers)
    importing = functools.partial(run_imports, desk, app.state.imports_bell)
    app.state.alongside.append(_threaded("importing", importing, app, wake=app.state.imports_bell.set))
    app.state.required_checks = settings.required_checks
    app.state.letterhead = settings.letterhead
    app.state.reopen_within = timedelta(days=settings.reopen_within_days)
    exchange.enrol(app.state.sessions)
    metrics = ExchangeMetrics(app.state.metrics.registry)
    app.state.metrics.registry.register(StatusCollector(app.state.read_sessions))
    readers, operators = Depends(require("operator", "auditor")), Depends(require("operator"))
    told = effects(app.state.deadlines)
    app.include_router(
        exchange_router(
            exchange, told, operators=operators, readers=readers, metrics=metrics, source=DescribedFiles(store)
        ),
        prefix="/v1",
    )
    watched = watches(settings.limits())
    app.include_router(alarms_router(watched, readers=Depends(require(*OFFICERS))), prefix="/v1")
    app.include_router(keys_router(exchange))
    app.state.alongside.append(_warm())
    app.state.alongside.append(_closing(exchange))
    forgetting = functools.partial(forget_files, app.state.sessions, functools.partial(_forgotten, store))
    jobs = [Job("erased files", forgetting, every(_FORGET_EVERY))]
    plan = Upkeep(watched, app.state.deadlines.holidays, settings.alarms.ways(), jobs)
    app.state.alongside.append(_in_async(upkeep(exchange, app.state.sessions, told, plan)))
    engine: sa.Engine = app.state.sessions.kw["bind"]
    if settings.relay_in_service:
        relay = Relay(exchange, app.state.sessions, metrics)
        app.state.alongside.append(_threaded("relay", relay.run, app))
    else:
        app.state.alongside.append(_in_async(announcing(exchange.bell, engine)))
    if settings.remind_in_service:
        reminding = Reminding(app.state.sessions, app.state.deadlines, every_seconds=settings.remind_every_seconds)
        app.state.alongside.append(_threaded("reminding", reminding.run, app))
    postman = make_postman(app.state.sessions, settings)
    if postman is not None and settings.mail_in_service:
        app.state.alongside.append(_threaded("postman", postman.run, app))
    return app


def _forgotten(store: FileStore, key: str) -> bool:
    store.forget(key)
    return True


@contextlib.asynccontextmanager
async def _warm() -> AsyncIterator[None]:
    """Load the Thai dictionary before the first request needs it."""
    await anyio.to_thread.run_sync(warm_up)
    yield


@contextlib.asynccontextmanager
async def _closing(exchange: Exchange) -> AsyncIterator[None]:
    yield
    exchange.close()


@contextlib.asynccontextmanager
async def _threaded(
    name: str, work: Callable[[threading.Event], Any], app: FastAPI, *, wake: Callable[[], Any] = lambda: None
) -> AsyncIterator[None]:
    """Run `work` in a thread as long as the service lives, which is not ready without it; `wake` ends its waiting."""
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,), name=name)
    app.state.checks[name] = lambda: None if thread.is_alive() else f"the {name} inside the service has ended"
    thread.start()
    try:
        yield
    finally:
        stop.set()
        wake()
        await anyio.to_thread.run_sync(thread.join)


@contextlib.asynccontextmanager
async def _in_async(context: contextlib.AbstractContextManager[None]) -> AsyncIterator[None]:
    with context:
        yield
