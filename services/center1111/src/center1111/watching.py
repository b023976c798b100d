"""The Centre's waiting states: what may not wait longer than its limit without somebody being told."""

from collections.abc import Sequence
from dataclasses import dataclass

from exchange import Watch, exchange_watches
from exchange.alarms import watch_of


@dataclass(frozen=True, slots=True)
class Limits:
    """In working days."""

    undelivered_days: int
    acceptance_days: int
    question_days: int
    telling_days: int
    erasure_days: int


def watches(limits: Limits) -> Sequence[Watch]:
    """All that the Centre looks after. Their facts name no person."""
    return [
        *exchange_watches(undelivered_days=limits.undelivered_days, erasure_days=limits.erasure_days),
        watch_of(
            "referral_unaccepted",
            "ส่งต่อแล้วแต่หน่วยงานยังไม่รับเรื่อง",
            "A referral was delivered, and the agency has neither accepted nor returned it.",
            limits.acceptance_days,
            """
            SELECT number AS about, referred_at AS since, jsonb_build_object('agency', "to") AS facts
            FROM referrals WHERE state = 'queued' AND referred_at < :before
              AND NOT EXISTS (
                  SELECT FROM exchange_outbox
                  WHERE peer = "to" AND subject = referrals.id AND exchange_outbox.state IN ('queued', 'dead')
              )
            ORDER BY referred_at
            """,
        ),
        watch_of(
            "referral_overdue",
            "หน่วยงานยังไม่ตอบและเลยกำหนด",
            "An agency has accepted a referral, and its deadline has passed without an answer.",
            None,
            """
            SELECT number AS about, coalesce(agency_due_at, due_at) AS since,
                   jsonb_build_object('agency', "to", 'case_number', case_number, 'work_group', work_group) AS facts
            FROM referrals WHERE state = 'accepted' AND coalesce(agency_due_at, due_at) <= :before
            ORDER BY since
            """,
        ),
        watch_of(
            "question_unanswered",
            "ผู้ร้องยังไม่ตอบคำถามของหน่วยงาน",
            "An agency's question to the complainant has no reply.",
            limits.question_days,
            """
            SELECT number AS about, asked.at AS since, jsonb_build_object('agency', "to") AS facts
            FROM referrals CROSS JOIN LATERAL (
                SELECT max(at) AS at FROM complaint_history WHERE referral_id = referrals.id AND move = 'ask'
            ) AS asked
            WHERE state = 'awaiting_complainant' AND asked.at < :before
            ORDER BY asked.at
            """,
        ),
        watch_of(
            "answer_untold",
            "มีคำตอบแล้วแต่ยังไม่ได้แจ้งผู้ร้อง",
            "A complaint has its answer, and nobody has told the complainant.",
            limits.telling_days,
            """
            SELECT tracking_number AS about, answered_at AS since, jsonb_build_object('origin', answer_origin) AS facts
            FROM complaints
            WHERE (state = 'answered' OR (state = 'closed' AND answered_at > closed_at))  -- corrected after closing
              AND told_at IS NULL AND erased_at IS NULL AND answered_at < :before
            ORDER BY answered_at
            """,
        ),
    ]
