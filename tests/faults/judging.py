"""What speaks against the promise, once all is calm again: read from both databases and from what complainants see."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import httpx2
import orjson

from devstack.demo.people import Json
from devstack.testing.pair import Pair
from exchange import Effects, Exchange, OwnKeys, Peer
from exchange.reconciling import Reconciler
from servicekit.clock import utc_now
from servicekit.database import make_engine, make_sessions

from .lives import Lived

_PLACES = {"centre": "office", "office": "centre"}
_SHOWN = frozenset({"answered", "closed"})
_DEFECTS = frozenset(f"/problems/{slug}" for slug in ("not-applied", "sequence-taken", "invalid-body", "wrong-source"))
"""Reasons that no message of ours may ever have. What crossed with a withdrawal may not be possible any more."""

_BACK = timedelta(days=1)
_SKEW = timedelta(minutes=20)
"""Moments of receipt are a process's own; clocks were wrong by 10 minutes to either side."""


class Verdict:
    """What was found."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self.sent = {side: pair.outbox(side) for side in _PLACES}
        self.taken = {side: pair.inbox(side) for side in _PLACES}
        self.listed = Counter(
            f"{row['type']}: {(row['problem'] or {}).get('title_en')}"
            for rows in self.taken.values()
            for row in rows
            if row["state"] == "quarantined"
        )
        """What could not be applied, and stands where operators see it, by type and reason."""

    @property
    def messages(self) -> int:
        """How many both sides have owed."""
        return sum(map(len, self.sent.values()))

    def losses(self, lived: Sequence[Lived]) -> Iterator[str]:
        """Every one is a broken promise."""
        for sender, receiver in _PLACES.items():
            yield from _between(self.sent[sender], self.taken[receiver])
        yield from self._cases()
        yield from self._shown(lived)
        yield from self._unequal()

    def _cases(self) -> Iterator[str]:
        """Each referral has opened one case."""
        cases = Counter(it["referral"]["id"] for it in self._pair.office.items("registrar", "/v1/cases"))
        for row in self.sent["centre"]:
            if row["type"] == "referral.sent.v1" and cases.pop(str(row["subject"]), 0) != 1:
                yield f"the referral {row['subject']} has not one case"
        yield from (f"a case of {referral} that nobody referred" for referral in cases)

    def _shown(self, lived: Sequence[Lived]) -> Iterator[str]:
        """What each complainant sees is what the Office sent last."""
        states, answers = self._last_answers()
        for one in lived:
            shown = self._public(one)
            answer = shown["answer"] and shown["answer"]["text"]
            if states[one.id] == "answered" and shown["state"] not in _SHOWN:
                yield f"{one.tracking_number} is shown as {shown['state']}, and was answered"
            if shown["state"] in _SHOWN and answer != answers.get(one.id):
                yield f"{one.tracking_number} shows {answer!r}; the Office's last answer was {answers.get(one.id)!r}"

    def _last_answers(self) -> tuple[dict[UUID, str], dict[UUID, str]]:
        """By complaint: where its newest referral stands, and the last of the Office's answers that took effect."""
        complaint_of: dict[str, UUID] = {}
        newest: dict[UUID, tuple[str, str]] = {}
        for referral in self._pair.centre.items("officer", "/v1/referrals"):
            complaint = UUID(referral["complaint_id"])
            complaint_of[referral["id"]] = complaint
            newest[complaint] = max(newest.get(complaint, ("", "")), (referral["number"], referral["state"]))
        applied = {row["id"] for row in self.taken["centre"] if row["state"] == "applied"}
        answers = {
            complaint_of[str(row["subject"])]: orjson.loads(row["content"])["data"]["text"]
            for row in sorted(self.sent["office"], key=lambda it: it["id"])
            if row["type"] == "referral.answered.v1" and row["id"] in applied
        }
        return {complaint: state for complaint, (_, state) in newest.items()}, answers

    def _public(self, one: Lived) -> Json:
        answer = httpx2.get(
            f"{self._pair.centre.url}/v1/public/complaints/{one.tracking_number}",
            headers={"Tracking-Secret": one.tracking_secret},
            trust_env=False,
        )
        shown: Json = answer.raise_for_status().json()
        return shown

    def _unequal(self) -> Iterator[str]:
        """The comparison of ledgers of either side, down to the newest message, has nothing to mend."""
        pair = self._pair
        urls = {
            "center1111": pair.line_back.url if pair.line_back else pair.centre.url,
            "chumchon": pair.line.url if pair.line else pair.office.url,
        }
        for party, peer, keys, database in (
            ("center1111", "chumchon", pair.centre_keys, pair.centre_database),
            ("chumchon", "center1111", pair.office_keys, pair.office_database),
        ):
            exchange = Exchange.between(party, urls[party], OwnKeys.read(keys), [Peer(peer, urls[peer])])
            engine = make_engine(database, pool_size=1)
            reconciler = Reconciler(exchange, make_sessions(engine), Effects({}))
            try:
                found = reconciler.reconcile(exchange.peers[peer], since=utc_now() - _BACK, until=utc_now() + _BACK)
            finally:
                reconciler.close()
                exchange.close()
                engine.dispose()
            if found.outcome != "equal":
                yield f"the ledgers of {party} and {peer} are {found.outcome}: {found.differences} {found.problem}"


def _between(sent: Sequence[Json], taken: Sequence[Json]) -> Iterator[str]:
    """Each message that was owed was taken once and in order: applied, or listed with a reason that it may have."""
    counts = Counter((row["id"], row["digest"]) for row in taken)
    for row in sent:
        if counts.pop((row["id"], row["digest"]), 0) != 1 or row["state"] != "delivered":
            yield f"{_name(row)} is {row['state']}, and was not taken once"
    yield from (f"the message {identity} was never sent" for identity, _ in counts)
    of_subject: dict[UUID, list[Json]] = defaultdict(list)
    for row in taken:
        of_subject[row["subject"]].append(row)
        if row["state"] == "quarantined" and row["problem"]["type"] in _DEFECTS:
            yield f"{_name(row)} is quarantined: {row['problem']}"
        elif row["state"] not in {"applied", "quarantined"}:
            yield f"{_name(row)} is {row['state']}"
    for subject, rows in of_subject.items():
        if [row["sequence"] for row in rows] != list(range(1, len(rows) + 1)):
            yield f"of {subject} the sequences {[row['sequence'] for row in rows]} were taken"
        if any(one["settled_at"] > other["settled_at"] + _SKEW for one, other in pairwise(rows)):
            yield f"of {subject} the messages were applied out of order"


def _name(row: Json) -> str:
    return f"{row['type']} {row['sequence']} of {row['subject']}"
