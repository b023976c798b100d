"""Watchdogs: what has waited beyond its limit raises an alarm, once; the next step ends it.

A service names its waiting states as `Watch`es; those of the exchange itself are `exchange_watches`. Limits are in
Thai working days. Any number of processes may look: an alarm is a row that only one of them can add.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

import orjson
import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.orm import Session

from servicekit.database import Query
from servicekit.fields import View
from servicekit.ids import uuid7
from servicekit.words import Words
from thaikit.calendar import add_working_days, bangkok_date, end_of_day

LADDER: Final = (1, 3, 5)
"""Reminders come so many working days after the alarm was raised or told of; the last step is repeated."""

NOTICE_LEASE = timedelta(minutes=2)
"""Until when the others leave a notice to the process that tells of it."""

NOTICES_AT_ONCE = 100
_MOST_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class Watch:
    """One waiting state.

    `waiting` is a query with the parameters `before` and `limit`; its rows are what has been waiting since before
    then: `about` (a number that people know), `since`, and `facts` (JSON, no personal data). `within_days` are the
    working days that it may wait; None where `since` is itself a deadline.
    """

    name: str
    words: Words
    within_days: int | None
    waiting: Query


class Alarm(View):
    """Something that has waited beyond its limit."""

    id: UUID
    watch: str
    about: str
    since: datetime
    facts: dict[str, JsonValue]
    raised_at: datetime
    reminders: int
    ended_at: datetime | None


def look(session: Session, watches: Sequence[Watch], holidays: Container[date], *, now: datetime) -> None:
    """Raise what has waited too long, end what waits no more, and remind of the rest, in the caller's transaction."""
    for watch in watches:
        before = now if watch.within_days is None else over_since(watch.within_days, holidays, now=now)
        found = [
            {"id": uuid7(), "about": row.about, "since": row.since, "facts": row.facts}
            for row in watch.waiting.all(session, before=before, limit=_MOST_WAITING)
        ]
        rows = orjson.dumps(found).decode()
        _END.run(session, watch=watch.name, rows=rows, now=now)
        if found:
            remind_at = _following(now, LADDER[0], holidays)
            _RAISE.run(session, watch=watch.name, rows=rows, now=now, remind_at=remind_at)
    _END_UNWATCHED.run(session, watches=[watch.name for watch in watches], now=now)
    for row in _TO_REMIND.all(session, now=now):
        step = LADDER[min(row.reminders + 1, len(LADDER) - 1)]
        _REMIND.run(session, id=row.id, now=now, remind_at=_following(now, step, holidays))


def over_since(days: int, holidays: Container[date], *, now: datetime) -> datetime:
    """The moment such that whatever has waited since before it has had its working days, to the end of the last."""
    day = bangkok_date(now)
    while end_of_day(add_working_days(day, days, holidays)) > now:
        day -= timedelta(days=1)
    return end_of_day(day)


def _following(moment: datetime, days: int, holidays: Container[date]) -> datetime:
    """The same time of day, so many working days later."""
    start = bangkok_date(moment)
    return moment + (add_working_days(start, days, holidays) - start)


def alarms_raised(
    session: Session, *, limit: int, ended: bool = False, after: UUID | None = None, watch: str | None = None
) -> list[Alarm]:
    """Alarms in the order in which they were raised: those that stand, or those that have ended."""
    rows = _LIST.all(session, limit=limit, ended=ended, after=after, watch=watch)
    return [Alarm.model_validate(row) for row in rows]


def standing(session: Session) -> Mapping[str, int]:
    """How many alarms stand, by watch."""
    return {row.watch: row.alarms for row in _STANDING.all(session)}


@dataclass(frozen=True, slots=True)
class Notice:
    """Alarms to tell of now, and until when nobody else does."""

    alarms: Sequence[Alarm]
    leased_until: datetime


def claim_notices(session: Session, *, now: datetime) -> Notice:
    """What is to be told of; give the outcome to `told` or `not_told`."""
    until = now + NOTICE_LEASE
    rows = _CLAIM.all(session, now=now, until=until, limit=NOTICES_AT_ONCE)
    return Notice([Alarm.model_validate(row) for row in rows], until)


