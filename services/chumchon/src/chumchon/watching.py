"""The Office's waiting states: what may not wait longer than its limit without somebody being told."""

from collections.abc import Sequence
from dataclasses import dataclass

from chumchon.standing import CLOCK_RUNS
from exchange import Watch, exchange_watches
from exchange.alarms import watch_of


@dataclass(frozen=True, slots=True)
class Limits:
    """In working days."""

    undelivered_days: int
    triage_days: int
    acceptance_days: int
    question_days: int
    telling_days: int
    erasure_days: int
    reading_days: int
    channel_minutes: int
    """Not in working days: what arrives by itself is looked at all the time."""


def watches(limits: Limits) -> Sequence[Watch]:
    """All that the Office looks after. Their facts name no person."""
    return [
        *exchange_watches(undelivered_days=limits.undelivered_days, erasure_days=limits.erasure_days),
        watch_of(
            "case_unrouted",
            "เรื่องรอคัดแยกนานเกินกำหนด",
            "A case waits in triage: no work group has it.",
            limits.triage_days,
            _cases("state = 'new'", _REACHED_AT),
        ),
        watch_of(
            "case_unaccepted",
            "กลุ่มงานยังไม่รับเรื่อง",
            "A work group has neither accepted a case nor handed it back.",
            limits.acceptance_days,
            _cases("state = 'routed'", _REACHED_AT),
        ),
        watch_of(
            "case_overdue",
            "เลยกำหนดและยังไม่ได้ตอบ",
            "A case's deadline has passed without an answer.",
            None,
            _cases(CLOCK_RUNS, "due_at"),
        ),
        watch_of(
            "question_unanswered",
            "ผู้ร้องยังไม่ตอบคำถามของสำนักงาน",
            "A question to the complainant has no reply.",
            limits.question_days,
            _cases("state = 'awaiting_complainant'", "stopped_at"),
        ),
        watch_of(
            "news_unread",
            "มีข้อมูลใหม่ในเรื่องและยังไม่มีผู้อ่าน",
            "Something came in about a case, and nobody who works on it has read it.",
            limits.reading_days,
            """
            SELECT case_number AS about, news_at AS since,
                   jsonb_build_object('work_group', work_group, 'topic', topic, 'origin', origin) AS facts
            FROM cases WHERE news_at < :before ORDER BY news_at
            """,
        ),
        watch_of(
            "channel_silent",
            "ไม่ได้อ่านช่องทางรับเรื่อง หรือส่งอีเมลไม่ออกนานเกินกำหนด",
            "The mailbox or a folder was not read for too long, or mails wait to be sent.",
            None,
            _silent(limits.channel_minutes),
        ),
        watch_of(
            "answer_untold",
            "มีคำตอบแล้วแต่ยังไม่ได้แจ้งผู้ร้อง",
            "Something is to be told to a complainant, and nobody has.",
            limits.telling_days,
            """
            SELECT case_number || ' · ' || deliveries.id AS about, created_at AS since,
                   jsonb_build_object('delivery', deliveries.id, 'work_group', work_group) AS facts
            FROM deliveries JOIN cases ON cases.id = case_id
            WHERE deliveries.state IN ('to_send', 'failed') AND created_at < :before
            ORDER BY created_at
            """,
        ),
    ]


_REACHED_AT = """(
    SELECT max(at) FROM case_history
    WHERE case_id = cases.id AND to_state = cases.state AND from_state IS DISTINCT FROM to_state
)"""


def _silent(minutes: int) -> str:
    """Readers that have not looked for so long, and the mails that no server has taken for so long, as one."""
    return f"""
        SELECT * FROM (
            SELECT name AS about, coalesce(succeeded_at, started_at) AS since,
                   jsonb_build_object('failures', failures, 'problem', problem) AS facts
            FROM channel_readers
            UNION ALL
            SELECT 'mail-sender', min(owed_at), jsonb_build_object('owed', count(*), 'problem', max(last_problem))
            FROM owed_mails WHERE state = 'owed' AND last_problem IS NOT NULL HAVING count(*) > 0
        ) AS looked
        WHERE since < CAST(:before AS timestamptz) - interval '{int(minutes)} minutes' ORDER BY since
    """  # noqa: S608  # a number


def _cases(condition: str, since: str) -> str:
    """Cases that have been so since before a moment; both are our own SQL."""
    return f"""
        SELECT * FROM (
            SELECT case_number AS about, {since} AS since,
                   jsonb_build_object('work_group', work_group, 'topic', topic, 'origin', origin) AS facts
            FROM cases WHERE {condition}
        ) AS waiting
        WHERE since <= :before ORDER BY since
    """  # noqa: S608  # both are texts of this module
