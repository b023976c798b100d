"""Who takes part: this party, and its peers as the configuration knows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from exchange.handover import Handover
from exchange.keys import Jwks, OwnKeys, PeerKeys
from exchange.outbox import Sender, enrol
from exchange.waking import Bell
from servicekit.database import Sessions

MESSAGES_PATH = "/v1/exchange/messages"
FEED_PATH = "/messages"
LEDGER_PATH = "/ledger"
RECEIPTS_PATH = "/receipts"
ATTACHMENTS_PATH = "/attachments"
EXCHANGE_PATH = "/v1/exchange"
"""Before each of the paths of feed, ledger, receipts and attachments."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A party that we exchange messages with.

    `url` is its base URL; `jwks` its pinned keys, or None to fetch them from it; `types` those that it may send, or
    None for all that are handled here.
    """

    code: str
    url: str
    jwks: Jwks | None = None
    types: frozenset[str] | None = None

    @property
    def messages_url(self) -> str:
        """Where batches are sent to."""
        return self.url.rstrip("/") + MESSAGES_PATH


@dataclass(frozen=True, slots=True)
class Exchange:
    """This party in the exchange: made once a process. `public_url` is the base URL by which peers reach it."""

    party: str
    public_url: str
    keys: OwnKeys
    peers: Mapping[str, Peer]
    peer_keys: PeerKeys
    bell: Bell = field(default_factory=Bell)
    handover: Handover = field(default_factory=Handover)

    @classmethod
    def between(cls, party: str, public_url: str, keys: OwnKeys, peers: Iterable[Peer]) -> "Exchange":
        """With peer keys pinned or fetched, as each peer says."""
        known = {peer.code: peer for peer in peers}
        peer_keys = PeerKeys(
            {peer.code: peer.url for peer in known.values() if peer.jwks is None},
            {peer.code: peer.jwks for peer in known.values() if peer.jwks is not None},
        )
        return cls(party, public_url.rstrip("/"), keys, MappingProxyType(known), peer_keys)

    def enrol(self, sessions: Sessions) -> None:
        """Let the transactions of `sessions` owe messages."""
        enrol(sessions, Sender(self.party, self.bell, self.handover))

    def close(self) -> None:
        """Close the connections that fetch keys."""
        self.peer_keys.close()
