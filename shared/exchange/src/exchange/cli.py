"""The operators' commands, mounted by each service: `center1111 exchange …`, `chumchon exchange …`.

They work on the service's own database, so they help when its API does not answer. Decisions are kept with the name of
the system user who made them.
"""

import getpass
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exchange import listing, operating
from exchange.alarms import alarms_raised
from exchange.inbox import Effects
from exchange.keys import KeysError, add_key, drop_first_key
from exchange.parties import Exchange, Peer
from exchange.reconciling import WHYS, Reconciler, Reconciliation
from exchange.restored import recognise, settle
from exchange.watching import statuses
from servicekit.clock import utc_now
from servicekit.database import Sessions
from servicekit.problems import DomainError, Problem

BACK_DAYS = 35
"""How far `reconcile` and `recover` look back, unless told."""

_LONGEST_BACK_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Desk:
    """What the commands work with: the service's own exchange, on its own database."""

    exchange: Exchange
    sessions: Sessions
    effects: Effects
    keys_file: Path


OpenDesk = Callable[[], AbstractContextManager[Desk]]
PeerCode = Annotated[str, typer.Argument(help="The peer's code.")]
MessageId = Annotated[UUID, typer.Argument(help="The message's id.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept for ever.")]
PerhapsWhy = Annotated[str | None, typer.Option("--reason", help="Why; it is kept for ever.")]
PeerFilter = Annotated[str | None, typer.Option("--peer", help="Only of this peer.")]
StateFilter = Annotated[list[str] | None, typer.Option("--state", help="Only in this state; may be repeated.")]
HowMany = Annotated[int, typer.Option("--limit", min=1, max=1000)]
BackDays = Annotated[int, typer.Option("--days", min=1, max=_LONGEST_BACK_DAYS, help="How far to look back.")]


def exchange_commands(open_desk: OpenDesk, *, console: Console | None = None) -> typer.Typer:
    """The commands as an application to be mounted; `console` is for tests."""
    app = typer.Typer(help="Look after the exchange with the peers.", no_args_is_help=True, add_completion=False)
    commands = _Commands(open_desk, console or Console())
    for command in (
        commands.status,
        commands.alarms,
        commands.outbox,
        commands.inbox,
        commands.receipt,
        commands.decisions,
        commands.redeliver,
        commands.redeliver_all,
        commands.give_up,
        commands.apply_again,
        commands.dismiss,
        commands.pause,
        commands.resume,
        commands.reconcile,
        commands.recover,
        commands.rotate_keys,
    ):
        app.command(command.__name__.replace("_", "-"))(command)
    return app


