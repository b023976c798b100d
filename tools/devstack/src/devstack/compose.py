"""The stack that docker compose runs: its addresses, and tokens of its development issuer."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from devstack.stack import StackError, mint_tokens, our_services

_TIMEOUT_SECONDS = 60


def addresses_and_tokens() -> dict[str, dict[str, object]]:
    """URL and new tokens of each service that docker compose runs from this folder.

    Raises:
        StackError: it runs none; or it does not trust the development issuer, but an agency's own.
    """
    if shutil.which("docker") is None or not _compose("ps", "--quiet", "--status", "running", "center1111"):
        raise StackError("No stack is running. Start one with `make run`, or with `docker compose up --build --wait`.")
    if "urn:development-issuer" not in _compose("exec", "-T", "center1111", "printenv", "CENTER1111_ISSUER"):
        raise StackError("This stack takes the tokens of your own identity provider: get them there.")
    key = _compose("run", "--rm", "-T", "--no-deps", "--entrypoint", "cat", "secrets", "/secrets/issuer/key.json")
    with tempfile.TemporaryDirectory() as folder:
        key_file = Path(folder) / "issuer.json"
        key_file.touch(mode=0o600)
        key_file.write_text(key, "utf-8")
        return {
            service.code: {"url": service.url, "tokens": mint_tokens(key_file, service)}
            for service in our_services(port_center=8001, port_office=8002)
        }


def _compose(*words: str) -> str:
    """What a compose command prints; empty when it fails."""
    done = subprocess.run(
        ["docker", "compose", *words],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=_TIMEOUT_SECONDS,
    )
    return done.stdout if done.returncode == 0 else ""
