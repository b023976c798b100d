"""The Office put together: one application of all its stages."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import anyio.to_thread
from fastapi import Depends, FastAPI

from chumchon.answering import routes as answering
from chumchon.answering.letters import Letterhead
from chumchon.channels.working import workers, working
from chumchon.codes import CODE_LISTS
from chumchon.erasure import routes as erasure
from chumchon.exchange import BULK_HANDLERS, handlers, recalled
from chumchon.files import forget_file
from chumchon.intake import attachments, files, public
from chumchon.intake import routes as intake
from chumchon.intake.indexing import indexing
from chumchon.problems import PROBLEMS
from chumchon.questions import routes as questions
from chumchon.reports import misroutes, workload
from chumchon.reports import routes as reports
from chumchon.routing import model_routes
from chumchon.routing import routes as routing
from chumchon.routing.schedule import training
from chumchon.settings import PARTY, Settings
from chumchon.steps import AUDITOR, OFFICERS, OPERATOR
from chumchon.watching import watches
from exchange import (
    Effects,
    Exchange,
    ExchangeMetrics,
    OwnKeys,
    Peer,
    Relay,
    StatusCollector,
    Upkeep,
    alarms_router,
    announcing,
    exchange_router,
    keys_router,
    listening,
    upkeep,
)
from exchange.jobs import Job, every
from servicekit.blobs import Blobs
from servicekit.clock import utc_now
from servicekit.code_lists import code_lists_router
from servicekit.database import Sessions, make_engine
from servicekit.files.forgetting import forget_files
from servicekit.identity import require
from servicekit.migrating import head_of
from servicekit.service import create_service
from thaikit.text import warm_up

VERSION = "0.1.0"
FORGET_EVERY = timedelta(minutes=1)
MIGRATIONS = Path(__file__).parent / "migrations"

TITLE = "สำนักงานเศรษฐกิจพอเพียงเพื่อยกระดับชุมชน · Office of Sufficiency Economy for Community Upgrade"
DESCRIPTION = """\
รับเรื่องจากห้าช่องทางของสำนักงานและที่ศูนย์ 1111 ส่งต่อ ส่งให้กลุ่มงานตามเนื้อหา ตอบ และเก็บคำถามคำตอบ

Takes cases from the Office's five channels and those that the Centre refers, routes them by content to the work \
groups, answers them, and keeps every question with its answer.
"""
TAGS = [
    {"name": "cases", "description": "เรื่อง · Cases: recorded, listed, read, corrected."},
    {"name": "public", "description": "ประชาชน · The website's form, and following a case, without a token."},
    {"name": "routing", "description": "การคัดแยก · Which topic and so which work group, and why."},
    {"name": "answering", "description": "การตอบ · Acceptance, return, questions, drafts, answers, deliveries."},
    {"name": "questions", "description": "คลังคำถามคำตอบ · The store of questions and answers."},
    {"name": "reports", "description": "รายงาน · Summaries."},
    {"name": "code-lists", "description": "รายการรหัส · Codes with their labels."},
    {"name": "exchange", "description": "การแลกเปลี่ยนกับศูนย์ 1111 · Messages between the two services."},
    {"name": "alarms", "description": "การแจ้งเตือนเรื่องที่ค้างเกินกำหนด · What has waited beyond its limit."},
    {"name": "health", "description": "สถานะระบบ · Whether the service works."},
]


def make_exchange(settings: Settings) -> Exchange:
    """The Office in the exchange, as its settings say."""
    peers = [Peer(code, peer.url, peer.jwks, peer.types) for code, peer in settings.peers.items()]
    return Exchange.between(PARTY, settings.base_url, OwnKeys.read(settings.exchange_keys_file), peers)


def make_effects(settings: Settings) -> Effects:
    """What the messages of peers do here, as the settings say."""
    return Effects(handlers(settings.deadlines()), PROBLEMS, recalled=recalled(), bulk=BULK_HANDLERS)


def create_app(settings: Settings) -> FastAPI:
    """The Office's application; its relay runs inside, unless the settings say otherwise."""
    deadlines = settings.deadlines()
    exchange = make_exchange(settings)
    app = create_service(
        settings=settings,
        audience=PARTY,
        title=TITLE,
        description=DESCRIPTION,
        version=VERSION,
        routers=[
            intake.router,
            attachments.router,
            public.router,
            files.router,
            routing.router,
            model_routes.router,
            answering.router,
            erasure.router,
            answering.public_router,
            questions.router,
            reports.router,
            misroutes.router,
            workload.router,
            code_lists_router(CODE_LISTS),
        ],
        problems=PROBLEMS,
        migrations_head=head_of(MIGRATIONS),
        tags=TAGS,
        streamed=files.STREAMED,
    )
    app.state.deadlines = deadlines
    app.state.draft_required = settings.draft_required
    app.state.letterhead = Letterhead(
        number_prefix=settings.letter_number_prefix,
        sender=settings.letter_sender,
        signer=settings.letter_signer,
        position=settings.letter_position,
        contact=settings.letter_contact,
    )
    app.state.blobs = Blobs(settings.files_folder) if settings.files_folder else None
    exchange.enrol(app.state.sessions)
    metrics = ExchangeMetrics(app.state.metrics.registry)
    app.state.metrics.registry.register(StatusCollector(app.state.read_sessions))
    effects = make_effects(settings)
    readers, operators = Depends(require(OPERATOR, AUDITOR)), Depends(require(OPERATOR))
    app.include_router(
        exchange_router(exchange, effects, operators=operators, readers=readers, metrics=metrics), prefix="/v1"
    )
    watched = watches(settings.limits())
    app.include_router(alarms_router(watched, readers=Depends(require(*OFFICERS, OPERATOR))), prefix="/v1")
    plan = Upkeep(watched, deadlines.holidays, settings.alarms.ways(), _jobs(app))
    app.include_router(keys_router(exchange))
    app.state.alongside += [
        _warmed_up(),
        _indexing(app),
        _training(settings, app),
        _exchanging(settings, exchange, app, metrics),
    ]
    app.state.alongside.append(_looking_after(exchange, effects, app, plan))
    if settings.channels_in_service:
        app.state.alongside.append(_working(settings, app))
    return app


