"""Field types of the Centre's bodies: numbers that people write in many ways come in, one canonical form is kept."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query
from pydantic import AfterValidator

from servicekit.clock import utc_now
from servicekit.fields import Day, Line, Text, Timestamp, read_by, refused
from servicekit.filters import CommaIsOr
from servicekit.words import Words
from thaikit.calendar import bangkok_date
from thaikit.numbers import InvalidNumber, parse_checked, parse_national_id, parse_phone

CLOCKS_DIFFER_BY: Final = timedelta(minutes=1)
"""How far a caller's clock may be ahead of ours before its times lie in the future."""

WITHHELD: Final = "withheld"

# A host with a dot, and nothing that a mail server could read as more than one address.
_EMAIL: Final = re.compile(r"[^\s@<>()\[\],;:\\\"]{1,64}@(?:[^\s@<>()\[\],;:\\\"_.]+\.)+[^\s@<>()\[\],;:\\\"_.\d]{2,}")

_IN_FUTURE: Final = Words("ต้องไม่เป็นเวลาในอนาคต", "It must not lie in the future.")


_national_id = read_by(
    parse_national_id,
    InvalidNumber,
    "wrong_national_id",
    Words(
        "ไม่ใช่เลขประจำตัวประชาชน 13 หลักที่ถูกต้อง โปรดตรวจทุกหลักกับบัตร",
        "It is not a Thai national id: 13 digits, the last of which checks the others.",
    ),
)


_phone = read_by(
    parse_phone,
    InvalidNumber,
    "wrong_phone",
    Words(
        "ไม่ใช่หมายเลขโทรศัพท์ที่ใช้ได้ เช่น 02 629 9226, 081 234 5678 หรือสายด่วน 4 หลัก",
        "It is not a telephone number that can be called, such as 02 629 9226 or a hotline of four digits.",
    ),
)


def _caller(value: str) -> str:
    return value if value == WITHHELD else _phone(value)


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value) or ".." in value:
        raise refused("wrong_email", Words("ไม่ใช่ที่อยู่อีเมลที่ถูกต้อง", "It is not an e-mail address."))
    return value


def _past_moment(value: datetime) -> datetime:
    if value > utc_now() + CLOCKS_DIFFER_BY:
        raise refused("in_future", _IN_FUTURE)
    return value


def _past_day(value: date) -> date:
    if value > bangkok_date(utc_now() + CLOCKS_DIFFER_BY):
        raise refused("in_future", _IN_FUTURE)
    return value


_tracking_number = read_by(
    parse_checked,
    InvalidNumber,
    "wrong_tracking_number",
    Words(
        "ไม่ใช่เลขติดตามเรื่องที่ถูกต้อง โปรดตรวจทุกตัว ตัวสุดท้ายใช้ตรวจตัวอื่น เช่น 1111-2569-000123-M",
        "It is not a tracking number such as 1111-2569-000123-M, whose last character checks the others.",
    ),
)


Name = Annotated[str, Line(200)]
Subject = Annotated[str, Line(300)]
LongText = Annotated[str, Text(20_000)]
Address = Annotated[str, Text(2_000)]
Note = Annotated[str, Text(4_000)]

NationalId = Annotated[str, Line(40), AfterValidator(_national_id)]
"""A Thai national id: its 13 digits, however they were spaced."""

Phone = Annotated[str, Line(40), AfterValidator(_phone)]
"""A telephone number in E.164, or a hotline as it is dialled."""

CallerNumber = Annotated[str, Line(40), AfterValidator(_caller)]
"""As `Phone`, or `withheld` when the caller's number was not shown."""

Email = Annotated[str, Line(254), AfterValidator(_email)]

TrackingNumbers = Annotated[
    list[Annotated[str, Line(100), AfterValidator(_tracking_number)]] | None,
    CommaIsOr,
    Query(description="Separated by commas: any. Spaces stand for hyphens; case and Thai digits do not matter."),
]
"""A filter by tracking numbers, as people write them."""

PastMoment = Annotated[Timestamp, AfterValidator(_past_moment)]
"""A moment that is not in the future."""

PastDay = Annotated[Day, AfterValidator(_past_day)]
"""A day in Bangkok that is not in the future."""
