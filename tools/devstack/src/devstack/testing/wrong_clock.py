"""Run a module of this Python with a wrong clock: `python -m devstack.testing.wrong_clock SECONDS MODULE ARGUMENTS…`.

What is shifted is the time of day, wherever our code, tokens and signatures ask for it. Waiting is by the machine's
monotonic clock, which no wrong time of day touches.
"""

import runpy
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from types import SimpleNamespace

from http_message_signatures import signatures

from servicekit import clock


def with_clock_off_by(skew: timedelta, command: Sequence[str]) -> tuple[str, ...]:
    """The words that run `command`, which is `python -m …`, with a clock that is off by `skew`."""
    python, minus_m, *module_and_arguments = command
    return (python, minus_m, __name__, str(skew.total_seconds()), *module_and_arguments)


def shift(skew: timedelta) -> None:
    """Let this process take its clock to be off by so much, from now on."""

    class WrongDatetime(datetime):
        """As the right one, but for what time it is."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "WrongDatetime":
            wrong = datetime.now(tz) + skew
            return cls.combine(wrong.date(), wrong.timetz())

    right_time = time.time
    time.time = lambda: right_time() + skew.total_seconds()
    clock.datetime = WrongDatetime  # type: ignore[attr-defined]
    shifted = SimpleNamespace(datetime=WrongDatetime, timedelta=timedelta, timezone=timezone)
    signatures.datetime = shifted  # type: ignore[assignment, attr-defined]


def main() -> None:
    """Run the module that the command line names."""
    seconds, module, *arguments = sys.argv[1:]
    shift(timedelta(seconds=float(seconds)))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
