"""Erasure across both services: told, done, confirmed; and done again by whoever is restored from an older backup."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from devstack.demo.people import Json
from devstack.testing.acting import answer, complaint_by, refer
from devstack.testing.databases import Templates
from devstack.testing.pair import Pair, running_pair
from schemas import ERASED_TEXT
from servicekit.database import make_engine
from servicekit.testing import Databases, columns_with, eventually

from .test_recovery import SUBJECT, Backup, case_of, equal

NAME = "Quillmarker"


@pytest.fixture
def drilled(migrated: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A pair of its own: a restore is nothing that other tests should see."""
    with (
        migrated.centre.clone() as centre,
        migrated.office.clone() as office,
        running_pair(centre, office, tmp_path_factory.mktemp("erasure")) as running,
    ):
        yield running


def traces(url: str) -> set[str]:
    """The columns of a database in which the complainant's name stands."""
    engine = make_engine(url, pool_size=1)
    try:
        with Session(engine) as session:
            return columns_with(session, NAME)
    finally:
        engine.dispose()


def closed(pair: Pair) -> tuple[Json, Json]:
    """A complaint with a name in all its words, answered by the Office and closed; and its referral."""
    complaint = complaint_by("letter", f"{SUBJECT} {NAME}") | {"complainant": {"first_name": NAME}}
    registered, referral = refer(pair.centre, complaint)
    answer(pair.office, case_of(pair, referral), f"เรียนคุณ {NAME}")
    eventually(lambda: pair.centre.referral(referral["id"])["state"] == "answered")
    pair.centre.change("officer", "POST", f"/v1/complaints/{registered['id']}/closure", {})
    pair.wait_until_settled()
    return registered, referral


def test_an_erasure_reaches_the_other_side_and_outlives_both_backups(
    drilled: Pair, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The Office confirms; who is restored to a day before erases again, and the ledgers are equal throughout."""
    pair = drilled
    complaint, referral = closed(pair)
    folders = [tmp_path_factory.mktemp("backup") for _ in range(2)]
    backups = [
        Backup(databases.server, pair.office_database, pair.office_process, folders[0]),
        Backup(databases.server, pair.centre_database, pair.centre_process, folders[1]),
    ]
    for backup in backups:
        backup.take()
    assert traces(pair.centre_database)
    assert traces(pair.office_database)

    path = f"/v1/complaints/{complaint['id']}"
    pair.centre.change("supervisor", "POST", f"{path}/erasure", {"basis": "consent_withdrawn"})

    def confirmed() -> bool:
        (told,) = pair.centre.complaint(complaint["id"])["erasure"]["confirmations"]
        return told["confirmed_at"] is not None

    eventually(confirmed)
    assert (set(), set()) == (traces(pair.centre_database), traces(pair.office_database))
    assert [] == pair.exchange_faults()
    assert equal(pair.centre_process, "chumchon")

    sides = [
        (backups[0], pair.office_process, pair.office_database, "center1111"),
        (backups[1], pair.centre_process, pair.centre_database, "chumchon"),
    ]
    for backup, process, database, peer in sides:
        backup.restore()
        assert traces(database)
        process.command("exchange", "recover", peer)
        assert set() == traces(database)
        process.start()
        process.wait_until_ready()
        # From both sides: so the one that is restored next is known by its keys, too, while it does not run.
        assert equal(pair.office_process, "center1111")
        assert equal(pair.centre_process, "chumchon")
    assert [] == pair.exchange_faults()
    assert confirmed()
    case = case_of(pair, referral)
    assert ("answered", ERASED_TEXT) == (case["state"], pair.office.case(case["id"])["details"])
    assert [] == _quarantined(pair)


def _quarantined(pair: Pair) -> list[str]:
    found: list[str] = []
    for url in (pair.centre_database, pair.office_database):
        engine = make_engine(url, pool_size=1)
        with engine.connect() as connection:
            found += connection.scalars(sa.text("SELECT type FROM exchange_inbox WHERE state = 'quarantined'")).all()
        engine.dispose()
    return found