def told(session: Session, notice: Notice) -> None:
    """It was told of."""
    _TOLD.run(session, ids=_ids(notice), until=notice.leased_until)


def not_told(session: Session, notice: Notice, *, problem: str, retry_at: datetime) -> None:
    """It could not be told of, and why; it is tried again then."""
    _NOT_TOLD.run(session, ids=_ids(notice), until=notice.leased_until, problem=problem, retry_at=retry_at)


def _ids(notice: Notice) -> list[UUID]:
    return [alarm.id for alarm in notice.alarms]


def watch_of(name: str, th: str, en: str, within_days: int | None, select: str) -> Watch:
    """A watch made of an SQL text that needs no more than a LIMIT."""
    return Watch(name, Words(th, en), within_days, Query(sa.text(f"{select} LIMIT :limit")))


def exchange_watches(*, undelivered_days: int = 1, held_days: int = 1, erasure_days: int = 3) -> list[Watch]:
    """The waiting states of the exchange itself, on every side."""
    return [
        watch_of(
            "message_undelivered",
            "ข้อความรอส่งนานเกินกำหนด",
            "A message has been waiting to be delivered for too long.",
            undelivered_days,
            _OF_OUTBOX + "WHERE state = 'queued' AND owed_at < :before ORDER BY owed_at",
        ),
        watch_of(
            "message_dead",
            "ข้อความส่งไม่สำเร็จและหยุดพยายามแล้ว",
            "A message could not be delivered and is no longer tried.",
            None,
            _OF_OUTBOX + "WHERE state = 'dead' AND owed_at < :before ORDER BY owed_at",
        ),
        watch_of(
            "message_held",
            "ข้อความรอลำดับก่อนหน้านานเกินกำหนด",
            "A message received has been waiting for an earlier one for too long.",
            held_days,
            _OF_INBOX + "WHERE state = 'held' AND received_at < :before ORDER BY received_at",
        ),
        watch_of(
            "message_quarantined",
            "ข้อความที่ได้รับดำเนินการไม่ได้",
            "A message received cannot be applied.",
            None,
            _OF_INBOX + "WHERE state = 'quarantined' AND received_at < :before ORDER BY received_at",
        ),
        watch_of(
            "attachment_missing",
            "ยังดึงเอกสารแนบไม่ได้นานเกินกำหนด",
            "An attachment that a peer described could not be fetched for too long.",
            undelivered_days,
            """
            SELECT CAST(id AS text) AS about, wanted_at AS since,
                   jsonb_build_object('peer', peer, 'referral', subject, 'problem', last_problem) AS facts
            FROM exchange_attachments WHERE fetched_at IS NULL AND wanted_at < :before ORDER BY wanted_at
            """,
        ),
        watch_of(
            "erasure_unconfirmed",
            "คู่แลกเปลี่ยนยังไม่ยืนยันการลบข้อมูลส่วนบุคคล",
            "A peer has not confirmed that it erased its copy of personal data.",
            erasure_days,
            """
            SELECT number AS about, told_at AS since,
                   jsonb_build_object('peer', peer, 'referral', subject, 'message', message_id) AS facts
            FROM exchange_erasures WHERE confirmed_at IS NULL AND told_at < :before ORDER BY told_at
            """,
        ),
        watch_of(
            "peer_paused",
            "หยุดส่งให้คู่แลกเปลี่ยน",
            "Nothing is sent to a peer.",
            None,
            """
            SELECT code AS about, paused_at AS since, jsonb_build_object('pause', pause) AS facts
            FROM exchange_peers WHERE paused_at < :before
            """,
        ),
        watch_of(
            "ledgers_differ",
            "ผลกระทบยอดกับคู่แลกเปลี่ยนไม่ตรงกัน",
            "The ledgers of a peer and ours differ.",
            None,
            """
            SELECT peer AS about, min(ended_at) AS since, jsonb_build_object() AS facts
            FROM exchange_reconciliations AS bad
            WHERE outcome IN ('different', 'failed') AND ended_at < :before AND NOT EXISTS (
                SELECT FROM exchange_reconciliations AS good
                WHERE good.peer = bad.peer AND good.id > bad.id AND good.outcome IN ('equal', 'mended')
            )
            GROUP BY peer
            """,
        ),
    ]


