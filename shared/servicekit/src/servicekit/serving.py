"""A service as a process: uvicorn with our logs, stopped gracefully."""

import signal
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI

from servicekit.observing import configure_logging
from servicekit.settings import ServiceSettings


def serve(app: FastAPI, settings: ServiceSettings, *, name: str) -> None:
    """Serve `app` until SIGINT or SIGTERM; running requests get `shutdown_seconds` to finish."""
    configure_logging(name, settings.log_level)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the application itself believes the proxies that its settings name
        date_header=True,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


def run_until_told_to_stop(work: Callable[[threading.Event], Any]) -> None:
    """Run `work`, which ends soon after its event is set: SIGINT and SIGTERM set it."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    work(stop)
