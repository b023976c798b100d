"""Fixtures for every test: `databases`, the PostgreSQL of this run. And which tests run when, and in which worker."""

import gc

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling, Scheduling

from servicekit.testing import databases as databases

_OF_PROCESSES = ("tests/devstack/test_run.py", "tests/faults/", "tests/end_to_end/")
_ON_ONE_PAIR = ("test_demo.py", "test_every_message.py", "test_round_trip.py")
"""The files of `tests/end_to_end` whose tests share the running pair of services."""


class _ByFile(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """A file's tests run in one worker; so do those of all files that share the running pair of services."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "the pair" if file.endswith(_ON_ONE_PAIR) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Give files to workers as `_ByFile` says, where `--dist loadfile` is asked for."""
    return _ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what starts services and waits for them: other workers use the pauses, and none is long at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(_OF_PROCESSES))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what all tests stand on: it stays to the end."""
    gc.collect()
    gc.freeze()
