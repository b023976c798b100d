"""The tables: up from nothing and down again, and what the database itself refuses."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations

from exchange import metadata
from exchange.migrations import STEPS
from servicekit.database import make_engine
from servicekit.testing import Databases

from .conftest import Party


def test_the_steps_make_the_tables_and_take_them_back(databases: Databases) -> None:
    """Alembic finds no difference to the tables as declared; the way down leaves nothing."""
    with databases.empty() as url:
        engine = make_engine(url, pool_size=1)
        try:
            with engine.begin() as connection:
                context = MigrationContext.configure(connection, opts={"compare_server_default": True})
                for step in STEPS:
                    step.upgrade(Operations(context))
                assert [] == compare_metadata(context, metadata)
                for step in reversed(STEPS):
                    step.downgrade(Operations(context))
                assert [] == sa.inspect(connection).get_table_names()
        finally:
            engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE exchange_outbox SET state = 'lost'",
        "UPDATE exchange_outbox SET state = 'delivered'",
        "UPDATE exchange_outbox SET sequence = 0",
        "UPDATE exchange_outbox SET digest = 'x'",
        "UPDATE exchange_outbox SET state = 'dead', lease = gen_random_uuid(), leased_until = now()",
        "UPDATE exchange_outbox SET lease = gen_random_uuid()",
        "UPDATE exchange_outgoing SET last_sequence = 0",
        """
        INSERT INTO exchange_outbox
        SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid()))).* FROM exchange_outbox o
        """,
    ],
)
def test_the_database_refuses_what_cannot_be(centre: Party, statement: str) -> None:
    """Should the code fail one day, the row does not become nonsense."""
    centre.owes()
    with pytest.raises(sa.exc.IntegrityError):
        centre.sql(statement)
