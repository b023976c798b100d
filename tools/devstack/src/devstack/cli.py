"""`devstack run` starts everything on this machine, `devstack tokens` prints new tokens for it."""

import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from devstack import compose
from devstack.bench import bench
from devstack.demo import demo
from devstack.processes import Supervisor
from devstack.stack import Service, Stack, StackError, mint_tokens, our_services
from servicekit.embedded import EmbeddedPostgresError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="The development stack of both services.")
screen = Console()
complaints = Console(stderr=True)

Data = Annotated[Path, typer.Option(help="The folder for databases, keys and logs.")]
Port = Annotated[int, typer.Option(min=1, max=65535)]

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@app.command()
def run(
    *,
    port_center: Port = 8001,
    port_office: Port = 8002,
    data: Data = Path(".data"),
    separate_relays: Annotated[
        bool, typer.Option("--separate-relays", help="Run the relays as processes of their own.")
    ] = False,
) -> None:
    """Run both services on an embedded PostgreSQL, until Ctrl-C."""
    run_stack(Stack(our_services(port_center, port_office), data, separate_relays=separate_relays, say=_say))


@app.command()
def tokens(*, data: Data = Path(".data")) -> None:
    """Print URLs and new tokens of the running stack, embedded or in docker compose, as JSON."""
    try:
        running = json.loads((data / "run.json").read_text("utf-8"))
    except FileNotFoundError:
        try:
            running = compose.addresses_and_tokens()
        except StackError as error:
            _give_up(str(error))
    else:
        for service in our_services(0, 0):
            running[service.code]["tokens"] = mint_tokens(data / "keys" / "issuer.json", service)
    print(json.dumps(running, indent=2))


@app.command()
def forget(*, data: Data = Path(".data")) -> None:
    """Remove the databases, keys and logs of a stack that does not run."""
    try:
        Stack((), data).forget()
    except StackError as error:
        _give_up(str(error))


app.command()(demo)
app.command()(bench)


def run_stack(stack: Stack) -> None:
    """Run a stack until SIGINT, SIGTERM or the end of the terminal, with its words on screen."""
    for number in _STOP_SIGNALS:
        signal.signal(number, _interrupt_once)
    began = time.monotonic()
    try:
        with screen.status("Starting PostgreSQL and both services …") as status, stack.running() as supervisor:
            status.stop()
            _introduce(stack, supervisor, time.monotonic() - began)
            while True:
                signal.pause()
    except KeyboardInterrupt:
        screen.print("Everything is stopped; the data stays for the next `make run`.")
    except (StackError, EmbeddedPostgresError) as error:
        _give_up(str(error))


def _interrupt_once(_number: int, _frame: FrameType | None) -> NoReturn:
    """Begin to stop; a second Ctrl-C must not interrupt the stopping, whose length is bounded anyway."""
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _introduce(stack: Stack, supervisor: Supervisor, seconds: float) -> None:
    table = Table("service", "API", "to read and try", box=box.SIMPLE_HEAD)
    for service in stack.services:
        table.add_row(service.name, f"{service.url}/v1", f"{service.url}/docs")
    screen.print(f"Ready after {seconds:.1f} s.", table)
    print("Tokens for twelve hours, ready to paste (a new set: `make tokens`):\n")
    running = json.loads(stack.run_file.read_text("utf-8"))
    for service in stack.services:
        for role, token in running[service.code]["tokens"].items():
            print(f"{_variable(service, role)}={token}")  # print, because rich would break the long line
    example = stack.services[0]
    variable = _variable(example, "officer")
    print(f'\nTry: curl -H "Authorization: Bearer ${variable}" {example.url}/v1/complaints')
    print(f"The same as JSON, for programs: {_short(stack.run_file)}")
    print(f"Logs: {', '.join(_short(supervisor.log(service.code)) for service in stack.services)}")
    print("Ctrl-C stops everything.", flush=True)


def _variable(service: Service, role: str) -> str:
    return f"{service.code}_{role}".upper().replace(".", "_")


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _say(text: str) -> None:
    screen.print(f"[{time.strftime('%H:%M:%S')}] {text}", markup=False, highlight=False, soft_wrap=True)


def _give_up(reason: str) -> NoReturn:
    complaints.print(reason, style="bold", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)


def main() -> None:
    """The console script."""
    app()
