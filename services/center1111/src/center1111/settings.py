"""The Centre's settings: environment variables `CENTER1111_<NAME>`, or files of those names in /run/secrets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict

from center1111.deadlines import Deadlines
from exchange import Peer
from servicekit.settings import ServiceSettings
from thaikit.calendar import holidays_with

PREFIX: Final = "CENTER1111_"


class PeerSettings(BaseModel):
    """A party that the Centre exchanges with: its base URL, pinned keys (else fetched), and the types it may send."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    jwks: Mapping[str, Any] | None = None
    types: frozenset[str] | None = None


class Settings(ServiceSettings):
    """What the Centre is told by its operator."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    port: int = Field(8001, ge=1, le=65535, description="The port to listen on.")
    exchange_keys_file: Path = Field(description="The Centre's private JWK Set (Ed25519); the first key signs.")
    peers: Annotated[
        Mapping[str, PeerSettings],
        Field(description='The agencies by code, as JSON: {"chumchon": {"url": "http://127.0.0.1:8002"}}'),
    ] = {}
    relay_in_service: bool = Field(default=True, description="Run a relay inside the service.")
    answer_within_days: int = Field(
        15,
        ge=1,
        description="Working days until a complaint is to be answered:"
        " Royal Decree on Good Governance B.E. 2546, s. 38.",
    )
    referral_within_days: int = Field(
        15, ge=1, description="Working days until an agency is to answer a referral. (the same source)."
    )
    attachments_url: str = Field(
        "file:///var/lib/center1111/attachments",
        pattern=r"^(file:///|s3://|gs://|az://).+",
        description="Where attached files are kept: a folder, or s3://bucket/prefix with AWS_ENDPOINT,"
        " AWS_ACCESS_KEY_ID and so on.",
    )
    clamav_url: str | None = Field(
        None,
        pattern=r"^(tcp://[^/]+:[0-9]+|unix:/.+)$",
        description="The clamd that scans attached files, tcp://host:3310 or unix:/path; without it none is scanned.",
    )
    special_days_file: Path | None = Field(
        None, description="Days that the cabinet made holidays or working days: `+ 2026-01-02 name` or `- 2026-05-13`."
    )

    @property
    def agencies(self) -> list[Peer]:
        """The peers as the exchange knows them."""
        return [Peer(code=code, url=peer.url, jwks=peer.jwks, types=peer.types) for code, peer in self.peers.items()]

    def deadlines(self) -> Deadlines:
        """The limits, with the holidays of government offices and the operator's special days."""
        lines = self.special_days_file.read_text("utf-8").splitlines() if self.special_days_file else ()
        return Deadlines(self.answer_within_days, self.referral_within_days, holidays_with(lines))
