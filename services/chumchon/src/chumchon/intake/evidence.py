"""What only one channel has: its evidence, checked by what the Office's lines and boxes can have received."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field

from chumchon.journey import Channel
from servicekit.clock import utc_now
from servicekit.fields import Body, Day, Line, Timestamp, consented, read_by, refused
from servicekit.words import Words
from thaikit.calendar import bangkok_date
from thaikit.numbers import InvalidNumber, parse_phone

FAX_LINES = frozenset({"+6626299227", "+6622884049"})
"""02-629-9227 and 02-288-4049."""

TELEPHONE_LINES = frozenset({"+6626299226", "+6626298444", "+6622884050"})
"""02-629-9226, 02-629-8444 and 02-288-4050."""

MAX_PAGES = 2000


CLOCKS_DIFFER_BY: Final = timedelta(minutes=1)
"""How far a caller's clock may be ahead of ours before its times lie in the future."""

_IN_FUTURE: Final = Words("ต้องไม่เป็นเวลาในอนาคต", "It must not lie in the future.")


def _past_moment(moment: datetime) -> datetime:
    if moment > utc_now() + CLOCKS_DIFFER_BY:
        raise refused("in_future", _IN_FUTURE)
    return moment


def _past_day(day: date) -> date:
    if day > bangkok_date(utc_now()):
        raise refused("in_future", _IN_FUTURE)
    return day


PastMoment = Annotated[Timestamp, AfterValidator(_past_moment)]
"""A moment that is not in the future."""

PastDay = Annotated[Day, AfterValidator(_past_day)]
"""A day in Bangkok that is not in the future."""


_phone = read_by(
    parse_phone,
    InvalidNumber,
    "wrong_form",
    Words("ไม่ใช่หมายเลขโทรศัพท์ที่ถูกต้อง", "This is not a telephone number that exists."),
)


def _fax_line(text: str) -> str:
    if _phone(text) not in FAX_LINES:
        raise refused(
            "unknown_line",
            Words(
                "ต้องเป็นหมายเลขโทรสารของสำนักงาน 02-629-9227 หรือ 02-288-4049",
                "It must be one of the Office's fax lines: 02-629-9227, 02-288-4049.",
            ),
        )
    return _phone(text)


def _telephone_line(text: str) -> str:
    if _phone(text) not in TELEPHONE_LINES:
        raise refused(
            "unknown_line",
            Words(
                "ต้องเป็นหมายเลขโทรศัพท์ของสำนักงาน 02-629-9226, 02-629-8444 หรือ 02-288-4050",
                "It must be one of the Office's telephone lines: 02-629-9226, 02-629-8444, 02-288-4050.",
            ),
        )
    return _phone(text)


def _in_brackets(message_id: str) -> str:
    return f"<{message_id.strip('<>')}>"


Phone = Annotated[str, Line(100), AfterValidator(_phone)]
"""A telephone number as people write it; kept in E.164, a hotline as it is dialled."""

Email = Annotated[str, Line(200), Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Pages = Annotated[int, Field(ge=1, le=MAX_PAGES)]


class PoBoxEvidence(Body):
    """A letter to P.O. box 4."""

    postmarked_on: PastDay | None = None
    registered_number: Annotated[str, Line(50)] | None = None
    pages: Pages | None = None


class FaxEvidence(Body):
    """A fax, as its header says."""

    sender_number: Phone | None = Field(None, description="Null where the sender withheld it.")
    received_on_number: Annotated[str, Line(100), AfterValidator(_fax_line)] | None = Field(
        description="Null where the gateway did not tell."
    )
    pages: Pages | None = None


class TelephoneEvidence(Body):
    """A call."""

    caller_number: Phone | None = Field(None, description="Null where the caller withheld it.")
    called_number: Annotated[str, Line(100), AfterValidator(_telephone_line)]
    call_started_at: PastMoment | None = None


class WebsiteEvidence(Body):
    """A form on the website; without consent to keep what it says, it is not taken."""

    consent: Annotated[
        bool,
        Field(strict=True),
        consented(
            Words(
                "ต้องยินยอมให้สำนักงานเก็บและใช้ข้อมูลส่วนบุคคลเพื่อดำเนินการเรื่องนี้",
                "A case by the website needs the consent to process personal data.",
            )
        ),
    ]


class EmailEvidence(Body):
    """A mail. One Message-ID is one case."""

    message_id: Annotated[str, Line(500), Field(pattern=r"^\s*<?[^<>\s]+>?\s*$"), AfterValidator(_in_brackets)]
    from_address: Email | None = Field(description="Null where the mail names nobody.")


Evidence = PoBoxEvidence | FaxEvidence | TelephoneEvidence | WebsiteEvidence | EmailEvidence

EVIDENCE: Mapping[Channel, type[Body]] = {
    Channel.PO_BOX: PoBoxEvidence,
    Channel.FAX: FaxEvidence,
    Channel.TELEPHONE: TelephoneEvidence,
    Channel.WEBSITE: WebsiteEvidence,
    Channel.EMAIL: EmailEvidence,
}


def evidence_of(channel: object, sent: object) -> Any:  # noqa: ANN401  # one of the union above
    """Evidence as its channel has it; raises ValidationError with every fault."""
    if not isinstance(channel, Channel):
        raise refused(
            "channel_first", Words("ต้องระบุ channel ที่ถูกต้องก่อน", "What it must hold depends on a valid channel.")
        )
    return EVIDENCE[channel].model_validate(sent)
