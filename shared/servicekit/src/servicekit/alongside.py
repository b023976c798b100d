"""What works beside a service's requests, in threads that live as long as the service does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from fastapi import FastAPI

Check: TypeAlias = Callable[[], str | None]
"""Looks at one thing that the service needs: None when it is well, else what is wrong. It may block."""

Work: TypeAlias = Callable[[threading.Event], object]
"""Works until the event is set, and survives whatever goes wrong meanwhile."""


def _nothing_to_wake() -> None:
    """The work waits for nothing but its event."""


@contextmanager
def beside(work: Work, *, name: str, wake: Callable[[], object] = _nothing_to_wake) -> Iterator[Check]:
    """Let `work` run in a thread of its own for as long as the block lasts; gives a check that tells if it has ended.

    At the end its event is set, then `wake` is called, which is to end a wait for anything but that event; and the
    thread is waited for.
    """
    stop = threading.Event()
    # A daemon, because a process that is told to stop at once (a second SIGINT) leaves without ending the block.
    thread = threading.Thread(target=work, args=(stop,), name=name, daemon=True)
    thread.start()
    try:
        yield lambda: None if thread.is_alive() else f"the {name} inside the service has ended"
    finally:
        stop.set()
        wake()
        thread.join()


def run_alongside(app: FastAPI, name: str, work: Work, *, wake: Callable[[], object] = _nothing_to_wake) -> None:
    """Let `work` run `beside` the application, which is not ready without it."""
    app.state.alongside.append(_checked(app, name, work, wake))


@contextmanager
def _checked(app: FastAPI, name: str, work: Work, wake: Callable[[], object]) -> Iterator[None]:
    with beside(work, name=name, wake=wake) as check:
        app.state.checks[name] = check
        yield


@contextmanager
def prepared(prepare: Callable[[], object]) -> Iterator[None]:
    """Call `prepare` at the start: what the first request would otherwise wait for."""
    prepare()
    yield
