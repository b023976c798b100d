"""Rate limits: bursts, refills, callers apart, proxies believed or not, and what each answer tells."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from starlette.testclient import TestClient

from servicekit import development_issuer
from servicekit.database import Sessions, make_engine, make_sessions
from servicekit.rate_limits import PUBLIC_LIMIT, Level, Rate, fill, meters
from servicekit.routes import Router, Transaction
from servicekit.service import create_service
from servicekit.settings import ServiceSettings

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
THREE_A_MINUTE = Rate.parse("3/minute")

router = Router(tags=["doors"], dependencies=[PUBLIC_LIMIT])


@router.get("/door", summary="Look at the door")
async def get_door() -> str:
    return "a door"


@router.post("/door", status_code=201, summary="Knock")
def post_knock(session: Transaction) -> str:
    assert session.is_active
    return "come in"


@pytest.fixture
def sessions(database_url: str) -> Iterator[Sessions]:
    """Sessions on a fresh database."""
    engine = make_engine(database_url, pool_size=8)
    yield make_sessions(engine)
    engine.dispose()


def called(sessions: Sessions, caller: str = "192.0.2.1", *, at: datetime = NOON) -> Level:
    with sessions.begin() as session:
        return fill(session, "doors", THREE_A_MINUTE, caller, now=at)


def test_a_burst_is_served_and_then_refused(sessions: Sessions) -> None:
    """Each answer tells how many calls are left, and a refusal how long to wait."""
    assert [(True, 2), (True, 1), (True, 0), (False, 0)] == [
        (level.allowed, level.remaining) for level in (called(sessions) for _ in range(4))
    ]
    assert 20 == called(sessions).wait_seconds


def test_who_waits_as_long_as_was_said_is_served(sessions: Sessions) -> None:
    """Refused calls do not count, so hammering does not make the wait longer."""
    for _ in range(10):
        last = called(sessions)
    assert called(sessions, at=NOON + timedelta(seconds=last.wait_seconds)).allowed
    assert not called(sessions, at=NOON + timedelta(seconds=last.wait_seconds)).allowed


def test_callers_have_meters_of_their_own(sessions: Sessions) -> None:
    """One who calls too often is no other's trouble."""
    for _ in range(4):
        called(sessions)
    assert called(sessions, "192.0.2.2").allowed


def test_twins_do_not_get_more_than_one_would(sessions: Sessions) -> None:
    """The meter is shared by all processes, also when they call in the same moment."""
    with ThreadPoolExecutor(8) as pool:
        levels = list(pool.map(lambda _: called(sessions), range(16)))
    assert 3 == sum(level.allowed for level in levels)


def test_meters_that_ran_empty_are_removed(sessions: Sessions) -> None:
    """The table holds who called lately: no address is kept, nor its digest longer than its window."""
    for number in range(6):
        called(sessions, f"192.0.2.{number}")
    for _ in range(3):
        called(sessions, "198.51.100.1", at=NOON + timedelta(minutes=5))
    with sessions() as session:
        assert 1 == session.scalar(sa.select(sa.func.count()).select_from(meters))


@pytest.mark.parametrize("text", ["", "60", "0/minute", "60/year", "-1/minute", "60/minutes", "1000000000/day"])
def test_a_rate_has_one_form(text: str) -> None:
    """Anything else is refused where it stands, in the settings."""
    with pytest.raises(ValueError, match="not a rate"):
        Rate.parse(text)
    with pytest.raises(ValidationError):
        ServiceSettings(database_url="x", port=1, issuer="i", issuer_jwks="j", public_read_rate=text)


@pytest.fixture
def settings(database_url: str, issuer_key: Path) -> ServiceSettings:
    """A service that lets an address knock twice a minute, behind a proxy at 192.0.2.0/28."""
    return ServiceSettings(
        environment="development",
        database_url=database_url,
        database_pool_size=4,
        port=8999,
        issuer=development_issuer.ISSUER,
        issuer_jwks=str(issuer_key.with_name("public.json")),
        public_write_rate="2/minute",
        trusted_proxies=["192.0.2.0/28"],
    )


@pytest.fixture
def door(settings: ServiceSettings) -> Iterator[TestClient]:
    """Somebody at 198.51.100.7."""
    app = create_service(
        settings=settings,
        audience="doors",
        title="Doors",
        description="For tests.",
        version="1.0.0",
        routers=[router],
        problems={},
        migrations_head="0001",
    )
    with TestClient(app, client=("198.51.100.7", 4711), headers={"Accept-Language": "en"}) as client:
        yield client


def at(client: TestClient, address: str, **headers: str) -> int:
    """The status of a knock from `address`."""
    other = TestClient(client.app, client=(address, 4711), headers=headers)
    return other.post("/v1/door").status_code


def test_every_answer_tells_how_much_is_left(door: TestClient) -> None:
    """As `RateLimit` and `RateLimit-Policy`; a refusal also when to come again."""
    first = door.post("/v1/door")
    assert (201, '"public-write";q=2;w=60', '"public-write";r=1;t=0') == (
        first.status_code,
        first.headers["ratelimit-policy"],
        first.headers["ratelimit"],
    )
    door.post("/v1/door")
    refusal = door.post("/v1/door")
    assert (429, "too-many-calls") == (refusal.status_code, refusal.json()["type"].rpartition("/")[2])
    assert "application/problem+json" == refusal.headers["content-type"]
    wait = refusal.headers["retry-after"]
    assert 1 <= int(wait) <= 30
    assert (f'"public-write";r=0;t={wait}', f"Wait {wait} seconds, then try again.") == (
        refusal.headers["ratelimit"],
        refusal.json()["detail"],
    )


def test_reads_and_changes_have_a_rate_each(door: TestClient) -> None:
    """Who filed much may still follow it; unknown parameters and wrong methods count for nothing."""
    for _ in range(3):
        door.post("/v1/door")
    looked = door.get("/v1/door")
    assert (200, '"public-read";q=120;w=60') == (looked.status_code, looked.headers["ratelimit-policy"])


def test_a_stranger_cannot_choose_an_address(door: TestClient) -> None:
    """`X-Forwarded-For` of a caller that is no trusted proxy is not believed."""
    assert [201, 201, 429] == [at(door, "203.0.113.9", **{"X-Forwarded-For": f"10.0.0.{n}"}) for n in range(3)]


def test_callers_behind_a_trusted_proxy_are_told_apart(door: TestClient) -> None:
    """By what the proxy itself added last; what the caller wrote before that is not believed."""
    behind = [at(door, "192.0.2.3", **{"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(3)]
    forged = [at(door, "192.0.2.3", **{"X-Forwarded-For": f"10.0.0.{n}, 203.0.113.77"}) for n in range(3)]
    assert ([201, 201, 201], [201, 201, 429]) == (behind, forged)


def test_an_ipv6_subscriber_is_one_caller(door: TestClient) -> None:
    """Whoever has one address of a /64 has them all."""
    assert [201, 201, 429] == [at(door, f"2001:db8:1:2::{n}") for n in range(3)]
    assert 201 == at(door, "2001:db8:1:3::1")
