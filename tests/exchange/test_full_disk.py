"""A full disk at the receiver: nothing is taken, nothing is lost, and all arrives when there is room again."""

import os
from collections.abc import Iterator

import pytest

from devstack.testing.disks import NoSmallDiskError, SmallDisk, small_disk
from exchange.relay import Round

from .conftest import Clock, Party


@pytest.fixture
def disk(office: Party) -> Iterator[SmallDisk]:
    """A disk of 4 MiB that holds the Office's inbox and nothing else."""
    url = office.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with small_disk(url, "exchange_inbox", mebibytes=4) as made:
            yield made
    except NoSmallDiskError as error:
        pytest.skip(str(error))


def test_a_full_disk_loses_nothing(centre: Party, office: Party, clock: Clock, disk: SmallDisk) -> None:
    """While its disk is full the Office answers 503 and applies nothing; then each message is applied once."""
    disk.fill()
    said = [f"{n} {os.urandom(9000).hex()}" for n in range(20)]
    for it in said:
        centre.owes(it, now=clock())
    relay = centre.relay(clock)
    for _ in range(3):
        clock.advance(hours=2)
        assert Round.FAILED is relay.round(centre.peer())
    assert [] == office.said()
    assert {"queued"} == set(centre.states())
    disk.make_room()
    while "queued" in centre.states():
        clock.advance(hours=2)
        assert Round.SENT is relay.round(centre.peer())
    assert sorted(said) == sorted(office.said())
