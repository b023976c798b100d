"""Watchdogs: raised once, reminded of by a ladder, told of, ended by the next step."""

import base64
import hashlib
import hmac
import json
import smtplib
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from http import HTTPStatus

import pytest
from fastapi import Depends, FastAPI, Request, Response
from fastapi.testclient import TestClient
from prometheus_client import generate_latest
from pydantic import ValidationError

from exchange import AlarmSettings, StatusCollector, Watch, alarms_router, exchange_watches
from exchange.alarms import Alarm, alarms_raised, look, over_since, watch_of
from exchange.notifying import Mail, NoticeError, Webhook, tell_of_alarms
from exchange.upkeep import Upkeep
from thaikit.calendar import Holidays

from .conftest import Clock, Party, free_socket, served, the_operator

HOLIDAYS = Holidays()
MONDAY = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


@pytest.fixture
def centre(centre: Party) -> Iterator[Party]:
    centre.sql("CREATE TABLE waiting (about text, since timestamptz)")
    yield centre
    centre.sql("DROP TABLE waiting")


WATCH = watch_of(
    "case_waiting",
    "เรื่องรอนานเกินกำหนด",
    "A case waits.",
    2,
    "SELECT about, since, jsonb_build_object('work_group', 'audit') AS facts FROM waiting WHERE since < :before",
)


def waits(party: Party, about: str, since: datetime = MONDAY) -> None:
    party.sql("INSERT INTO waiting VALUES (:about, :since)", about=about, since=since)


def looked(party: Party, now: datetime, *watches: Watch) -> list[Alarm]:
    """The alarms that stand after looking at that moment."""
    with party.sessions.begin() as session:
        look(session, watches or [WATCH], HOLIDAYS, now=now)
        return alarms_raised(session, limit=100)


@pytest.mark.parametrize(
    ("now", "days", "since"),
    [
        # Monday's two working days end with Wednesday, in Bangkok.
        (datetime(2026, 11, 4, 16, 59, tzinfo=UTC), 2, datetime(2026, 11, 1, 17, tzinfo=UTC)),
        (datetime(2026, 11, 4, 17, 0, tzinfo=UTC), 2, datetime(2026, 11, 2, 17, tzinfo=UTC)),
        # Over a weekend: Friday's one day ends with Monday.
        (datetime(2026, 11, 9, 16, 59, tzinfo=UTC), 1, datetime(2026, 11, 5, 17, tzinfo=UTC)),
        (datetime(2026, 11, 9, 17, 0, tzinfo=UTC), 1, datetime(2026, 11, 8, 17, tzinfo=UTC)),
    ],
)
def test_limits_are_working_days_to_their_end(now: datetime, days: int, since: datetime) -> None:
    """What has waited since before that moment is over its limit, and nothing else."""
    assert since == over_since(days, HOLIDAYS, now=now)


def test_an_alarm_is_raised_once_and_ended_by_the_next_step(centre: Party) -> None:
    """However often one looks; and what comes back later is another alarm."""
    waits(centre, "68-1")
    assert [] == looked(centre, MONDAY + timedelta(days=1))
    (alarm,) = looked(centre, MONDAY + timedelta(days=3))
    assert ("case_waiting", "68-1", MONDAY, {"work_group": "audit"}) == (
        alarm.watch,
        alarm.about,
        alarm.since,
        alarm.facts,
    )
    assert [alarm] == looked(centre, MONDAY + timedelta(days=3, minutes=1))
    centre.sql("DELETE FROM waiting")
    assert [] == looked(centre, MONDAY + timedelta(days=4))
    with centre.sessions() as session:
        (ended,) = alarms_raised(session, limit=9, ended=True)
        assert (alarm.id, MONDAY + timedelta(days=4)) == (ended.id, ended.ended_at)
    waits(centre, "68-1", MONDAY + timedelta(days=1))
    (second,) = looked(centre, MONDAY + timedelta(days=7))
    assert alarm.id != second.id


def test_a_state_left_and_entered_again_between_two_looks_is_another_wait(centre: Party) -> None:
    """Its clock began anew."""
    waits(centre, "68-1")
    (first,) = looked(centre, MONDAY + timedelta(days=3))
    centre.sql("UPDATE waiting SET since = :since", since=MONDAY + timedelta(days=2))
    assert [] == looked(centre, MONDAY + timedelta(days=3))
    (second,) = looked(centre, MONDAY + timedelta(days=14))
    assert first.id != second.id