class _Commands:
    """The commands; their docstrings are their help."""

    def __init__(self, open_desk: OpenDesk, console: Console) -> None:
        self._open_desk = open_desk
        self._console = console

    def status(self) -> None:
        """How it stands with each peer."""
        with self._desk() as desk, desk.sessions() as session:
            found = statuses(session, desk.effects.unanswered)
        self._table(
            "Peers",
            ("", *(it.peer for it in found)),
            [
                ("backlog", *(it.backlog for it in found)),
                ("oldest", *(_seconds(it.oldest_undelivered_seconds) for it in found)),
                ("dead", *(it.dead for it in found)),
                ("unanswered", *(it.unanswered for it in found)),
                ("held", *(it.held for it in found)),
                ("quarantined", *(it.quarantined for it in found)),
                ("paused", *(f"{it.pause}: {it.pause_reason}" if it.pause else None for it in found)),
                ("silent since", *(it.silent_since for it in found)),
                ("last success", *(it.last_success_at for it in found)),
                ("ledger", *(f"{it.reconciliation} ({it.differences})" if it.reconciliation else None for it in found)),
            ]
            if found
            else [],
        )

    def alarms(self) -> None:
        """What has waited beyond its limit, oldest first."""
        with self._desk() as desk, desk.sessions() as session:
            found = alarms_raised(session, limit=1000)
        self._table(
            "Alarms",
            ("watch", "about", "waiting since", "raised at", "reminders"),
            [(it.watch, it.about, it.since, it.raised_at, it.reminders) for it in found],
        )

    def outbox(self, peer: PeerFilter = None, state: StateFilter = None, limit: HowMany = 50) -> None:
        """Messages owed or sent, newest first, and why they stand there."""
        with self._desk() as desk, desk.sessions() as session:
            found = listing.outgoing_messages(session, limit=limit, peer=peer, states=state)
        self._table(
            "Outbox",
            ("id", "peer", "type", "seq", "state", "owed at", "tries", "disposition", "why"),
            [
                (
                    it.id,
                    it.peer,
                    it.type,
                    it.sequence,
                    it.state,
                    it.owed_at,
                    it.attempts,
                    it.disposition,
                    it.reason.en if it.reason else None,
                )
                for it in found
            ],
        )

    def inbox(self, peer: PeerFilter = None, state: StateFilter = None, limit: HowMany = 50) -> None:
        """Messages received, newest first, and why they stand there."""
        with self._desk() as desk, desk.sessions() as session:
            found = listing.incoming_messages(session, limit=limit, peer=peer, states=state)
        self._table(
            "Inbox",
            ("id", "from", "type", "seq", "state", "received at", "why"),
            [
                (
                    it.id,
                    it.source,
                    it.type,
                    it.sequence,
                    it.state,
                    it.received_at,
                    it.reason.en if it.reason else it.note,
                )
                for it in found
            ],
        )

    def receipt(self, message_id: MessageId) -> None:
        """The peer's signed receipt of a message: the proof of what it took, and when."""
        with self._desk() as desk, desk.sessions() as session:
            proof = listing.proof_of(session, message_id)
        for name, value in proof.model_dump().items():
            self._console.print(Text.assemble((f"{name}\n", "bold"), str(value)), soft_wrap=True)

    def decisions(self, limit: HowMany = 50) -> None:
        """What operators decided, newest first."""
        with self._desk() as desk, desk.sessions() as session:
            found = listing.decisions_made(session, limit=limit)
        self._table(
            "Decisions",
            ("at", "by", "action", "peer", "message", "reason"),
            [(it.decided_at, it.decided_by, it.action, it.peer, it.message_id, it.reason) for it in found],
        )

    def redeliver(self, message_id: MessageId, reason: PerhapsWhy = None) -> None:
        """Send a dead message again, for another 7 days."""
        with self._desk() as desk, desk.sessions.begin() as session:
            operating.redeliver(session, message_id, reason=reason, by=_who(), now=utc_now())
        self._say("It is sent again.")

    def redeliver_all(self, peer: PeerCode, reason: PerhapsWhy = None) -> None:
        """Send all dead messages of a peer again, save those that conflict."""
        with self._desk() as desk, desk.sessions.begin() as session:
            known = _peer(desk, peer)
            count = operating.redeliver_all(session, known.code, reason=reason, by=_who(), now=utc_now())
        self._say(f"{count} messages are sent again.")

    def give_up(self, message_id: MessageId, reason: Why) -> None:
        """Give a dead message up: a tombstone with the reason takes its place."""
        with self._desk() as desk, desk.sessions.begin() as session:
            tombstone = operating.give_up(session, message_id, reason=reason, by=_who(), now=utc_now())
        self._say(f"Given up; the tombstone is {tombstone}.")

    def apply_again(self, source: PeerCode, message_id: MessageId, reason: Why) -> None:
        """Try a quarantined message once more."""
        with self._desk() as desk, desk.sessions.begin() as session:
            problem = operating.apply_again(
                session, source, message_id, desk.effects, reason=reason, by=_who(), now=utc_now()
            )
        self._say(f"Still not: {problem.title_en}. {problem.detail_en or ''}" if problem else "It is applied.")
        if problem:
            raise typer.Exit(1)

    def dismiss(self, source: PeerCode, message_id: MessageId, reason: Why) -> None:
        """Set a quarantined message aside for good."""
        with self._desk() as desk, desk.sessions.begin() as session:
            operating.dismiss(session, source, message_id, reason=reason, by=_who(), now=utc_now())
        self._say("It is set aside.")

    def pause(self, peer: PeerCode, reason: Why) -> None:
        """Send nothing to a peer until further notice; what it sends is taken."""
        with self._desk() as desk, desk.sessions.begin() as session:
            operating.pause(session, peer, reason=reason, by=_who(), now=utc_now())
        self._say(f"Nothing is sent to {peer} any more.")

    def resume(self, peer: PeerCode, reason: PerhapsWhy = None) -> None:
        """Send to a peer again, whatever had paused it."""
        with self._desk() as desk, desk.sessions.begin() as session:
            operating.resume(session, peer, reason=reason, by=_who(), now=utc_now())
        self._say(f"{peer} is sent to again.")

    def reconcile(self, peer: PeerCode, days: BackDays = BACK_DAYS) -> None:
        """Compare both sides' ledgers and mend what differs; ends with 1 when something is left."""
        self._compared(peer, days, recover=False)

    def recover(
        self,
        peer: PeerCode,
        days: BackDays = BACK_DAYS,
        *,
        nothing_lost: Annotated[
            bool, typer.Option("--nothing-lost", help="The database was moved, and is complete: ask nobody.")
        ] = False,
    ) -> None:
        """After a restore from an older backup, before the service starts: learn what was sent and taken since."""
        if nothing_lost:
            with self._desk() as desk:
                code = _peer(desk, peer).code
                recognise(desk.sessions, desk.exchange.peers)
                with desk.sessions.begin() as session:
                    settle(session, code)
            self._say(f"{peer} is spoken with again.")
        else:
            self._compared(peer, days, recover=True)

    def rotate_keys(
        self,
        *,
        finish: Annotated[bool, typer.Option("--finish", help="Drop the old key; the new one signs.")] = False,
    ) -> None:
        """Add a second key, which peers learn before it signs; later, with --finish, drop the first."""
        with self._desk() as desk:
            path = desk.keys_file
            key_id = drop_first_key(path, now=utc_now()) if finish else add_key(path)
        if finish:
            self._say(f"{key_id} signs, and the old key is gone. Restart the service and its relays.")
        else:
            self._say(
                f"{key_id} is added. Restart the service and its relays, give the key to peers that have yours pinned,"
                " and after 10 minutes run `rotate-keys --finish`."
            )

    @contextmanager
    def _desk(self) -> Iterator[Desk]:
        """The desk; what is refused is told in plain words."""
        with self._open_desk() as desk:
            try:
                yield desk
            except KeysError as error:
                self._say(str(error))
                raise typer.Exit(1) from None
            except DomainError as error:
                problem = _problem_of(error, desk)
                if problem is None:
                    raise
                self._say(f"{problem.title.said('en')}. {problem.detail.said('en', **error.values)}")
                raise typer.Exit(1) from None

    def _compared(self, code: str, days: int, *, recover: bool) -> None:
        with self._desk() as desk:
            peer = _peer(desk, code)
            reconciler = Reconciler(desk.exchange, desk.sessions, desk.effects)
            since = utc_now() - timedelta(days=days)
            try:
                run = reconciler.recover if recover else reconciler.reconcile
                found = run(peer, since=since)
            finally:
                reconciler.close()
        self._show(found)
        if found.outcome in {"different", "failed"}:
            raise typer.Exit(1)

    def _show(self, found: Reconciliation) -> None:
        self._table(
            f"Compared with {found.peer}",
            ("outcome", "compared", "fetched", "recalled", "sent again", "differences", "problem"),
            [
                (
                    found.outcome,
                    found.compared,
                    found.fetched,
                    found.recalled,
                    found.sent_again,
                    len(found.differences),
                    found.problem,
                )
            ],
        )
        if found.differences:
            self._table(
                "What could not be mended",
                ("message", "direction", "why"),
                [(it.id, it.direction, WHYS[it.why][1]) for it in found.differences],
            )

    def _table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        table = Table(title=title, title_justify="left", header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(_shown(value)) for value in row))
        self._console.print(table if rows else f"{title}: none")

    def _say(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)


def _peer(desk: Desk, code: str) -> Peer:
    try:
        return desk.exchange.peers[code]
    except KeyError:
        raise operating.PeerNotFound from None


def _problem_of(error: DomainError, desk: Desk) -> Problem | None:
    problems = {**operating.PROBLEMS, **desk.effects.problems}
    return next((problems[kind] for kind in type(error).__mro__ if kind in problems), None)


def _who() -> str:
    return f"{getpass.getuser()} (command line)"


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat(" ", "seconds") if isinstance(value, datetime) else str(value)


def _seconds(value: float | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=round(value))
