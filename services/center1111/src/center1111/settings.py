"""The Centre's settings: environment variables `CENTER1111_<NAME>`, or files of those names in /run/secrets."""

from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from center1111.codes import Check
from center1111.deadlines import Deadlines, Role, Rung
from center1111.letterhead import Letterhead
from center1111.watching import Limits
from center1111.writers import Writers
from exchange import ExchangeSettings
from servicekit.files.storing import STORE_URL
from servicekit.mail import MailSettings
from thaikit.calendar import holidays_with

PREFIX: Final = "CENTER1111_"
DEVELOPMENT_WRITERS_KEY: Final = "not a secret: for development alone"
_LADDER: Final = (
    Rung(name="near_due", working_days=-3, to="officer"),
    Rung(name="last_day", working_days=-1, to="officer"),
    Rung(name="overdue", working_days=0, to="officer"),
    Rung(name="escalation", working_days=3, to="supervisor"),
)


class Settings(MailSettings, ExchangeSettings):
    """What the Centre is told by its operator."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    port: int = Field(8001, ge=1, le=65535, description="The port to listen on.")
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
        pattern=STORE_URL,
        description="Where attached files are kept: a folder, or s3://bucket/prefix with AWS_ENDPOINT,"
        " AWS_ACCESS_KEY_ID and so on.",
    )
    clamav_url: str | None = Field(
        None,
        pattern=r"^(tcp://[^/]+:[0-9]+|unix:/.+)$",
        description="The clamd that scans attached files, tcp://host:3310 or unix:/path; without it none is scanned.",
    )
    public_attachments: int = Field(10, ge=0, le=50, description="How many files a complainant may send online.")
    public_attachments_bytes: int = Field(
        50 * 1024 * 1024, ge=0, description="How many bytes those of one complaint may have in all."
    )
    verify_within_days: int = Field(3, ge=1, description="Working days until a complaint is accepted or refused.")
    tell_within_days: int = Field(3, ge=1, description="Working days until the complainant is told the answer.")
    near_due_days: int = Field(3, ge=1, description="A deadline is near due when no more working days are left.")
    reminder_ladder: tuple[Rung, ...] = Field(
        _LADDER,
        description="Reminders and escalation as JSON, the working days counted from the due day:"
        ' [{"name": "overdue", "working_days": 0, "to": "officer"}]',
    )
    reminder_addresses: Annotated[
        Mapping[Role, Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")]],
        Field(
            description="Where the roles of the ladder are reminded by mail, as JSON:"
            ' {"officer": "duty@1111.go.th", "supervisor": "head@1111.go.th"}'
        ),
    ] = {}
    remind_in_service: bool = Field(default=True, description="Remind of deadlines inside the service.")
    remind_every_seconds: int = Field(60, ge=1, description="How often the remind worker looks.")
    required_checks: tuple[Check, ...] = Field(
        (), description="What must be ticked in the checklist before a complaint is accepted, as JSON."
    )
    writers_key: SecretStr = Field(
        SecretStr(DEVELOPMENT_WRITERS_KEY),
        description="The key of the hashes by which complainants are known again; 32 random bytes or more."
        " A new key knows nobody of before.",
    )
    repeat_writer_from: int = Field(5, ge=2, description="From which complaint on somebody is a repeat writer.")
    repeat_writer_within_days: int = Field(365, ge=1, description="Within how many days those complaints count.")
    acceptance_within_days: int = Field(3, ge=1, description="Working days until an unaccepted referral is an alarm.")
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

    def deadlines(self) -> Deadlines:
        """The limits, with the holidays of government offices and the operator's special days."""
        return Deadlines(
            self.answer_within_days,
            self.referral_within_days,
            holidays_with(self.special_days()),
            verify_within_days=self.verify_within_days,
            tell_within_days=self.tell_within_days,
            near_due_days=self.near_due_days,
            ladder=self.reminder_ladder,
        )

    def limits(self) -> Limits:
        """How long the waiting states may last."""
        return Limits(
            undelivered_days=self.undelivered_within_days,
            acceptance_days=self.acceptance_within_days,
            question_days=self.question_within_days,
            telling_days=self.tell_within_days,
            erasure_days=self.erasure_within_days,
        )

    def writers(self) -> Writers:
        """How complainants are known again."""
        key = self.writers_key.get_secret_value().encode()
        return Writers(key, self.repeat_writer_from, self.repeat_writer_within_days)

    @model_validator(mode="after")
    def _reminds_somebody_by_some_server(self) -> Self:
        unknown = self.reminder_addresses.keys() - {rung.to for rung in self.reminder_ladder}
        if unknown:
            raise ValueError(f"reminder_addresses has roles that reminder_ladder does not remind: {sorted(unknown)}")
        if self.reminder_addresses and self.smtp_host is None:
            raise ValueError("reminder_addresses needs smtp_host and mail_from: reminders are sent by mail")
        return self

    @model_validator(mode="after")
    def _no_development_key_in_production(self) -> Self:
        if self.environment == "production" and self.writers_key.get_secret_value() == DEVELOPMENT_WRITERS_KEY:
            raise ValueError("WRITERS_KEY is needed in production: 32 random bytes or more, kept for ever")
        return self