def test_several_processes_raise_one_alarm(centre: Party) -> None:
    """Looking at the same time, as each service does."""
    waits(centre, "68-1")
    ready = threading.Barrier(4)

    def look_too() -> None:
        ready.wait()
        looked(centre, MONDAY + timedelta(days=3))

    threads = [threading.Thread(target=look_too) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 == len(centre.sql("SELECT FROM exchange_alarms"))


def test_reminders_come_by_a_ladder_of_working_days(centre: Party) -> None:
    """After 1, 3 and 5 working days, then every 5; none on the days between."""
    waits(centre, "68-1")
    raised = MONDAY + timedelta(days=3)  # Thursday
    seen = []
    for day in range(30):
        (alarm,) = looked(centre, raised + timedelta(days=day))
        seen.append(alarm.reminders)
    # Friday; Wednesday; the Wednesday after; the one after that.
    assert [0, 1, 1, 1, 1, 1, 2] == seen[:7]
    assert (2, 3, 3, 4) == (seen[12], seen[13], seen[19], seen[20])


class Told:
    """Remembers what it was told; fails as often as it is asked to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.heard: list[str] = []

    def tell(self, alarms: Sequence[Alarm], _watches: Mapping[str, Watch]) -> None:  # noqa: D102
        if self.failures:
            self.failures -= 1
            raise NoticeError("the webhook is down")
        self.heard += [alarm.about for alarm in alarms]


def test_an_alarm_is_told_of_once_and_again_after_a_failure(centre: Party) -> None:
    """A failed notice stays due; who looks meanwhile does not tell it twice."""
    waits(centre, "68-1")
    looked(centre, MONDAY + timedelta(days=3))
    told = Told(failures=1)
    assert 0 == tell_of_alarms(centre.sessions, [WATCH], [told.tell])
    assert 0 == tell_of_alarms(centre.sessions, [WATCH], [told.tell])
    (row,) = centre.sql("SELECT notice_failures, notice_problem FROM exchange_alarms")
    assert (1, "the webhook is down") == tuple(row)
    centre.sql("UPDATE exchange_alarms SET notice_at = now() - interval '1 second'")
    assert 1 == tell_of_alarms(centre.sessions, [WATCH], [told.tell])
    assert 0 == tell_of_alarms(centre.sessions, [WATCH], [told.tell])
    assert ["68-1"] == told.heard


def test_a_webhook_gets_signed_alarms_in_words(centre: Party) -> None:
    """As of Standard Webhooks; an answer that is no success is a failure."""
    heard: list[tuple[Mapping[str, str], bytes]] = []
    statuses = [204, 500]
    app = FastAPI()

    @app.post("/hook")
    async def post_hook(request: Request) -> None:
        heard.append((dict(request.headers), await request.body()))
        if statuses.pop(0) == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise NoticeError("on purpose")

    @app.exception_handler(NoticeError)
    async def fail(_request: Request, _error: Exception) -> Response:
        return Response(status_code=500)

    waits(centre, "68-1")
    alarms = looked(centre, MONDAY + timedelta(days=3))
    listener = free_socket()
    secret = base64.b64encode(b"a secret of some length").decode()
    hook = Webhook(f"http://127.0.0.1:{listener.getsockname()[1]}/hook", secret)
    with served(app, listener):
        hook(alarms, {WATCH.name: WATCH})
        with pytest.raises(NoticeError, match="HTTP 500"):
            hook(alarms, {WATCH.name: WATCH})
    with pytest.raises(NoticeError, match="ConnectError"):
        hook(alarms, {WATCH.name: WATCH})
    headers, body = heard[0]
    (told,) = json.loads(body)["alarms"]
    assert ("68-1", "เรื่องรอนานเกินกำหนด", "A case waits.") == (told["about"], told["th"], told["en"])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(base64.b64decode(secret), signed, hashlib.sha256).digest()).decode()
    assert f"v1,{expected}" == headers["webhook-signature"]


def test_mail_names_the_alarms(centre: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    """One mail for all; a server that does not answer is a failure."""
    waits(centre, "68-1")
    alarms = looked(centre, MONDAY + timedelta(days=3))
    sent: list[EmailMessage] = []

    class Server(smtplib.SMTP):
        def __init__(self, *_address: object, timeout: float) -> None:
            super().__init__(timeout=timeout)

        def send_message(self, message: EmailMessage) -> None:  # type: ignore[override]  # all that is used of it
            sent.append(message)

    mail = Mail("smtp://127.0.0.1:1", "from@example.go.th", ["to@example.go.th"])
    with pytest.raises(NoticeError, match="ConnectionRefused"):
        mail(alarms, {WATCH.name: WATCH})
    monkeypatch.setattr(smtplib, "SMTP", Server)
    mail(alarms, {WATCH.name: WATCH})
    (message,) = sent
    assert "68-1: เรื่องรอนานเกินกำหนด" in message.get_content()
    assert "to@example.go.th" == message["To"]


def test_half_a_mail_setting_is_refused() -> None:
    """Better at the start than when the first alarm is lost."""
    with pytest.raises(ValidationError):
        AlarmSettings(mail_to=("to@example.go.th",))
    both = AlarmSettings(webhook_url="https://a", mail_server="smtp://b:25", mail_from="c@d", mail_to=("e@f",))
    assert [Webhook, Mail] == [type(way) for way in both.ways()]


def test_what_stands_still_in_the_exchange_is_an_alarm(centre: Party, clock: Clock) -> None:
    """Undelivered, dead, held, quarantined messages, a paused peer, ledgers that differ."""
    watches = exchange_watches()
    clock.now = MONDAY
    centre.owes(now=clock())
    centre.owes(now=clock())
    centre.sql("UPDATE exchange_outbox SET state = 'dead' WHERE id = (SELECT id FROM exchange_outbox LIMIT 1)")
    for state in ("held", "quarantined"):
        centre.sql(
            """INSERT INTO exchange_inbox (source, id, subject, sequence, type, content, digest, received_at, state,
                                           problem, settled_at)
               VALUES ('chumchon', gen_random_uuid(), gen_random_uuid(), 2, 't', '{}', repeat('0', 64), :now, :state,
                       '{}', CASE WHEN :state = 'quarantined' THEN now() END)""",
            now=clock(),
            state=state,
        )
    centre.sql(
        "INSERT INTO exchange_peers (code, pause, paused_at, pause_reason) VALUES ('chumchon', 'operator', :now, 'ก')",
        now=clock(),
    )
    centre.sql(
        """INSERT INTO exchange_reconciliations
           SELECT gen_random_uuid(), 'chumchon', :now, :now, :now, :now, 'failed', 0, 0, 0, 0, '[]', 'ConnectError'""",
        now=clock(),
    )
    at_once = {"message_dead", "message_quarantined", "peer_paused", "ledgers_differ"}
    assert at_once == {alarm.watch for alarm in looked(centre, MONDAY + timedelta(minutes=1), *watches)}
    later = {alarm.watch for alarm in looked(centre, MONDAY + timedelta(days=2), *watches)}
    assert at_once | {"message_undelivered", "message_held"} == later
    centre.sql("UPDATE exchange_peers SET pause = NULL, paused_at = NULL")
    assert "peer_paused" not in {alarm.watch for alarm in looked(centre, MONDAY + timedelta(days=2), *watches)}


def test_alarms_are_listed_and_counted(centre: Party) -> None:
    """By API, in words, page by page; and in the metrics."""
    for number in range(3):
        waits(centre, f"68-{number}")
    upkeep = Upkeep([WATCH], HOLIDAYS)
    centre.sql("UPDATE waiting SET since = now() - interval '30 days'")
    upkeep.look(centre.sessions)
    app = FastAPI()
    app.state.read_sessions = centre.app.state.read_sessions
    app.include_router(alarms_router([WATCH], readers=Depends(the_operator)), prefix="/v1")
    api = TestClient(app)
    first = api.get("/v1/alarms", params={"limit": 2}).json()
    second = api.get("/v1/alarms", params={"limit": 2, "cursor": first["next"]}).json()
    assert ["68-0", "68-1", "68-2"] == sorted(it["about"] for it in (*first["items"], *second["items"]))
    assert "เรื่องรอนานเกินกำหนด" == second["items"][0]["th"]
    assert [] == api.get("/v1/alarms", params={"state": "ended"}).json()["items"]
    centre.registry.register(StatusCollector(centre.app.state.read_sessions))
    assert b'exchange_alarms{watch="case_waiting"} 3.0' in generate_latest(centre.registry)
