"""Taking: exactly once, in order, or where one sees why not."""

import itertools
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import orjson
import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from exchange import Effects, read_batch, take
from exchange.canonical import canonical, digest_of
from exchange.inbox import MalformedBatch
from schemas import JsonObject, Message, Receipt, sample
from servicekit.ids import uuid7
from servicekit.observing import current_request_id

from .conftest import HANDLERS, NOW, PROBLEMS, Parties, Party

CENTRE = "center1111"


@pytest.fixture
def taker(parties: Parties) -> Party:
    return parties.office


def message(sequence: int, said: str = "ก", *, subject: UUID | None = None, **fields: object) -> JsonObject:
    kept = sample("referral.withdrawn.v1")
    body = kept["data"] | {"reason": said}
    return kept | {"id": str(uuid7()), "subject": str(subject or SUBJECT), "sequence": sequence, "data": body} | fields


SUBJECT = uuid7()


def taken(party: Party, *messages: object, effects: Effects | None = None) -> list[Receipt]:
    arrivals = read_batch(orjson.dumps({"messages": messages}), CENTRE)
    return take(party.sessions, arrivals, source=CENTRE, effects=effects or party.effects, now=NOW)


def dispositions(receipts: list[Receipt]) -> list[str]:
    return [receipt.disposition.value for receipt in receipts]


def inbox(party: Party) -> list[str]:
    return [row.state for row in party.sql("SELECT state FROM exchange_inbox ORDER BY sequence, received_at")]


def problem_of(receipt: Receipt) -> str:
    assert receipt.problem is not None
    return receipt.problem.type


def test_a_message_is_applied_and_proved(taker: Party) -> None:
    """The receipt names the message and the digest of what was taken."""
    sent = message(1, "ถอนเรื่อง")
    (receipt,) = taken(taker, sent)
    assert (sent["id"], "applied", NOW) == (str(receipt.id), receipt.disposition, receipt.received_at)
    assert digest_of(canonical(sent)) == receipt.digest
    assert ["ถอนเรื่อง"] == taker.said()


def test_a_repeated_message_is_a_duplicate(taker: Party) -> None:
    """Nothing is done again, in a later request or in the same one, whatever the order of its keys."""
    sent = message(1)
    assert ["applied", "duplicate"] == dispositions(taken(taker, sent, sent))
    assert ["duplicate"] == dispositions(taken(taker, dict(reversed(sent.items()))))
    assert ["ก"] == taker.said()


def test_another_message_under_a_taken_id_is_a_conflict(taker: Party) -> None:
    """The receipt shows the digest of what was taken first; the first stands."""
    sent = message(1, "แรก")
    forged = sent | {"data": sent["data"] | {"reason": "หลัง"}}
    taken(taker, sent)
    (receipt,) = taken(taker, forged)
    assert ("conflict", digest_of(canonical(sent))) == (receipt.disposition, receipt.digest)
    assert ["แรก"] == taker.said()


def test_reverse_order_is_put_right(taker: Party) -> None:
    """Messages wait for the one before them, and are applied with it, in order."""
    sent = [message(n, str(n)) for n in range(1, 6)]
    for later in reversed(sent[1:]):
        assert ["held"] == dispositions(taken(taker, later))
    assert [] == taker.said()
    assert ["applied"] == dispositions(taken(taker, sent[0]))
    assert ["1", "2", "3", "4", "5"] == taker.said()
    assert ["applied"] * 5 == inbox(taker)
    assert ["duplicate"] == dispositions(taken(taker, sent[3]))


def test_a_batch_in_any_order_is_applied_in_order(taker: Party) -> None:
    """Within one request too, what was missing may come last."""
    receipts = taken(taker, message(3, "3"), message(1, "1"), message(2, "2"))
    assert ["applied"] * 3 == dispositions(receipts)
    assert ["1", "2", "3"] == taker.said()


def test_subjects_do_not_wait_for_each_other(taker: Party) -> None:
    """A gap in one subject holds that subject alone."""
    assert ["held", "applied"] == dispositions(taken(taker, message(2), message(1, "อื่น", subject=uuid7())))
    assert ["อื่น"] == taker.said()


@pytest.mark.parametrize(
    ("said", "problem"),
    [("refuse", "/problems/not-acceptable"), ("crash", "/problems/not-applied"), ("break", "/problems/not-applied")],
)
def test_what_cannot_be_applied_is_quarantined(taker: Party, said: str, problem: str) -> None:
    """Kept with its reason, its effect undone; its neighbours are applied, and later ones of its subject tried."""
    other = uuid7()
    receipts = taken(taker, message(1, "1"), message(2, said), message(3, "3"), message(1, "อื่น", subject=other))
    assert ["applied", "quarantined", "applied", "applied"] == dispositions(receipts)
    assert problem == problem_of(receipts[1])
    assert {"1", "3", "อื่น"} == set(taker.said())
    (row,) = taker.sql("SELECT problem FROM exchange_inbox WHERE state = 'quarantined'")
    assert problem == row.problem["type"]
    assert ["quarantined"] == dispositions(taken(taker, message(4, said)))
    assert ["applied"] == dispositions(taken(taker, message(5, "5")))


