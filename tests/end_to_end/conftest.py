"""Both services as processes, started once for all tests of a worker."""

from collections.abc import Iterator

import pytest

from devstack.testing.databases import Templates, templates
from devstack.testing.pair import Pair, running_pair
from servicekit.testing import Databases


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> Templates:
    """Migrated databases of both services, to be copied."""
    return templates(databases)


@pytest.fixture(scope="session")
def pair(migrated: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both services, each with its relay inside, as `make run` starts them."""
    with (
        migrated.centre.clone() as centre,
        migrated.office.clone() as office,
        running_pair(centre, office, tmp_path_factory.mktemp("pair")) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def pair_by_line(migrated: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both services with a line between that tests bend; the Centre's relay is a process that they start and kill."""
    with (
        migrated.centre.clone() as centre,
        migrated.office.clone() as office,
        running_pair(
            centre, office, tmp_path_factory.mktemp("pair_by_line"), with_line=True, centre_relays=False
        ) as running,
    ):
        yield running
