"""The Centre put together."""

import re
import threading
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from center1111 import bulk, places
from center1111.answers import routes as answers
from center1111.attachments import public as own_files
from center1111.attachments import routes as attachments
from center1111.attachments.actions import Vault
from center1111.attachments.described import described_files
from center1111.attachments.rescanning import rescan
from center1111.clock import routes as clock
from center1111.closure import routes as closure
from center1111.codes import CODE_LISTS
from center1111.erasure import routes as erasure
from center1111.exchange import effects
from center1111.intake import routes as intake
from center1111.intake import saved_views
from center1111.intake.imports import routes as imports
from center1111.intake.imports.actions import IMPORTS_WAITING, Desk, run_imports
from center1111.knowledge import routes as knowledge
from center1111.postman import make_postman, make_reminding
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
from exchange import PROBLEMS as EXCHANGE_PROBLEMS
from exchange import Upkeep, host_exchange
from exchange.jobs import Job, every
from servicekit.alongside import prepared, run_alongside
from servicekit.code_lists import code_lists_router
from servicekit.files.forgetting import FORGET_EVERY, forget_files
from servicekit.files.scanning import ClamAV
from servicekit.files.storing import FileStore
from servicekit.mail_queue import MAILS_WAITING
from servicekit.migrating import head_of
from servicekit.queues import QueueCollector
from servicekit.service import create_service
from thaikit.text import warm_up

_STREAMED: Final = re.compile(r"/v1/(public/)?complaints/[^/]+/attachments/[^/]+/content|/v1/complaints/imports")
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


def create_app(settings: Settings) -> FastAPI:
    """The Centre as an ASGI application; with a relay inside unless the settings say otherwise."""
    deadlines = settings.deadlines()
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
            closure.public_router,
            erasure.router,
            attachments.router,
            own_files.public_router,
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
    sessions = app.state.sessions
    app.state.deadlines = deadlines
    app.state.writers = settings.writers()
    app.state.required_checks = settings.required_checks
    app.state.letterhead = settings.letterhead
    app.state.reopen_within = timedelta(days=settings.reopen_within_days)
    app.state.metrics.registry.register(
        QueueCollector(app.state.read_sessions, {"imports": IMPORTS_WAITING, "mail": MAILS_WAITING})
    )
    store = FileStore(settings.attachments_url)
    app.state.vault = Vault(store, ClamAV(settings.clamav_url) if settings.clamav_url else None)
    app.state.public_files = own_files.PublicFiles(settings.public_attachments, settings.public_attachments_bytes)
    jobs = [Job("erased files", partial(forget_files, sessions, store.forget), every(FORGET_EVERY))]
    host_exchange(
        app,
        settings.exchange(PARTY),
        effects(deadlines),
        Upkeep(watches(settings.limits()), deadlines.holidays, settings.alarms.ways(), jobs),
        operators=["operator"],
        readers=["operator", "auditor"],
        alarm_readers=OFFICERS,
        source=described_files(store),
        relay_in_service=settings.relay_in_service,
    )
    app.state.alongside.append(prepared(warm_up))
    app.state.imports_bell = threading.Event()
    desk = Desk(sessions, deadlines, app.state.writers)
    importing = partial(run_imports, desk, app.state.imports_bell)
    run_alongside(app, "importing", importing, wake=app.state.imports_bell.set)
    if app.state.vault.scanner is not None:
        run_alongside(app, "rescanning", partial(rescan, sessions, app.state.vault))
    if settings.remind_in_service:
        run_alongside(app, "reminding", make_reminding(sessions, settings).run)
    postman = make_postman(sessions, settings)
    if postman is not None and settings.mail_in_service:
        run_alongside(app, "postman", postman.run)
    return app
