"""A database with one search index, made as migrations make it."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from servicekit.database import Sessions, make_engine, make_sessions
from servicekit.testing import Databases
from thaikit.search import SearchIndex, creation_1, search_index

METADATA = sa.MetaData()
INDEX = search_index(METADATA, "articles")


@pytest.fixture(scope="session")
def index() -> SearchIndex:
    """The definition of the index."""
    return INDEX


def _create(url: str) -> None:
    engine = make_engine(url)
    with engine.begin() as connection:
        for statement in creation_1("articles"):
            connection.execute(sa.text(statement))
    engine.dispose()


@pytest.fixture
def sessions(databases: Databases) -> Iterator[Sessions]:
    """Sessions on a database of the test's own, with an empty index."""
    with databases.template("thaikit_search", _create).clone() as url:
        engine = make_engine(url)
        yield make_sessions(engine)
        engine.dispose()


@pytest.fixture
def session(sessions: Sessions) -> Iterator[Session]:
    """A session on that database."""
    with sessions() as session:
        yield session
