"""Rate limits of what anyone may call without a token: so much at once, and then so much a minute.

Each caller has a meter that every call fills a little and time empties evenly (the generic cell rate algorithm). It is
one row of the service's own database, so all its processes share it, and one statement a call reads, judges and fills
it. A call that is refused fills nothing: who waits as long as `Retry-After` says is served.
"""

import hashlib
import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPMethod, HTTPStatus
from typing import Final, Self

import sqlalchemy as sa
from fastapi import Depends, Request
from sqlalchemy.orm import Session

from servicekit.clock import Now
from servicekit.database import Query, Sessions
from servicekit.problems import DomainError, Problem
from servicekit.words import Words

RATE_PATTERN: Final = r"^[1-9][0-9]{0,5}/(second|minute|hour|day)$"
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_IPV6_SUBSCRIBER_BITS: Final = 64
_SWEPT_A_CALL: Final = 2

metadata = sa.MetaData()
meters = sa.Table(
    "rate_limit_meters",
    metadata,
    sa.Column("policy", sa.Text, primary_key=True),
    sa.Column("caller", sa.LargeBinary, primary_key=True),
    sa.Column("empty_at", sa.DateTime(timezone=True), nullable=False),
    sa.Index("ix_rate_limit_meters_empty_at", "empty_at"),
    prefixes=["UNLOGGED"],
)


class TooManyCalls(DomainError):
    """The caller's meter is full."""

    def __init__(self, policy: str, wait_seconds: int) -> None:
        super().__init__(policy, seconds=wait_seconds)
        self.headers = {"Retry-After": str(wait_seconds)}


PROBLEMS: Mapping[type[DomainError], Problem] = {
    TooManyCalls: Problem(
        "too-many-calls",
        HTTPStatus.TOO_MANY_REQUESTS,
        Words("เรียกใช้ถี่เกินไป", "Too many calls"),
        Words("โปรดรอ {seconds} วินาทีแล้วลองใหม่", "Wait {seconds} seconds, then try again."),
    ),
}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `calls` at once, and as many again in every `window`, evenly."""

    calls: int
    window: timedelta

    @classmethod
    def parse(cls, text: str) -> Self:
        """The rate that a setting such as `60/minute` names; its form is `RATE_PATTERN`."""
        if not re.match(RATE_PATTERN, text):
            raise ValueError(f"not a rate such as 60/minute: {text!r}")
        calls, _, unit = text.partition("/")
        return cls(int(calls), timedelta(seconds=_SECONDS[unit]))

    @property
    def interval(self) -> timedelta:
        """How long the meter takes to forget one call."""
        return self.window / self.calls


@dataclass(frozen=True, slots=True)
class Level:
    """What the meter says after a call: whether the call may go on, how many more may, and when the next one may."""

    allowed: bool
    remaining: int
    wait_seconds: int


# Each call removes more meters that have run empty than it can add, so the table holds who called lately, and no more.
_METER = Query(
    sa.text(
        """
        WITH swept AS (
            DELETE FROM rate_limit_meters WHERE (policy, caller) IN (
                SELECT policy, caller FROM rate_limit_meters
                WHERE empty_at <= :now AND caller <> :caller
                LIMIT :swept FOR UPDATE SKIP LOCKED
            )
        ), filled AS (
            INSERT INTO rate_limit_meters AS meter (policy, caller, empty_at)
            VALUES (:policy, :caller, CAST(:now AS timestamptz) + :interval)
            ON CONFLICT (policy, caller) DO UPDATE
            SET empty_at = greatest(meter.empty_at, :now) + :interval
            WHERE greatest(meter.empty_at, :now) + :interval <= CAST(:now AS timestamptz) + :window
            RETURNING empty_at
        )
        SELECT true AS allowed, empty_at FROM filled
        UNION ALL
        SELECT false, empty_at FROM rate_limit_meters
        WHERE policy = :policy AND caller = :caller AND NOT EXISTS (SELECT FROM filled)
        """
    )
)


def fill(session: Session, policy: str, rate: Rate, caller: str, *, now: datetime) -> Level:
    """Count one call of `caller` under `policy`, unless its meter is full. The caller is kept as a digest alone."""
    found = _METER.first(
        session,
        policy=policy,
        caller=hashlib.sha256(caller.encode()).digest(),
        now=now,
        interval=rate.interval,
        window=rate.window,
        swept=_SWEPT_A_CALL,
    )
    # No row: twins made the meter and filled it while this statement ran.
    allowed, empty_at = (found.allowed, found.empty_at) if found else (False, now + rate.window)
    room = rate.window - (empty_at - now)
    return Level(
        allowed=allowed,
        remaining=max(0, room // rate.interval),
        wait_seconds=max(1, math.ceil((rate.interval - room).total_seconds())),
    )


def address_of(request: Request) -> str:
    """The network address that a call comes from; of IPv6 the subscriber's part, since anyone has 2^64 of them.

    Behind a proxy it is the proxy's, unless the settings name the proxy as trusted.
    """
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_SUBSCRIBER_BITS), strict=False))
    return str(address)


def _limited(request: Request, now: Now) -> None:
    policy = "public-read" if request.method in {HTTPMethod.GET, HTTPMethod.HEAD} else "public-write"
    rate: Rate = request.app.state.rate_limits[policy]
    sessions: Sessions = request.app.state.sessions
    with sessions.begin() as session:
        level = fill(session, policy, rate, address_of(request), now=now)
    request.state.response_headers = {
        "RateLimit-Policy": f'"{policy}";q={rate.calls};w={rate.window // timedelta(seconds=1)}',
        "RateLimit": f'"{policy}";r={level.remaining};t={level.wait_seconds if not level.remaining else 0}',
    }
    if not level.allowed:
        raise TooManyCalls(policy, level.wait_seconds)


PUBLIC_LIMIT: Final = Depends(_limited)
"""For routers that anyone may call: `Router(dependencies=[PUBLIC_LIMIT])`. Reads and changes have a rate each, by
address; every answer tells how much is left (draft-ietf-httpapi-ratelimit-headers)."""