_OF_OUTBOX: Final = """
    SELECT CAST(id AS text) AS about, owed_at AS since,
           jsonb_build_object('peer', peer, 'type', type, 'referral', subject) AS facts
    FROM exchange_outbox
"""
_OF_INBOX: Final = """
    SELECT CAST(id AS text) AS about, received_at AS since,
           jsonb_build_object('peer', source, 'type', type, 'referral', subject) AS facts
    FROM exchange_inbox
"""
_RAISE = Query(
    sa.text("""
        INSERT INTO exchange_alarms (id, watch, about, since, facts, raised_at, remind_at, notice_at)
        SELECT id, :watch, about, since, facts, :now, :remind_at, :now
        FROM json_to_recordset(CAST(:rows AS json)) AS waiting (id uuid, about text, since timestamptz, facts jsonb)
        ON CONFLICT (watch, about) WHERE ended_at IS NULL DO NOTHING
    """)
)
# One that left the state and came back is another wait: it began at another time.
_END = Query(
    sa.text("""
        UPDATE exchange_alarms SET ended_at = :now, notice_at = NULL, remind_at = NULL
        WHERE watch = :watch AND ended_at IS NULL AND NOT EXISTS (
            SELECT FROM json_to_recordset(CAST(:rows AS json)) AS waiting (about text, since timestamptz)
            WHERE waiting.about = exchange_alarms.about AND waiting.since = exchange_alarms.since
        )
    """)
)
_END_UNWATCHED = Query(
    sa.text("""
        UPDATE exchange_alarms SET ended_at = :now, notice_at = NULL, remind_at = NULL
        WHERE ended_at IS NULL AND watch <> ALL (CAST(:watches AS text[]))
    """)
)
_TO_REMIND = Query(
    sa.text("""
        SELECT id, reminders FROM exchange_alarms WHERE ended_at IS NULL AND remind_at <= :now
        ORDER BY id FOR UPDATE SKIP LOCKED
    """)
)
_REMIND = Query(
    sa.text("""
        UPDATE exchange_alarms SET reminders = reminders + 1, remind_at = :remind_at, notice_at = :now WHERE id = :id
    """)
)
_COLUMNS: Final = "id, watch, about, since, facts, raised_at, reminders, ended_at"
_LIST = Query(
    sa.text(f"""
        SELECT {_COLUMNS} FROM exchange_alarms
        WHERE (ended_at IS NOT NULL) = CAST(:ended AS boolean)
          AND (CAST(:after AS uuid) IS NULL OR id > :after)
          AND (CAST(:watch AS text) IS NULL OR watch = :watch)
        ORDER BY id LIMIT :limit
    """)  # noqa: S608  # our own text
)
_STANDING = Query(
    sa.text("SELECT watch, count(*) AS alarms FROM exchange_alarms WHERE ended_at IS NULL GROUP BY watch")
)
_CLAIM = Query(
    sa.text(f"""
        UPDATE exchange_alarms SET notice_at = :until
        WHERE id IN (
            SELECT id FROM exchange_alarms WHERE notice_at <= :now ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
        )
        RETURNING {_COLUMNS}
    """)  # noqa: S608  # our own text
)
_TOLD = Query(
    sa.text("""
        UPDATE exchange_alarms SET notice_at = NULL, notice_failures = 0, notice_problem = NULL
        WHERE id = ANY(CAST(:ids AS uuid[])) AND notice_at = :until
    """)
)
_NOT_TOLD = Query(
    sa.text("""
        UPDATE exchange_alarms
        SET notice_at = :retry_at, notice_failures = notice_failures + 1, notice_problem = :problem
        WHERE id = ANY(CAST(:ids AS uuid[])) AND notice_at = :until
    """)
)