def test_a_refusal_is_told_in_both_languages(taker: Party) -> None:
    """People of both sides read why, with the values that the rule gave."""
    (receipt,) = taken(taker, message(1, "refuse"))
    assert receipt.problem is not None
    assert ("รับไม่ได้ในสถานะนี้", "Not in this state") == (receipt.problem.title, receipt.problem.title_en)
    assert ("ติดต่อ กสป.", "Ask กสป.") == (receipt.problem.detail, receipt.problem.detail_en)


def test_a_failing_handler_is_logged_without_what_was_sent(taker: Party) -> None:
    """The log says where it failed and on which message, and not a word of anybody's data."""
    sent = message(1, "crash")
    with capture_logs() as logs:
        taken(taker, sent)
    (entry,) = [entry for entry in logs if entry["event"] == "message not applied"]
    assert (sent["id"], "builtins.ZeroDivisionError") == (entry["message_id"], entry["error"])
    assert "secret" not in str(logs)


def test_a_lost_connection_takes_nothing(taker: Party) -> None:
    """The database's own failures are no fault of a message: all of the batch is to be sent again."""
    sent = [message(1, "1"), message(2, "kill")]
    with pytest.raises(sa.exc.OperationalError):
        taken(taker, *sent)
    assert [] == inbox(taker)
    assert [] == taker.said()
    assert ["applied"] == dispositions(taken(taker, sent[0]))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"type": "referral.praised.v1"}, "unknown-type"),
        ({"data": {"reason": "ไม่มีเลขที่"}}, "invalid-body"),
        ({"source": "chumchon"}, "wrong-source"),
        ({"sequence": 0}, "unreadable-message"),
        ({"subject": "11111"}, "unreadable-message"),
        ({"time": "2569-10-05T02:20:00+07:00"}, "unreadable-message"),
        ({"type": "a\u0000b"}, "unreadable-message"),
    ],
)
def test_a_malformed_message_is_quarantined_alone(taker: Party, change: JsonObject, problem: str) -> None:
    """One bad message gets its receipt, and the others of its batch theirs."""
    receipts = taken(taker, message(1, "ดี", subject=uuid7()), message(1, "เสีย") | change)
    assert ["applied", "quarantined"] == dispositions(receipts)
    assert f"/problems/{problem}" == problem_of(receipts[1])
    assert ["ดี"] == taker.said()


def test_an_invalid_body_names_its_fields(taker: Party) -> None:
    """The sender learns which fields are wrong, and never what they held."""
    (receipt,) = taken(taker, message(1) | {"data": {"reason": "ลับ" * 20_000}})
    assert receipt.problem is not None
    found = {(fault.pointer, fault.code) for fault in receipt.problem.errors}
    assert {
        ("/data/reason", "too_long"),
        ("/data/tracking_number", "missing"),
        ("/data/referral_number", "missing"),
    } == found
    assert "ลับ" not in receipt.model_dump_json()


def test_a_type_that_the_peer_may_not_send_is_quarantined(taker: Party) -> None:
    """The configuration of a peer limits what it may do."""
    only_sent = replace(taker.effects, allowed=frozenset({"referral.sent.v1"}))
    (receipt,) = taken(taker, message(1), effects=only_sent)
    assert "/problems/type-not-allowed" == problem_of(receipt)
    assert [] == taker.said()


def test_a_second_message_of_one_sequence_is_quarantined(taker: Party) -> None:
    """A sender that was restored and counts anew cannot overwrite: taken or held, the first keeps its place."""
    taken(taker, message(1, "แรก"), message(3, "สาม"))
    receipts = taken(taker, message(1, "หลัง"), message(3, "สาม หลัง"))
    assert ["/problems/sequence-taken"] * 2 == [problem_of(receipt) for receipt in receipts]
    taken(taker, message(2, "สอง"))
    assert ["แรก", "สอง", "สาม"] == taker.said()


def test_a_tombstone_lets_later_messages_pass(taker: Party) -> None:
    """What was given up is waited for no more."""
    void = sample("referral.void.v1") | {
        "id": str(uuid7()),
        "source": CENTRE,
        "subject": str(SUBJECT),
        "sequence": 2,
    }
    taken(taker, message(1, "1"), message(3, "3"))
    assert ["applied"] == dispositions(taken(taker, void))
    assert ["1", "3"] == taker.said()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"messages": []}',
        b'{"messages": {}}',
        b'{"messages": [1]}',
        b'{"messages": [{}]}',
        b'{"messages": [{"id": 7}]}',
        b'{"messages": [{"id": "x"}]}',
        b'{"messages": [{"id": "01997f60-0000-7000-8000-00000000b001", "n": 1e400}]}',
        b'{"messages": [{"id": "01997f60-0000-7000-8000-00000000b001", "n": 18014398509481985}]}',
        b'{"messages": [{"id": "01997f60-0000-7000-8000-00000000b001", "n": "\\ud800"}]}',
        b"[" * 100_000,
        orjson.dumps({"messages": [{"id": str(uuid4())}] * 101}),
    ],
)
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    """Without identities no receipts can be given, so the whole request is refused."""
    with pytest.raises(MalformedBatch):
        read_batch(body, CENTRE)


