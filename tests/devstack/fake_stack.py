"""Runs the stack with two fake services, as `devstack run` runs it with the real ones.

python fake_stack.py DATA CENTER_CODE CENTER_PORT OFFICE_CODE OFFICE_PORT [--separate-relays]
"""

import sys
from pathlib import Path

from devstack.cli import run_stack
from devstack.stack import Service, Stack

FAKE_SERVICE = Path(__file__).with_name("fake_service.py")


def fake_service(code: str, port: int, journal: Path) -> Service:
    """A service of the stack that only keeps a journal."""
    return Service(
        code=code,
        name=code,
        port=port,
        port_option=f"--port-{code}",
        roles=("officer", "group_head.audit", "agency_client"),
        command=(sys.executable, "-I", "-S", str(FAKE_SERVICE), str(journal)),
    )


if __name__ == "__main__":
    data = Path(sys.argv[1])
    center = fake_service(sys.argv[2], int(sys.argv[3]), data.with_name("journal"))
    office = fake_service(sys.argv[4], int(sys.argv[5]), data.with_name("journal"))
    run_stack(Stack([center, office], data, separate_relays="--separate-relays" in sys.argv))
