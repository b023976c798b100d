"""Both services as processes of their own, and what the promise of the exchange means for their databases.

with running_pair(centre_url, office_url, folder) as pair:
    complaint = pair.centre.register(...)
    pair.office_process.kill()
"""

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from devstack.demo.people import Centre, Json, Office, meet
from devstack.ports import free_ports
from devstack.stack import Service, environment_of, mint_tokens, our_services
from devstack.testing.line import Line
from devstack.testing.processes import Process, ServiceProcess
from exchange.waking import CHANNEL
from servicekit import development_issuer
from servicekit.testing import eventually

SETTLED_SECONDS = 60.0
_TAKEN_WELL = frozenset({"applied", "duplicate", "held"})


@dataclass
class Pair:
    """The Centre and the Office as running processes, and the people who work there."""

    centre: Centre
    office: Office
    centre_process: ServiceProcess
    office_process: ServiceProcess
    centre_relay: Process
    """A relay of the Centre as a process of its own; not started, and needed only when `centre_relays` is false."""
    office_relay: Process
    """A relay of the Office as a process of its own; not started, and needed only when `office_relays` is false."""
    centre_database: str
    office_database: str
    centre_keys: Path
    office_keys: Path
    line: Line | None
    """The proxy in front of the Office, if there is one."""
    line_back: Line | None
    """The proxy in front of the Centre, if there is one."""
    run: Mapping[str, Any]
    """What `run.json` would say of the two."""

    def outbox(self, side: str) -> list[Json]:
        """What one side (`centre` or `office`) has ever owed, by subject and sequence."""
        return self._rows(side, "SELECT * FROM exchange_outbox ORDER BY subject, sequence")

    def inbox(self, side: str) -> list[Json]:
        """What one side has ever taken, by subject and sequence."""
        return self._rows(side, "SELECT * FROM exchange_inbox ORDER BY subject, sequence")

    def wait_until_settled(self) -> None:
        """Return when neither side owes anything any more."""
        eventually(
            lambda: not any(row["state"] == "queued" for row in self._all_owed()), within_seconds=SETTLED_SECONDS
        )

    def let_time_pass(self) -> None:
        """What failed is due now: let the seconds or hours pass that the two would wait before they try again.

        Relays are woken where there is such, as their sleep has passed too; what was due before they find themselves.
        """
        for url in (self.centre_database, self.office_database):
            with psycopg.connect(url) as connection:
                waited = [
                    connection.execute(
                        "UPDATE exchange_outbox SET due_at = now()"
                        " WHERE state = 'queued' AND lease IS NULL AND due_at > now()"
                    ),
                    connection.execute(
                        "UPDATE exchange_peers SET next_attempt_at = now() WHERE next_attempt_at > now()"
                    ),
                ]
                if any(one.rowcount for one in waited):
                    connection.execute(f"NOTIFY {CHANNEL}")

    def let_leases_age(self, seconds: float) -> None:
        """What relays have claimed is claimed so much longer ago: killed ones are waited for the shorter."""
        for url in (self.centre_database, self.office_database):
            with psycopg.connect(url) as connection:
                connection.execute(
                    "UPDATE exchange_outbox SET due_at = due_at - make_interval(secs => %s) WHERE lease IS NOT NULL",
                    (seconds,),
                )

    def exchange_faults(self) -> list[str]:
        """Wait until all is delivered; then what speaks against the promise: applied once, in order, none lost."""
        self.wait_until_settled()
        return [
            *_faults(self.outbox("centre"), self.inbox("office")),
            *_faults(self.outbox("office"), self.inbox("centre")),
        ]

    def _all_owed(self) -> list[Json]:
        return [*self.outbox("centre"), *self.outbox("office")]

    def _rows(self, side: str, statement: LiteralString) -> list[Json]:
        url = {"centre": self.centre_database, "office": self.office_database}[side]
        with psycopg.connect(url, row_factory=dict_row) as connection:
            return connection.execute(statement).fetchall()