def test_a_handler_works_under_the_senders_request_id(taker: Party) -> None:
    """One search of the logs finds both sides."""
    seen: list[str | None] = []
    effects = Effects({"referral.withdrawn.v1": lambda *_: seen.append(current_request_id())}, PROBLEMS)
    taken(taker, message(1, requestid="request-7"), message(2, requestid="request-8"), effects=effects)
    assert ["request-7", "request-8"] == seen
    assert current_request_id() is None
    assert {"request-7", "request-8"} == {row.request_id for row in taker.sql("SELECT request_id FROM exchange_inbox")}


def test_concurrent_deliveries_of_the_same_messages_apply_each_once(taker: Party) -> None:
    """Ten requests with the same twenty messages in ten orders, all at once: each effect is there once, in order."""
    subjects = [uuid7() for _ in range(4)]
    sent = [message(n, f"{i}.{n}", subject=subject) for i, subject in enumerate(subjects) for n in range(1, 6)]

    def deliver(seed: int) -> list[str]:
        order = random.Random(seed).sample(sent, len(sent))  # noqa: S311  # repeatable, no secret
        return dispositions(taken(taker, *order))

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(deliver, range(10)))
    assert 20 == sum(answer.count("applied") for answer in answers)
    assert 180 == sum(answer.count("duplicate") for answer in answers)
    for i in range(4):
        assert [f"{i}.{n}" for n in range(1, 6)] == [said for said in taker.said() if said.startswith(f"{i}.")]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_history_of_deliveries_ends_the_same(taker: Party, data: st.DataObject) -> None:
    """However messages are grouped, repeated and reordered: each is applied once and in order, or quarantined."""
    subject = uuid7()
    count = data.draw(st.integers(1, 6))
    texts = [data.draw(st.sampled_from(["ดี", "refuse", "crash"])) for _ in range(count)]
    sent = [message(n, f"{text}", subject=subject) for n, text in enumerate(texts, 1)]
    deliveries = data.draw(st.lists(st.lists(st.sampled_from(sent), min_size=1, max_size=8), max_size=6))
    for batch in itertools.chain(deliveries, [data.draw(st.permutations(sent))]):
        taken(taker, *batch)
    rows = taker.sql("SELECT sequence, state FROM exchange_inbox WHERE subject = :subject ORDER BY 1", subject=subject)
    expected = [(n, "applied" if text == "ดี" else "quarantined") for n, text in enumerate(texts, 1)]
    assert expected == [tuple(row) for row in rows]
    effects = taker.sql("SELECT message_id FROM effects WHERE subject = :subject ORDER BY position", subject=subject)
    assert [it["id"] for it, text in zip(sent, texts, strict=True) if text == "ดี"] == [str(row[0]) for row in effects]


def test_a_full_batch_costs_few_statements(taker: Party) -> None:
    """Fifty messages cost the exchange a handful of statements beside their effects; of new subjects, one less."""
    effects = Effects(dict.fromkeys(HANDLERS, lambda *_: None), PROBLEMS)
    subjects = [uuid7() for _ in range(50)]
    for sequence, statements in ((1, 2), (2, 3)):
        sent = [message(sequence, subject=subject) for subject in subjects]
        arrivals = read_batch(orjson.dumps({"messages": sent}), CENTRE)
        with patch.object(psycopg.Cursor, "execute", autospec=True, side_effect=psycopg.Cursor.execute) as execute:
            take(taker.sessions, arrivals, source=CENTRE, effects=effects, now=NOW)
            assert statements == execute.call_count


def test_neighbours_of_one_type_are_applied_together(taker: Party) -> None:
    """A bulk handler gets them in one call and in order; a single message goes to the handler of its type."""
    seen: list[list[int]] = []
    bulk = {"referral.withdrawn.v1": lambda _session, many, _now: seen.append([it.sequence for it, _ in many])}
    effects = Effects(HANDLERS, PROBLEMS, bulk=bulk)
    receipts = taken(taker, message(2), message(1), message(3), effects=effects)
    assert ["applied"] * 3 == dispositions(receipts)
    assert ([[1, 2, 3]], []) == (seen, taker.said())
    taken(taker, message(4, "4"), effects=effects)
    assert ["4"] == taker.said()


def test_what_fails_together_is_applied_one_by_one(taker: Party) -> None:
    """What a bulk handler did before it failed is undone, and each message is decided by itself."""

    def failing(session: Session, many: Sequence[tuple[Message, Any]], now: datetime) -> None:
        for it, body in many:
            HANDLERS[it.type](session, it, body, now)

    effects = Effects(HANDLERS, PROBLEMS, bulk={"referral.withdrawn.v1": failing})
    receipts = taken(taker, message(1, "1"), message(2, "refuse"), message(3, "3"), effects=effects)
    assert ["applied", "quarantined", "applied"] == dispositions(receipts)
    assert ["1", "3"] == taker.said()
