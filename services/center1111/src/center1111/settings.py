"""The Centre's settings: environment variables `CENTER1111_<NAME>`, or files of those names in /run/secrets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import SettingsConfigDict

from center1111.deadlines import Deadlines
from center1111.letterhead import Letterhead
from exchange import Peer
from servicekit.mail import MailSettings
from servicekit.settings import ServiceSettings
from thaikit.calendar import holidays_with

PREFIX: Final = "CENTER1111_"


class PeerSettings(BaseModel):
    """A party that the Centre exchanges with: its base URL, pinned keys (else fetched), and the types it may send."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    jwks: Mapping[str, Any] | None = None
    types: frozenset[str] | None = None


class Settings(MailSettings, ServiceSettings):
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
    special_days_file: Path | None = Field(
        None, description="Days that the cabinet made holidays or working days: `+ 2026-01-02 name` or `- 2026-05-13`."
    )

    mail_in_service: bool = Field(default=True, description="Send mails inside the service, if smtp_host is set.")
    reopen_within_days: int = Field(
        30, ge=0, description="Days after an answer during which its complainant may ask to reopen the complaint."
    )
    letter_office: str = Field("สำนักงานปลัดสำนักนายกรัฐมนตรี", description="In whose name letters are sent.")
    letter_sender: str = Field(
        "ศูนย์รับเรื่องราวร้องทุกข์ 1111\nสำนักงานปลัดสำนักนายกรัฐมนตรี\nทำเนียบรัฐบาล กรุงเทพฯ 10300",
        description="The office and its address, as at the top of its letters.",
    )
    letter_signer: str = Field("................................................", description="Who signs letters.")
    letter_position: str = Field("ผู้อำนวยการศูนย์รับเรื่องราวร้องทุกข์ 1111", description="The signer's position.")
    letter_contact: str = Field(
        "ศูนย์รับเรื่องราวร้องทุกข์ 1111\nโทร. 1111\nwww.1111.go.th", description="As at the bottom of letters."
    )
    letter_number_prefix: str = Field("นร 0105/", description="What stands before the running number of a letter.")
    letter_thai_digits: bool = Field(default=False, description="Whether letters have ๐-๙ for 0-9.")

    @property
    def letterhead(self) -> Letterhead:
        """Who writes the Centre's letters."""
        return Letterhead(
            office=self.letter_office,
            sender=self.letter_sender,
            signer=self.letter_signer,
            position=self.letter_position,
            contact=self.letter_contact,
            number_prefix=self.letter_number_prefix,
            thai_digits=self.letter_thai_digits,
        )

    @property
    def agencies(self) -> list[Peer]:
        """The peers as the exchange knows them."""
        return [Peer(code=code, url=peer.url, jwks=peer.jwks, types=peer.types) for code, peer in self.peers.items()]

    def deadlines(self) -> Deadlines:
        """The limits, with the holidays of government offices and the operator's special days."""
        lines = self.special_days_file.read_text("utf-8").splitlines() if self.special_days_file else ()
        return Deadlines(self.answer_within_days, self.referral_within_days, holidays_with(lines))
