"""Settings of the channels by which papers and mails arrive, and of the mails that go out."""

import shutil
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from servicekit.files.storing import STORE_URL
from servicekit.mail import MailSettings


class ChannelSettings(MailSettings):
    """What the operator says of mailbox, fax gateway and scanner; whatever is left out does not work, and nothing else.

    `chumchon mail` does the work, or the service itself with `channels_in_service`.
    """

    channels_in_service: bool = Field(
        default=False, description="Whether the service reads the mailbox and folders and sends mails by itself."
    )
    files_url: str | None = Field(
        None,
        pattern=STORE_URL,
        description="Where originals, attachments and scans are kept, for all processes of the Office: file:///folder,"
        " or s3://bucket/prefix with AWS_ENDPOINT, AWS_ACCESS_KEY_ID and so on.",
    )
    imap_host: str | None = Field(None, description="The mail server of info@…; without it, no mailbox is read.")
    imap_port: int = Field(993, ge=1, le=65535, description="993 with tls, 143 with starttls or none.")
    imap_security: Literal["tls", "starttls", "none"] = Field(
        "tls", description="How the connection is encrypted; none only to a server on the same machine."
    )
    imap_username: str | None = None
    imap_password: SecretStr | None = None
    imap_folder: str = Field("INBOX", description="The folder in which mails arrive.")
    imap_taken_folder: str = Field("Taken", description="Where mails go that are a case, or joined theirs.")
    imap_automatic_folder: str = Field("Automatic", description="Where mails of machines go: no case is made of them.")
    imap_unreadable_folder: str = Field("Unreadable", description="Where mails go whose case says so.")
    imap_poll_seconds: float = Field(
        60.0, gt=0, le=29 * 60, description="How often to look at the latest; with IDLE, news come at once."
    )
    imap_max_bytes: int = Field(
        50 * 1024 * 1024, ge=1024, description="A larger mail is not fetched: its case says where it lies."
    )
    mail_tag_key: SecretStr | None = Field(
        None, min_length=32, description="Signs the case tag in subjects: at least 32 random characters."
    )
    mail_tag_key_before: SecretStr | None = Field(
        None, min_length=32, description="The former key, while mails with its tags are still being answered."
    )
    mail_files_max_bytes: int = Field(
        15 * 1024 * 1024, ge=0, description="What the files of an answer may measure together to go by mail."
    )
    clamav_url: str | None = Field(
        None,
        pattern=r"^(tcp://[^/]+:[0-9]+|unix:/.+)$",
        description="The clamd that scans files of answers, tcp://host:3310 or unix:/path; without it none is scanned.",
    )
    own_mail_addresses: tuple[str, ...] = Field(
        ("info@chumchon.go.th",), description="Mails from these are echoes of our own."
    )
    fax_gateway_addresses: tuple[str, ...] = Field((), description="Mails from these are faxes, as PDF or TIFF.")
    fax_folder: Path | None = Field(None, description="Where a fax gateway puts its files.")
    po_box_folder: Path | None = Field(None, description="Where the scans of letters to P.O. box 4 are put.")
    folder_settle_seconds: float = Field(
        5.0, ge=0, description="How long a file must have been left alone to be complete."
    )
    channel_silent_after_minutes: int = Field(
        30, ge=1, description="After how long an unread mailbox or folder, or a mail that is not taken, is an alarm."
    )
    ocr_command: str = Field("tesseract", description="Reads scans, with its Thai data, where it is installed.")
    ocr_timeout_seconds: float = Field(120.0, gt=0, description="How long it may take for one paper.")

    @property
    def ocr_program(self) -> str | None:
        """The program that reads scans, if it is installed."""
        return shutil.which(self.ocr_command)

    @model_validator(mode="after")
    def _what_is_needed_together(self) -> Self:
        if self.imap_host is not None and (self.imap_username is None or self.imap_password is None):
            raise ValueError("imap_host needs imap_username and imap_password")
        if (self.imap_host is not None or self.smtp_host is not None) and self.mail_tag_key is None:
            raise ValueError("imap_host and smtp_host need mail_tag_key, by which replies find their case")
        arriving = (self.imap_host, self.fax_folder, self.po_box_folder)
        if any(way is not None for way in arriving) and self.files_url is None:
            raise ValueError("imap_host, fax_folder and po_box_folder need files_url, where originals are kept")
        return self
