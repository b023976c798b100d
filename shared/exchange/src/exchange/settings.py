"""The settings of a service that takes part in the exchange."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from exchange.keys import Jwks, OwnKeys
from exchange.notifying import AlarmSettings
from exchange.parties import Exchange, Peer
from servicekit.settings import ServiceSettings


class PeerSettings(BaseModel):
    """A party that the service exchanges messages with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://", description="Its base URL.")
    jwks: Jwks | None = Field(None, description="Its pinned keys; null fetches them from it.")
    types: frozenset[str] | None = Field(None, description="What it may send; null: all that is handled.")


class ExchangeSettings(ServiceSettings):
    """What the operator says of the exchange and of what waits; a service's own settings derive from it."""

    exchange_keys_file: Path = Field(description="The service's private JWK Set (Ed25519); the first key signs.")
    peers: Annotated[
        Mapping[str, PeerSettings],
        Field(description='The peers by code, as JSON: {"chumchon": {"url": "http://127.0.0.1:8002"}}'),
    ] = {}
    relay_in_service: bool = Field(default=True, description="Run a relay inside the service.")
    undelivered_within_days: int = Field(1, ge=1, description="Working days until an undelivered message is an alarm.")
    question_within_days: int = Field(15, ge=1, description="Working days until an unanswered question is an alarm.")
    erasure_within_days: int = Field(3, ge=1, description="Working days until an unconfirmed erasure is an alarm.")
    alarms: AlarmSettings = Field(
        AlarmSettings(), description='Whom alarms are told to, as JSON: {"webhook_url": "https://…"}'
    )
    special_days_file: Path | None = Field(
        None, description="Days that the cabinet made holidays or working days: `+ 2026-01-02 name` or `- 2026-05-13`."
    )

    def exchange(self, party: str) -> Exchange:
        """The service in the exchange, as the party of this code; reads its keys.

        Raises:
            KeysError: they cannot be used.
        """
        peers = [Peer(code, peer.url, peer.jwks, peer.types) for code, peer in self.peers.items()]
        return Exchange.between(party, self.base_url, OwnKeys.read(self.exchange_keys_file), peers)

    def special_days(self) -> Sequence[str]:
        """The lines of the file of special days, if there is one."""
        return self.special_days_file.read_text("utf-8").splitlines() if self.special_days_file else ()
