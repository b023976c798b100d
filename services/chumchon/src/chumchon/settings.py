"""The Office's settings: environment variables `CHUMCHON_<NAME>`, or files of those names in /run/secrets."""

from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chumchon.channel_settings import ChannelSettings
from chumchon.deadlines import Deadlines
from chumchon.watching import Limits
from exchange import AlarmSettings
from servicekit.fields import View
from servicekit.settings import SECRETS_DIR, ServiceSettings
from thaikit.calendar import Holidays, holidays_with

PREFIX = "CHUMCHON_"
PARTY = "chumchon"


class PeerSettings(View):
    """A party that the Office exchanges messages with."""

    url: str = Field(pattern=r"^https?://")
    jwks: dict[str, Any] | None = Field(None, description="Its pinned keys; null fetches them from it.")
    types: frozenset[str] | None = Field(None, description="What it may send; null: all that is handled.")


class Settings(ChannelSettings, ServiceSettings):
    """What the Office is told by its operator."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, secrets_dir=SECRETS_DIR if SECRETS_DIR.is_dir() else None, extra="ignore"
    )

    port: int = Field(8002, ge=1, le=65535, description="The port to listen on.")
    exchange_keys_file: Path = Field(description="A private JWK Set (Ed25519); the first key signs.")
    peers: dict[str, PeerSettings] = Field(
        default_factory=dict, description='{"center1111": {"url": "http://127.0.0.1:8001"}}'
    )
    relay_in_service: bool = Field(default=True, description="Whether the service sends what it owes by itself.")
    answer_within_days: int = Field(
        15, ge=1, le=365, description="Working days until a case of a channel of our own is due."
    )
    deadline_source: str = Field(
        "พระราชกฤษฎีกาว่าด้วยหลักเกณฑ์และวิธีการบริหารกิจการบ้านเมืองที่ดี พ.ศ. 2546 มาตรา 38",
        description="The regulation that answer_within_days follows.",
    )
    special_days_file: Path | None = Field(
        None, description="Days off to add (+ 2026-01-02 name) or remove (- 2026-05-13), one a line."
    )
    labour_day: bool = Field(default=False, description="Whether the Office keeps Labour Day.")
    draft_required: bool = Field(
        default=False, description="Whether a head may answer only by approving a draft that somebody else wrote."
    )
    letter_number_prefix: str = Field("", description="What stands before the case's number as a letter's own.")
    letter_sender: str = Field(
        "สำนักงานเศรษฐกิจพอเพียงเพื่อยกระดับชุมชน\nตู้ ปณ. 4", description="The Office and its address, a line each."
    )
    letter_signer: str = Field(
        "." * 40, description="The name under the signature; by default it is filled in by hand."
    )
    letter_position: str = Field("ผู้อำนวยการ", description="The signer's position.")
    letter_contact: str = Field(
        "โทร. 0 2629 9226\nโทรสาร 0 2629 9227\ninfo@chumchon.go.th", description="How to reach the Office, a line each."
    )

    near_due_days: int = Field(
        3, ge=1, le=365, description="A deadline is near due when no more working days are left."
    )
    train_every_hours: int = Field(
        24, ge=0, description="How often the routing model learns from new confirmations; 0: only by `chumchon train`."
    )
    undelivered_within_days: int = Field(1, ge=1, description="Working days until an undelivered message is an alarm.")
    triage_within_days: int = Field(1, ge=1, description="Working days until a case in triage is an alarm.")
    acceptance_within_days: int = Field(2, ge=1, description="Working days until an unaccepted case is an alarm.")
    question_within_days: int = Field(15, ge=1, description="Working days until an unanswered question is an alarm.")
    telling_within_days: int = Field(3, ge=1, description="Working days until an answer not passed on is an alarm.")
    erasure_within_days: int = Field(3, ge=1, description="Working days until an unconfirmed erasure is an alarm.")
    alarms: AlarmSettings = Field(
        AlarmSettings(), description='Whom alarms are told to, as JSON: {"webhook_url": "https://…"}'
    )

    def limits(self) -> Limits:
        """How long the waiting states may last."""
        return Limits(
            undelivered_days=self.undelivered_within_days,
            triage_days=self.triage_within_days,
            acceptance_days=self.acceptance_within_days,
            question_days=self.question_within_days,
            telling_days=self.telling_within_days,
            erasure_days=self.erasure_within_days,
        )

    def deadlines(self) -> Deadlines:
        """The deadlines that follow from these settings; reads the file of special days."""
        if self.special_days_file is None:
            return Deadlines(self.answer_within_days, Holidays(labour_day=self.labour_day), self.near_due_days)
        lines = self.special_days_file.read_text("utf-8").splitlines()
        return Deadlines(self.answer_within_days, holidays_with(lines, labour_day=self.labour_day), self.near_due_days)