def _jobs(app: FastAPI) -> list[Job]:
    """What is to be done regularly beside what the exchange does."""
    blobs: Blobs | None = app.state.blobs
    sessions: Sessions = app.state.sessions
    if blobs is None:
        return []

    def forget(digest: str) -> bool:
        return forget_file(sessions, blobs, digest, now=utc_now())

    return [Job("erased files", lambda: forget_files(sessions, forget), every(FORGET_EVERY))]


@asynccontextmanager
async def _warmed_up() -> AsyncIterator[None]:
    """Load the dictionary before the first request needs it."""
    await anyio.to_thread.run_sync(warm_up)
    yield


@asynccontextmanager
async def _indexing(app: FastAPI) -> AsyncIterator[None]:
    """Make cases findable soon after they were recorded."""
    with indexing(app.state.sessions):
        yield


@asynccontextmanager
async def _looking_after(exchange: Exchange, effects: Effects, app: FastAPI, plan: Upkeep) -> AsyncIterator[None]:
    """Watch what waits, tell of it, and compare ledgers."""
    with upkeep(exchange, app.state.sessions, effects, plan):
        yield


@asynccontextmanager
async def _working(settings: Settings, app: FastAPI) -> AsyncIterator[None]:
    """Read the mailbox and the watched folders, and send mails."""
    with working(workers(settings, app.state.sessions)) as check:
        app.state.checks["channels"] = check
        yield


@asynccontextmanager
async def _training(settings: Settings, app: FastAPI) -> AsyncIterator[None]:
    """Let the routing model learn now and then, unless it is done by hand."""
    if settings.train_every_hours == 0:
        yield
        return
    with training(app.state.sessions, every=timedelta(hours=settings.train_every_hours)):
        yield


@asynccontextmanager
async def _exchanging(
    settings: Settings, exchange: Exchange, app: FastAPI, metrics: ExchangeMetrics
) -> AsyncIterator[None]:
    """Send what is owed, or tell relays elsewhere that something is."""
    engine = make_engine(settings.database_url, pool_size=1, name=f"{PARTY} wake-ups")
    wake_ups = listening if settings.relay_in_service else announcing
    stop = threading.Event()
    relay = None
    if settings.relay_in_service:
        relay = threading.Thread(
            target=Relay(exchange, app.state.sessions, metrics).run, args=(stop,), name="relay", daemon=True
        )
        relay.start()
        app.state.checks["relay"] = lambda: None if relay.is_alive() else "the relay has ended"
    try:
        with wake_ups(exchange.bell, engine):
            yield
    finally:
        stop.set()
        if relay is not None:
            await anyio.to_thread.run_sync(relay.join)
        exchange.peer_keys.close()
        engine.dispose()
