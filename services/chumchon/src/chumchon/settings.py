"""The Office's settings: environment variables `CHUMCHON_<NAME>`, or files of those names in /run/secrets."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from chumchon.channel_settings import ChannelSettings
from chumchon.deadlines import Deadlines
from chumchon.watching import Limits
from exchange import ExchangeSettings
from thaikit.calendar import holidays_with

PREFIX = "CHUMCHON_"
PARTY = "chumchon"


class Settings(ChannelSettings, ExchangeSettings):
    """What the Office is told by its operator."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    port: int = Field(8002, ge=1, le=65535, description="The port to listen on.")
    answer_within_days: int = Field(
        15, ge=1, le=365, description="Working days until a case of a channel of our own is due."
    )
    deadline_source: str = Field(
        "พระราชกฤษฎีกาว่าด้วยหลักเกณฑ์และวิธีการบริหารกิจการบ้านเมืองที่ดี พ.ศ. 2546 มาตรา 38",
        description="The regulation that answer_within_days follows.",
    )
    labour_day: bool = Field(default=False, description="Whether the Office keeps Labour Day.")
    draft_required: bool = Field(
        default=False,
        description="Whether a head may answer only by approving, as it stands, a draft that somebody else wrote.",
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
    triage_within_days: int = Field(1, ge=1, description="Working days until a case in triage is an alarm.")
    acceptance_within_days: int = Field(2, ge=1, description="Working days until an unaccepted case is an alarm.")
    telling_within_days: int = Field(3, ge=1, description="Working days until an answer not passed on is an alarm.")
    reading_within_days: int = Field(
        2, ge=1, description="Working days until something unread that came in about a case is an alarm."
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
            reading_days=self.reading_within_days,
            channel_minutes=self.channel_silent_after_minutes,
        )

    def deadlines(self) -> Deadlines:
        """The deadlines that follow from these settings; reads the file of special days."""
        holidays = holidays_with(self.special_days(), labour_day=self.labour_day)
        return Deadlines(self.answer_within_days, holidays, self.near_due_days)
