"""`exchange-check URL`: play a peer against an implementation, and say which promises it breaks."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import httpx2
import typer

from exchange.keys import JWKS_PATH, KeysError, OwnKeys, generate_keys, write_keys
from exchange.partner.checks import CHECKS, Found, run_check
from exchange.partner.playing import Player

_BROKEN, _NOT_CHECKED = 1, 2


def check(
    url: Annotated[str, typer.Argument(help="The base URL of the implementation: what its peers know it by.")],
    *,
    keys: Annotated[Path, typer.Option(help="Our private keys as a JWK Set; made when there is no such file.")] = Path(
        "exchange-check.keys.json"
    ),
    code: Annotated[str, typer.Option(help="The party that we play; the implementation knows it as a peer.")] = (
        "exchange_check"
    ),
    role: Annotated[
        Literal["centre", "office"], typer.Option(help="centre: we refer to an office; office: we answer a Centre.")
    ] = "centre",
    only: Annotated[list[str] | None, typer.Option(help="Run these checks alone.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Play a peer against the implementation at URL. Ends with 0 when it keeps all promises, 1 when it breaks any.

    The messages are real to it: check a test system, never one that people work with.
    """
    made = not keys.exists()
    if made:
        write_keys(keys, generate_keys())
    try:
        own = OwnKeys.read(keys)
    except (KeysError, OSError) as error:
        _give_up(f"No keys: {error}")
    if made:
        print(f"Made {keys}. Tell the implementation that {code} is a peer with these keys, and run this again:")
        print(json.dumps(own.published))
        sys.exit(_NOT_CHECKED)
    unknown = set(only or ()) - set(CHECKS)
    if unknown:
        _give_up(f"No such check: {', '.join(sorted(unknown))}. There are: {', '.join(CHECKS)}.")
    player = Player(url, code=code, keys=own, role=role)
    try:
        httpx2.get(player.url + JWKS_PATH, trust_env=False)
    except httpx2.HTTPError as error:
        _give_up(f"Nobody answers at {url} ({type(error).__name__}).")
    found = []
    for name in only or CHECKS:
        finding = run_check(name, player)
        found.append(finding)
        if not as_json:
            _say(finding)
    player.close()
    broken = sum(it.problem is not None for it in found)
    if as_json:
        print(json.dumps([it._asdict() for it in found], ensure_ascii=False, indent=2))
    else:
        print(f"\n{len(found) - broken} of {len(found)} promises kept." + (f" {broken} broken." if broken else ""))
    sys.exit(_BROKEN if broken else 0)


def _say(found: Found) -> None:
    print(f"{'ok    ' if found.problem is None else 'BROKEN'}  {found.promise}")
    if found.problem is not None:
        print(f"        {found.check}: {found.problem}")


def _give_up(reason: str) -> None:
    print(reason, file=sys.stderr)
    sys.exit(_NOT_CHECKED)


def main() -> None:
    """The console script."""
    typer.run(check)
