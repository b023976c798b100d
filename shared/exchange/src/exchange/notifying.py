"""Telling people of alarms: by a webhook, by mail, or both. A notice that fails is tried again; none is told twice.

(Twice only when a process is killed after telling and before writing it down.)
"""

import base64
import hashlib
import hmac
import smtplib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Self
from urllib.parse import urlsplit

import httpx2
import orjson
import structlog
from pydantic import BaseModel, ConfigDict, Field, model_validator

from exchange.alarms import Alarm, Watch, claim_notices, not_told, told
from servicekit.clock import utc_now
from servicekit.database import Sessions
from servicekit.ids import uuid7
from servicekit.problems import describe

log = structlog.get_logger(__name__)

RETRY_AFTER = timedelta(minutes=5)
TIMEOUT_SECONDS = 10.0

Tell = Callable[[Sequence[Alarm], Mapping[str, Watch]], None]
"""Tells of alarms, given the watches by name; raises `NoticeError` when it cannot."""


class NoticeError(Exception):
    """Nobody was told; the message says why."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """POSTs `{"alarms": [...]}` to `url`, signed as of Standard Webhooks when there is a `secret` (base64)."""

    url: str
    secret: str | None = None

    def __call__(self, alarms: Sequence[Alarm], watches: Mapping[str, Watch]) -> None:
        """Tell of them in one request."""
        body = orjson.dumps({"alarms": [_told(alarm, watches) for alarm in alarms]})
        headers = {"Content-Type": "application/json", **self._signature(body, utc_now())}
        try:
            with httpx2.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False) as client:
                response = client.post(self.url, content=body, headers=headers)
        except httpx2.HTTPError as error:
            raise NoticeError(f"webhook: {type(error).__name__}") from None
        if not response.is_success:
            raise NoticeError(f"webhook: HTTP {response.status_code}")

    def _signature(self, body: bytes, now: datetime) -> dict[str, str]:
        if self.secret is None:
            return {}
        identity, timestamp = f"msg_{uuid7()}", str(int(now.timestamp()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        signature = hmac.new(key, f"{identity}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        return {
            "webhook-id": identity,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        }


@dataclass(frozen=True, slots=True)
class Mail:
    """Sends one mail for all: `server` is `smtp://host:port` or `smtps://user:password@host:port`."""

    server: str
    sender: str
    to: Sequence[str]

    def __call__(self, alarms: Sequence[Alarm], watches: Mapping[str, Watch]) -> None:
        """Tell of them in one mail."""
        message = EmailMessage()
        message["From"], message["To"] = self.sender, ", ".join(self.to)
        message["Subject"] = f"แจ้งเตือน {len(alarms)} รายการ · {len(alarms)} alarms"
        message.set_content("\n".join(_line(alarm, watches) for alarm in alarms) + "\n")
        parts = urlsplit(self.server)
        secure = parts.scheme == "smtps"
        connect = smtplib.SMTP_SSL if secure else smtplib.SMTP
        try:
            with connect(parts.hostname or "", parts.port or 0, timeout=TIMEOUT_SECONDS) as connection:
                if parts.username and parts.password:
                    connection.login(parts.username, parts.password)
                connection.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise NoticeError(f"mail: {type(error).__name__}") from None


class AlarmSettings(BaseModel):
    """Whom alarms are told to, beside the list and the metrics; as one JSON object in a service's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhook_url: str | None = Field(None, pattern=r"^https?://")
    webhook_secret: str | None = Field(None, description="Base64, as of Standard Webhooks.")
    mail_server: str | None = Field(None, pattern=r"^smtps?://", description="smtps://user:password@host:465")
    mail_from: str | None = None
    mail_to: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _mail_is_complete(self) -> Self:
        if (self.mail_server or self.mail_from or self.mail_to) and not (
            self.mail_server and self.mail_from and self.mail_to
        ):
            raise ValueError("mail needs mail_server, mail_from and mail_to")
        return self

    def ways(self) -> list[Tell]:
        """The ways that are set up."""
        ways: list[Tell] = []
        if self.webhook_url:
            ways.append(Webhook(self.webhook_url, self.webhook_secret))
        if self.mail_server and self.mail_from:
            ways.append(Mail(self.mail_server, self.mail_from, self.mail_to))
        return ways


def tell_of_alarms(sessions: Sessions, watches: Sequence[Watch], ways: Sequence[Tell]) -> int:
    """Tell of what is to be told now, by every way; how many alarms that were."""
    by_name = {watch.name: watch for watch in watches}
    count = 0
    while True:
        with sessions.begin() as session:
            notice = claim_notices(session, now=utc_now())
        if not notice.alarms:
            return count
        try:
            for tell in ways:
                tell(notice.alarms, by_name)
        except NoticeError as error:
            log.warning("alarms not told of", alarms=len(notice.alarms), **describe(error))
            with sessions.begin() as session:
                not_told(session, notice, problem=str(error), retry_at=utc_now() + RETRY_AFTER)
            return count
        with sessions.begin() as session:
            told(session, notice)
        count += len(notice.alarms)


def _told(alarm: Alarm, watches: Mapping[str, Watch]) -> dict[str, object]:
    words = watches[alarm.watch].words if alarm.watch in watches else None
    return {
        **alarm.model_dump(exclude={"ended_at"}),
        "th": words.said("th") if words else alarm.watch,
        "en": words.said("en") if words else alarm.watch,
    }


def _line(alarm: Alarm, watches: Mapping[str, Watch]) -> str:
    said = _told(alarm, watches)
    again = f" (เตือนครั้งที่ {alarm.reminders} · reminder {alarm.reminders})" if alarm.reminders else ""
    return f"{alarm.about}: {said['th']} · {said['en']} {alarm.since.isoformat(timespec='minutes')}{again}"
