"""`devstack demo`: the story, or a file of real complaints, against a fresh stack or one that runs."""

import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx2
import typer
from rich.console import Console

from devstack.demo.complaints_file import UnreadableFile, read_rows
from devstack.demo.people import Centre, NotInTime, Office, Refused, meet
from devstack.demo.playing_rows import FilePlay
from devstack.demo.story import StepFailed, Story
from devstack.ports import free_ports
from devstack.stack import Stack, StackError, our_services
from servicekit.embedded import EmbeddedPostgresError

WIDTH_WITHOUT_TERMINAL = 160


def demo(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Complaints to take instead: CSV with channel, subject, details (kind, province, received_at)."
        ),
    ] = None,
    *,
    against: Annotated[
        Path | None, typer.Option(help="The run.json of a running stack to use, instead of a fresh one.")
    ] = None,
) -> None:
    """Play the story of complaints from intake to answer, or take the complaints of a file from intake onwards.

    Ends with status 1 if a step of the story did not happen, or a good row of the file could not be taken on.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever stops us, the stack is stopped with us
    screen = Console() if sys.stdout.isatty() else Console(width=WIDTH_WITHOUT_TERMINAL)
    try:
        rows = None if file is None else read_rows(file)
        with _services(against, screen) as (centre, office):
            if file is None or rows is None:
                Story(centre, office, screen).play()
            elif not FilePlay(centre, office, screen).play(rows, file.with_suffix(".results.csv")):
                sys.exit(1)
    except (StepFailed, NotInTime, Refused, UnreadableFile, StackError, EmbeddedPostgresError) as error:
        _give_up(str(error))
    except httpx2.TransportError as error:
        _give_up(f"A service does not answer: {error}")
    except KeyboardInterrupt:
        _give_up("Stopped.")


@contextmanager
def _services(against: Path | None, screen: Console) -> Iterator[tuple[Centre, Office]]:
    with ExitStack() as exits:
        if against is None:
            folder = exits.enter_context(tempfile.TemporaryDirectory(prefix="demo-"))
            stack = Stack(our_services(*free_ports(2)), Path(folder), say=screen.print)
            with screen.status("Starting PostgreSQL and both services …"):
                exits.enter_context(stack.running())
            run: Mapping[str, Any] = stack.addresses_and_tokens()
        else:
            run = _read_run_file(against)
        centre, office = meet(run)
        with closing(centre), closing(office):
            yield centre, office


def _read_run_file(path: Path) -> Mapping[str, Any]:
    try:
        run: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise StackError(f"{path}: {error.strerror}. Is the stack running? `make run` writes this file.") from None
    except ValueError:
        raise StackError(f"{path} is not the run.json of a running stack.") from None
    return run


def _give_up(reason: str) -> NoReturn:
    Console(stderr=True).print(reason, style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)
