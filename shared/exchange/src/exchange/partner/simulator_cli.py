"""`exchange-simulator`: a partner to build against, with the faults that one asks for."""

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from exchange.keys import KeysError, OwnKeys, generate_keys, write_keys
from exchange.parties import Exchange, Peer
from exchange.partner.simulating import STATE_PATH, Fault, Faults, Simulator


def simulate(
    peers: Annotated[list[str], typer.Argument(help="Whom it knows: code=URL, as center1111=http://127.0.0.1:8001.")],
    *,
    code: Annotated[str, typer.Option(help="The party that it plays.")] = "chumchon",
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8002,
    public_url: Annotated[str | None, typer.Option(help="The base URL by which its peers know it.")] = None,
    keys: Annotated[Path, typer.Option(help="Its private keys as a JWK Set; made when there is no such file.")] = Path(
        "exchange-simulator.keys.json"
    ),
    fault: Annotated[list[Fault] | None, typer.Option(help="May be given several times; all of them: --all.")] = None,
    all_faults: Annotated[bool, typer.Option("--all", help="All faults.")] = False,
    share: Annotated[float, typer.Option(min=0, max=1, help="How many of the requests suffer one.")] = 0.3,
    seed: Annotated[str, typer.Option(help="The same seed chooses the same faults.")] = "1",
    slow_seconds: float = 15.0,
    answers: Annotated[bool, typer.Option(help="Whether it accepts and answers referrals.")] = True,
) -> None:
    """Play a partner until Ctrl-C: it takes messages, accepts and answers referrals, and suffers faults."""
    known = []
    for peer in peers:
        name, found, url = peer.partition("=")
        if not found:
            _give_up(f"A peer is given as code=URL, not as {peer}.")
        known.append(Peer(name, url))
    if not keys.exists():
        write_keys(keys, generate_keys())
    try:
        own = OwnKeys.read(keys)
    except (KeysError, OSError) as error:
        _give_up(f"No keys: {error}")
    exchange = Exchange.between(code, public_url or f"http://{host}:{port}", own, known)
    faults = Faults(list(Fault) if all_faults else fault or (), share=share, seed=seed)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        simulator = Simulator(exchange, faults, address=(host, port), slow_seconds=slow_seconds, answers=answers)
    except OSError as error:
        _give_up(f"Port {port} cannot be used: {error.strerror}.")
    with simulator:
        print(f"{code} listens at {exchange.public_url}; what happened: GET {exchange.public_url}{STATE_PATH}")
        stop.wait()
        print(json.dumps(simulator.state(), ensure_ascii=False, indent=2))


def _give_up(reason: str) -> None:
    print(reason, file=sys.stderr)
    sys.exit(1)


def main() -> None:
    """The console script."""
    typer.run(simulate)
