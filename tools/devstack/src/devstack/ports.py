"""Ports for services that are started beside others: free now, and unlikely to be taken before they are used."""

import random
import socket
from collections.abc import Iterator

HOST = "127.0.0.1"
_BELOW_OUTGOING_CONNECTIONS = range(20_000, 32_000)
"""Systems take the ports of outgoing connections from above: a port of ours stays free while its service restarts."""


def free_ports(count: int) -> list[int]:
    """That many different ports of this machine on which nobody listens."""
    found = _free()
    return [next(found) for _ in range(count)]


def _free() -> Iterator[int]:
    for port in random.SystemRandom().sample(_BELOW_OUTGOING_CONNECTIONS, len(_BELOW_OUTGOING_CONNECTIONS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        yield port
