"""The databases that tests get: migrated once, copied quickly, independent of each other."""

from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from servicekit.testing import Databases


def with_a_table(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE facts (fact text)")


def facts(url: str) -> int:
    with psycopg.connect(url) as connection:
        (count,) = connection.execute("SELECT count(*) FROM facts").fetchone() or (-1,)
        return int(count)


def test_clones_are_migrated_and_independent(databases: Databases) -> None:
    """What one test writes, another never sees, and afterwards its database is gone."""
    template = databases.template("testing_facts", with_a_table)
    with template.clone() as one, template.clone() as other:
        with psycopg.connect(one) as connection:
            connection.execute("INSERT INTO facts VALUES ('ทดสอบ')")
        assert facts(one) == 1
        assert facts(other) == 0
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(one)


def test_a_connection_that_a_test_forgot_fails_that_test(databases: Databases) -> None:
    """It does not keep its database alive either."""
    with pytest.raises(AssertionError, match="left open"), databases.empty() as url:
        forgotten = psycopg.connect(url)
    with forgotten, pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")


def test_a_template_is_made_once(databases: Databases) -> None:
    """The migrations run once for a name, however often and by however many workers it is asked for."""
    runs: list[str] = []
    name = f"testing_{uuid4().hex}"
    assert databases.template(name, runs.append) == databases.template(name, runs.append)
    assert len(runs) == 1


def test_failing_migrations_leave_no_template(databases: Databases, tmp_path: Path) -> None:
    """A template is all or nothing: after migrations that failed, the next one to ask runs them again."""
    here = Databases(databases.server, tmp_path)

    def fails(_: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        here.template("testing_broken", fails)
    with here.template("testing_broken", with_a_table).clone() as url:
        assert facts(url) == 0
    here.drop_templates()