@contextlib.contextmanager
def running_pair(
    centre_database: str,
    office_database: str,
    folder: Path,
    *,
    with_line: bool = False,
    with_line_back: bool = False,
    centre_relays: bool = True,
    office_relays: bool = True,
    more_agencies: Mapping[str, str] = MappingProxyType({}),
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Pair]:
    """Both services on migrated databases, ready; killed at the end. Their logs stay in `folder`.

    Args:
        with_line: put a `Line` in front of the Office.
        with_line_back: put a `Line` in front of the Centre.
        centre_relays: whether the Centre's service sends by itself; otherwise start `centre_relay`.
        office_relays: the same for the Office.
        more_agencies: the base URLs of other parties that the Centre refers to, by their codes.
        settings: more environment variables, for both.
    """
    folder.mkdir(parents=True, exist_ok=True)
    centre, office = our_services(*free_ports(2))
    keys = {service.code: folder / f"{service.code}.keys.json" for service in (centre, office)}
    issuer, issuer_public = folder / "issuer.json", folder / "issuer.public.json"
    for path in (issuer, *keys.values()):
        development_issuer.make_key_file(path)
    development_issuer.write_public_keys(issuer, issuer_public)
    with contextlib.ExitStack() as exits:
        line = exits.enter_context(Line(office.port, senders_keys=keys[centre.code])) if with_line else None
        back = exits.enter_context(Line(centre.port, senders_keys=keys[office.code])) if with_line_back else None
        urls = {"center1111": back.url if back else centre.url, "chumchon": line.url if line else office.url}

        def environment(service: Service, peer: Service, database: str, *, relays: bool) -> Mapping[str, str]:
            files = {f"{service.code.upper()}_FILES_URL": (folder / "files" / service.code).absolute().as_uri()}
            told = environment_of(
                service,
                database_url=database,
                public_url=urls[service.code],
                peers={peer.code: urls[peer.code]} | (dict(more_agencies) if service is centre else {}),
                issuer_jwks=issuer_public,
                exchange_keys=keys[service.code],
                relay_in_service=relays,
                attachments=folder / "attachments" / service.code,
            )
            return {**told, **files, **settings}

        of_centre = environment(centre, office, centre_database, relays=centre_relays)
        of_office = environment(office, centre, office_database, relays=office_relays)
        centre_process = ServiceProcess(centre, of_centre, folder)
        office_process = ServiceProcess(office, of_office, folder)
        relay, relay_back = (
            Process(f"{service.code}-relay", (*service.command, "relay"), its_own, folder)
            for service, its_own in ((centre, of_centre), (office, of_office))
        )
        for process in (centre_process, office_process, relay, relay_back):
            exits.callback(process.kill)
        for process in (centre_process, office_process):
            process.start()
        run = {
            service.code: {"url": service.url, "tokens": mint_tokens(issuer, service)} for service in (centre, office)
        }
        people = meet(run)
        for person in people:
            exits.callback(person.close)
        for process in (centre_process, office_process):
            process.wait_until_ready()
        yield Pair(
            *people,
            centre_process,
            office_process,
            relay,
            relay_back,
            centre_database,
            office_database,
            keys[centre.code],
            keys[office.code],
            line,
            back,
            run,
        )


def _faults(sent: list[Json], taken: list[Json]) -> Iterator[str]:
    """What is wrong between one side's outbox and the other's inbox, both in the order of subject and sequence."""
    counts = Counter((row["id"], row["digest"]) for row in taken)
    for row in sent:
        name = f"{row['type']} {row['sequence']} of {row['subject']}"
        count = counts.pop((row["id"], row["digest"]), 0)
        if count != 1:
            yield f"{name} was taken {count} times"
        if row["state"] != "delivered" or row["disposition"] not in _TAKEN_WELL:
            yield f"{name} is {row['state']}, with the receipt {row['disposition']}"
    yield from (f"the message {identity} was never sent" for identity, _ in counts)
    for subject, rows in itertools.groupby(taken, key=itemgetter("subject")):
        in_order = list(rows)
        if [row["sequence"] for row in in_order] != list(range(1, len(in_order) + 1)):
            yield f"of {subject} the sequences {[row['sequence'] for row in in_order]} were taken"
        yield from (f"{row['type']} of {subject} is {row['state']}" for row in in_order if row["state"] != "applied")
        if any(one["settled_at"] > other["settled_at"] for one, other in itertools.pairwise(in_order)):
            yield f"of {subject} the messages were applied out of order"
