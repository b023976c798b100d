"""A small service of its own: things with a subject, on a real database, for what every service relies on."""

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

import pytest
import sqlalchemy as sa
from fastapi import Depends, FastAPI, Request, Response
from starlette.testclient import TestClient

from servicekit import development_issuer, idempotency, rate_limits
from servicekit.database import Query, make_engine
from servicekit.fields import Body, Day, Line, Text, Timestamp, Versioned
from servicekit.identity import Actor, require
from servicekit.paging import Count, Cursor, Limit, Page, decode_cursor, make_page
from servicekit.problems import DomainError, Problem
from servicekit.routes import Reading, Router, Transaction
from servicekit.service import create_service
from servicekit.settings import ServiceSettings
from servicekit.testing import Databases, Template
from servicekit.versions import IfMatch, IfMatchRequired, check_version
from servicekit.words import Words

metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("subject", sa.Text, nullable=False, unique=True),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.CheckConstraint("subject <> 'forbidden'", name="not_forbidden"),
)
insert_thing = Query(
    sa.insert(things).values(subject=sa.bindparam("subject")).returning(things.c.id, things.c.subject, things.c.version)
)
things_after = Query(
    sa.select(things).where(things.c.id > sa.bindparam("after")).order_by(things.c.id).limit(sa.bindparam("rows"))
)


class ThingNotFound(DomainError):
    """There is no such thing."""


class Untold(DomainError):
    """An error that no table names."""


class NewThing(Body):
    """What a thing is made of."""

    subject: Annotated[str, Line(20)]
    details: Annotated[str, Text(50)] | None = None
    seen_at: Timestamp | None = None
    seen_on: Day | None = None


class ThingView(Versioned):
    """A thing."""

    id: int
    subject: str


router = Router(tags=["things"])


@router.post("/things", status_code=201, summary="Make a thing")
def post_thing(
    new: NewThing,
    session: Transaction,
    response: Response,
    actor: Annotated[Actor, Depends(require("maker", "agency_client"))],
) -> ThingView:
    made = insert_thing.first(session, subject=new.subject)
    assert made is not None
    response.headers["Location"] = f"/v1/things/{made.id}"
    if new.details == "stop":
        raise ThingNotFound(subject=actor.subject)
    return ThingView.model_validate(made)


@router.get("/things", summary="List things")
def list_things(
    session: Reading,
    request: Request,
    response: Response,
    limit: Limit = 20,
    cursor: Cursor = None,
    *,
    count: Count = False,
) -> Page[ThingView]:
    after = decode_cursor(request, cursor, [int])[0] if cursor else 0
    rows = things_after.all(session, after=after, rows=limit + 1)
    total = session.scalar(sa.select(sa.func.count()).select_from(things)) if count else None
    return make_page(
        rows,
        limit=limit,
        request=request,
        response=response,
        view=ThingView.model_validate,
        position=lambda row: [row.id],
        total=total,
    )


@router.get("/things/{thing_id}", summary="Read a thing")
def get_thing(thing_id: int, session: Reading) -> ThingView:
    found = session.execute(sa.select(things).where(things.c.id == thing_id)).first()
    if found is None:
        raise ThingNotFound(subject="it")
    return ThingView.model_validate(found)


@router.patch("/things/{thing_id}", summary="Change a thing")
def patch_thing(thing_id: int, new: NewThing, session: Transaction, if_match: IfMatchRequired) -> ThingView:
    return _change(session, thing_id, new, if_match)


@router.put("/things/{thing_id}/subject", summary="Change its subject")
def put_subject(thing_id: int, new: NewThing, session: Transaction, if_match: IfMatch) -> ThingView:
    return _change(session, thing_id, new, if_match)


def _change(session: sa.orm.Session, thing_id: int, new: NewThing, if_match: frozenset[int] | None) -> ThingView:
    present = session.scalar(sa.select(things.c.version).where(things.c.id == thing_id).with_for_update())
    assert present is not None
    check_version(present, if_match)
    changed = session.execute(
        sa.update(things)
        .where(things.c.id == thing_id)
        .values(subject=new.subject, version=things.c.version + 1)
        .returning(things)
    ).one()
    return ThingView.model_validate(changed)


@router.post("/breakdowns", summary="Fail in an unforeseen way")
def post_breakdown(session: Transaction) -> None:
    raise RuntimeError(f"somebody's secret words {session}")


@router.post("/untold", summary="Fail in a way that no table names")
def post_untold() -> None:
    raise Untold


@router.post("/writes-while-reading", summary="Write through a reading session")
def post_write_while_reading(session: Reading) -> None:
    insert_thing.first(session, subject="through the wrong session")


@router.get("/clock", summary="Echo a time")
async def get_clock(at: Timestamp) -> datetime:
    return at


PROBLEMS: dict[type[DomainError], Problem] = {
    ThingNotFound: Problem(
        "thing-not-found",
        HTTPStatus.NOT_FOUND,
        Words("ไม่พบ", "No such thing"),
        Words("ไม่มี {subject}", "There is no {subject}."),
    ),
}


def _migrate(url: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        metadata.create_all(connection)
        idempotency.metadata.create_all(connection)
        rate_limits.metadata.create_all(connection)
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num text)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('0001')"))
    engine.dispose()


@pytest.fixture(scope="session")
def things_template(databases: Databases) -> Template:
    """The template of the things' database."""
    return databases.template("things", _migrate)


@pytest.fixture
def database_url(things_template: Template) -> Iterator[str]:
    """A fresh database."""
    with things_template.clone() as url:
        yield url


@pytest.fixture(scope="session")
def issuer_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The development issuer's key file; its public half lies beside it as `public.json`."""
    path = tmp_path_factory.mktemp("issuer") / "key.json"
    development_issuer.make_key_file(path)
    development_issuer.write_public_keys(path, path.with_name("public.json"))
    return path


@pytest.fixture
def app(database_url: str, issuer_key: Path) -> Iterator[FastAPI]:
    """The service of things."""
    settings = ServiceSettings(
        environment="development",
        database_url=database_url,
        database_pool_size=4,
        port=8999,
        issuer=development_issuer.ISSUER,
        issuer_jwks=str(issuer_key.with_name("public.json")),
        cors_origins=("https://front.example",),
    )
    app = create_service(
        settings=settings,
        audience="things",
        title="Things",
        description="For tests.",
        version="1.2.3",
        routers=[router],
        problems=PROBLEMS,
        migrations_head="0001",
    )
    yield app
    for sessions in (app.state.sessions, app.state.read_sessions):
        sessions.kw["bind"].dispose()


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """Somebody who reads English and has no token."""
    with TestClient(app, headers={"Accept-Language": "en"}) as client:
        yield client


@pytest.fixture
def maker(client: TestClient, issuer_key: Path) -> TestClient:
    """The same client, with a maker's token."""
    token = development_issuer.mint(issuer_key, audience="things", subject="mali", roles=["maker"])
    client.headers["Authorization"] = f"Bearer {token}"
    return client
