"""The Office put together: one application of all its stages."""

import re
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from chumchon.answering import files as answer_files
from chumchon.answering import routes as answering
from chumchon.answering.described import described_files
from chumchon.answering.letters import Letterhead
from chumchon.arrivals import routes as arrivals
from chumchon.arrivals.metrics import ChannelsCollector
from chumchon.channels import routes as channel_routes
from chumchon.channels.working import announce, desk_of, workers
from chumchon.codes import CODE_LISTS
from chumchon.erasure import routes as erasure
from chumchon.exchange import effects
from chumchon.files import forget_file
from chumchon.intake import attachments, files, public
from chumchon.intake import routes as intake
from chumchon.intake.indexing import run_indexing
from chumchon.problems import PROBLEMS
from chumchon.questions import routes as questions
from chumchon.reports import misroutes, workload
from chumchon.reports import routes as reports
from chumchon.routing import model_routes
from chumchon.routing import routes as routing
from chumchon.routing.schedule import run_training
from chumchon.settings import PARTY, Settings
from chumchon.steps import AUDITOR, OFFICERS, OPERATOR
from chumchon.watching import watches
from exchange import Upkeep, host_exchange
from exchange.jobs import Job, every
from servicekit.alongside import prepared, run_alongside
from servicekit.clock import utc_now
from servicekit.code_lists import code_lists_router
from servicekit.database import Sessions
from servicekit.files.forgetting import FORGET_EVERY, forget_files
from servicekit.files.scanning import ClamAV
from servicekit.files.storing import FileStore
from servicekit.migrating import head_of
from servicekit.service import create_service
from thaikit.text import warm_up

VERSION = "0.1.0"
MIGRATIONS = Path(__file__).parent / "migrations"

_STREAMED: Final = re.compile(r"/v1/cases/[^/]+/(files|answer-files)")
"""The paths whose routes take files, and limit them by themselves."""

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
    {"name": "arrivals", "description": "อีเมลและเอกสารที่เข้ามาเอง · What comes by mail and folder, and its readers."},
    {"name": "questions", "description": "คลังคำถามคำตอบ · The store of questions and answers."},
    {"name": "reports", "description": "รายงาน · Summaries."},
    {"name": "code-lists", "description": "รายการรหัส · Codes with their labels."},
    {"name": "exchange", "description": "การแลกเปลี่ยนกับศูนย์ 1111 · Messages between the two services."},
    {"name": "alarms", "description": "การแจ้งเตือนเรื่องที่ค้างเกินกำหนด · What has waited beyond its limit."},
    {"name": "health", "description": "สถานะระบบ · Whether the service works."},
]


def create_app(settings: Settings) -> FastAPI:
    """The Office's application; its relay runs inside, unless the settings say otherwise."""
    deadlines = settings.deadlines()
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
            answer_files.router,
            answer_files.public_router,
            arrivals.router,
            channel_routes.router,
            questions.router,
            reports.router,
            misroutes.router,
            workload.router,
            code_lists_router(CODE_LISTS),
        ],
        problems=PROBLEMS,
        migrations_head=head_of(MIGRATIONS),
        tags=TAGS,
        streamed=_STREAMED,
    )
    sessions = app.state.sessions
    app.state.deadlines = deadlines
    app.state.draft_required = settings.draft_required
    app.state.letterhead = Letterhead(
        number_prefix=settings.letter_number_prefix,
        sender=settings.letter_sender,
        signer=settings.letter_signer,
        position=settings.letter_position,
        contact=settings.letter_contact,
    )
    app.state.store = store = FileStore(settings.files_url) if settings.files_url else None
    scanner = ClamAV(settings.clamav_url) if settings.clamav_url else None
    app.state.keeping = answer_files.Keeping(store, scanner) if store else None
    app.state.desk = desk_of(settings, store) if store else None
    app.state.silent_after = timedelta(minutes=settings.channel_silent_after_minutes)
    app.state.metrics.registry.register(ChannelsCollector(app.state.read_sessions))
    jobs = _jobs(sessions, store)
    host_exchange(
        app,
        settings.exchange(PARTY),
        effects(deadlines),
        Upkeep(watches(settings.limits()), deadlines.holidays, settings.alarms.ways(), jobs),
        operators=[OPERATOR],
        readers=[OPERATOR, AUDITOR],
        alarm_readers=[*OFFICERS, OPERATOR],
        relay_in_service=settings.relay_in_service,
        source=described_files(store) if store else None,
    )
    app.state.alongside.append(prepared(warm_up))
    run_alongside(app, "indexing", partial(run_indexing, sessions))
    if settings.train_every_hours:
        interval = timedelta(hours=settings.train_every_hours)
        run_alongside(app, "training", partial(run_training, sessions, every=interval))
    if settings.channels_in_service:
        found = workers(settings, sessions)
        app.state.alongside.append(prepared(partial(announce, found, sessions)))
        for name, work in found.items():
            run_alongside(app, name, work)
    return app


def _jobs(sessions: Sessions, store: FileStore | None) -> list[Job]:
    """What is to be done regularly beside what the exchange does."""
    if store is None:
        return []

    def forget(digest: str) -> bool:
        return forget_file(sessions, store, digest, now=utc_now())

    return [Job("erased files", lambda: forget_files(sessions, forget), every(FORGET_EVERY))]
