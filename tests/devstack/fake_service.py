"""A service as the stack sees it, in a few lines: its commands, its address, its way to stop.

    python fake_service.py JOURNAL migrate|sample|serve|relay

Everything that it does is a line of the file JOURNAL. It cannot serve if its code begins with "broken".
Its code is the prefix of its settings, as with real ones.
"""

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Ready(BaseHTTPRequestHandler):
    """Answers every GET with 200."""

    def do_GET(self) -> None:
        """Any path."""
        self.send_response(200)
        self.end_headers()


def main(journal: Path, command: str) -> None:
    """Run one command of the fake service."""
    code = next(name for name in os.environ if name.endswith("_EXCHANGE_KEYS_FILE")).partition("_")[0].lower()

    def note(what: str) -> None:
        with journal.open("a") as file:
            file.write(f"{code} {what} {os.getpid()}\n")

    def stop(*_: object) -> None:
        note("stopped")
        sys.exit()

    signal.signal(signal.SIGTERM, stop)
    note(command)
    if command == "serve" and code.startswith("broken"):
        sys.exit("I miss my settings")
    if command == "serve":
        HTTPServer(("127.0.0.1", int(os.environ[f"{code.upper()}_PORT"])), Ready).serve_forever()
    while command == "relay":
        time.sleep(60)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
