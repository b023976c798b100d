"""Owing: with the change or not at all, numbered in the order of the commits."""

import threading
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from exchange import owe
from exchange.canonical import digest_of
from exchange.outbox import MessageTooLargeError
from schemas import TYPES, Message, sample
from servicekit.database import make_sessions
from servicekit.ids import uuid7
from servicekit.observing import set_request_id

from .conftest import NOW, Party, saying


def test_a_message_is_owed_with_its_change(centre: Party) -> None:
    """What is owed is stored as it will be sent: canonical, with its digest, under the request's id."""
    subject = uuid7()
    set_request_id("request-1")
    try:
        with centre.sessions.begin() as session:
            message_id = owe(session, saying("ถอนเรื่อง"), to="chumchon", subject=subject, now=NOW)
    finally:
        set_request_id(None)
    (row,) = centre.sql("SELECT * FROM exchange_outbox")
    message = Message.model_validate(orjson.loads(row.content))
    assert (message_id, subject, 1, "center1111") == (message.id, message.subject, message.sequence, message.source)
    assert ("referral.withdrawn.v1", NOW, "request-1") == (message.type, message.time, message.requestid)
    assert "ถอนเรื่อง" == message.data["reason"]
    assert digest_of(row.content.encode()) == row.digest
    assert ("queued", "request-1") == (row.state, row.request_id)


def test_nothing_is_owed_by_a_change_that_did_not_last(centre: Party) -> None:
    """A rollback takes the message back, and its number with it."""
    subject = uuid7()
    with centre.sessions() as session:
        owe(session, saying("ก"), to="chumchon", subject=subject, now=NOW)
        session.rollback()
    assert [] == centre.states()
    centre.owes(subject=subject)
    assert [1] == [row.sequence for row in centre.sql("SELECT sequence FROM exchange_outbox")]


def test_sequences_count_per_peer_and_subject(centre: Party) -> None:
    """Each subject counts for itself at each peer, from 1, without a gap."""
    one, other = uuid7(), uuid7()
    for to, subject in [("chumchon", one), ("chumchon", other), ("chumchon", one), ("elsewhere", one)]:
        centre.owes(to=to, subject=subject)
    rows = centre.sql("SELECT peer, subject, sequence FROM exchange_outbox ORDER BY id")
    expected = [("chumchon", one, 1), ("chumchon", other, 1), ("chumchon", one, 2), ("elsewhere", one, 1)]
    assert expected == [tuple(row) for row in rows]


def test_commits_of_one_subject_come_in_the_order_of_their_sequences(centre: Party) -> None:
    """Twelve threads that owe on one subject at once leave no gap and no twin, and commit in that order."""
    subject = uuid7()
    committed: list[int] = []
    lock = threading.Lock()

    def one(_: int) -> None:
        with centre.sessions() as session:
            owe(session, saying("ก"), to="chumchon", subject=subject, now=NOW)
            (sequence,) = session.connection().exec_driver_sql("SELECT max(sequence) FROM exchange_outbox").one()
            with lock:  # nobody else can be here: the counter's row is locked until the commit
                committed.append(sequence)
            session.commit()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(one, range(60)))
    assert list(range(1, 61)) == committed


def test_the_bell_rings_after_the_commit_alone(centre: Party) -> None:
    """A relay that is woken finds the message; the end of a savepoint inside does not wake it too early."""
    bell = centre.exchange.bell
    before = bell.heard()
    with centre.sessions.begin() as session:
        with session.begin_nested():
            owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=NOW)
        assert before == bell.heard()
    assert before + 1 == bell.heard()
    with centre.sessions.begin() as session:
        session.connection().exec_driver_sql("SELECT 1")
    assert before + 1 == bell.heard()


def test_a_message_that_fits_no_batch_is_refused(centre: Party) -> None:
    """Its maker learns of it, in the transaction, instead of a relay that cannot send it."""
    body = TYPES["referral.answered.v1"].body.model_validate(sample("referral.answered.v1")["data"])
    huge = body.model_copy(update={"text": "ก" * 400_000})
    with pytest.raises(MessageTooLargeError), centre.sessions.begin() as session:
        owe(session, huge, to="chumchon", subject=uuid7(), now=NOW)
    assert [] == centre.states()


def test_a_session_that_was_not_enrolled_says_so(centre: Party) -> None:
    """Owing without a party is a mistake of the program, told at once."""
    with pytest.raises(KeyError, match="exchange sender"), make_sessions(centre.engine)() as session:
        owe(session, saying("ก"), to="chumchon", subject=uuid7(), now=NOW)
