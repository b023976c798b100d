"""What an operator may do: send again, give up, apply again, dismiss, each with its reason kept."""

from uuid import uuid4

import pytest

from exchange.listing import incoming_messages, outgoing_messages
from exchange.operating import (
    MessageNotFound,
    PeerNotFound,
    apply_again,
    dismiss,
    give_up,
    pause,
    redeliver,
    redeliver_all,
    resume,
)
from exchange.relay import Round

from .conftest import NOW, Clock, Party, Wire, answering


def kill(centre: Party, wire: Wire, clock: Clock, *said: str) -> list[object]:
    """Owe messages on one subject, the first of which dies."""
    subject, first = centre.owes(said[0], now=clock())
    others = [centre.owes(it, subject=subject, now=clock())[1] for it in said[1:]]
    wire.faults = [answering(413)]
    assert Round.FAILED is centre.relay(clock, batch_messages=1).round(centre.peer())
    return [first, *others]


def test_giving_up_sends_a_tombstone(centre: Party, office: Party, wire: Wire, clock: Clock) -> None:
    """The receiver does not wait for what will never come, and reads why."""
    first, _ = kill(centre, wire, clock, "ก", "ข")
    with centre.sessions.begin() as session:
        (dead,) = outgoing_messages(session, states=["dead"], limit=9)
        assert (first, "too large for the peer, even alone") == (dead.id, dead.last_problem)
        give_up(session, dead.id, reason="ส่งทางไปรษณีย์แล้ว", by="นิดา", now=clock())
    assert Round.SENT is centre.relay(clock).round(centre.peer())
    assert ["ข"] == office.said()
    rows = centre.sql("SELECT state, sequence, type FROM exchange_outbox ORDER BY sequence, state")
    expected = [
        ("delivered", 1, "referral.void.v1"),
        ("void", 1, "referral.withdrawn.v1"),
        ("delivered", 2, "referral.withdrawn.v1"),
    ]
    assert expected == [tuple(row) for row in rows]
    (void,) = office.sql("SELECT content::jsonb -> 'data' AS data FROM exchange_inbox WHERE sequence = 1")
    assert ("ส่งทางไปรษณีย์แล้ว", str(first)) == (void.data["reason"], void.data["message_id"])


def test_dead_messages_are_sent_again_on_a_word(centre: Party, office: Party, wire: Wire, clock: Clock) -> None:
    """One or all; and what waited behind them follows."""
    kill(centre, wire, clock, "ก", "ข")
    with centre.sessions.begin() as session:
        assert 1 == redeliver_all(session, "chumchon", by="นิดา", now=clock())
    assert Round.SENT is centre.relay(clock).round(centre.peer())
    assert ["ก", "ข"] == office.said()


def test_only_the_dead_are_given_up_or_sent_again(centre: Party) -> None:
    """A message that may be on its way is left alone."""
    _, queued = centre.owes()
    for act in (
        lambda session: redeliver(session, queued, by="นิดา", now=NOW),
        lambda session: give_up(session, queued, reason="ก", by="นิดา", now=NOW),
        lambda session: redeliver(session, uuid4(), by="นิดา", now=NOW),
    ):
        with pytest.raises(MessageNotFound), centre.sessions.begin() as session:
            act(session)
    assert ["queued"] == centre.states()


def test_a_quarantined_message_is_applied_again(centre: Party, office: Party) -> None:
    """When the reason is gone; until then it stays where it is, with its newest reason."""
    _, message_id = centre.owes("refuse")
    centre.relay().round(centre.peer())
    with office.sessions.begin() as session:
        (stuck,) = incoming_messages(session, states=["quarantined"], limit=9)
        assert (message_id, "/problems/not-acceptable") == (stuck.id, (stuck.problem or {})["type"])
        problem = apply_again(session, "center1111", message_id, office.effects, reason="ลองใหม่", by="นิดา", now=NOW)
    assert problem is not None
    assert [] == office.said()
    mended = type(office.effects)(
        {
            "referral.withdrawn.v1": lambda session, *_: session.connection().exec_driver_sql(
                "INSERT INTO effects (said) VALUES ('แก้แล้ว')"
            )
        }
    )
    with office.sessions.begin() as session:
        assert apply_again(session, "center1111", message_id, mended, reason="แก้กฎแล้ว", by="นิดา", now=NOW) is None
    assert ["แก้แล้ว"] == office.said()
    (row,) = office.sql("SELECT state, problem, note FROM exchange_inbox")
    assert ("applied", None, "แก้กฎแล้ว") == tuple(row)
    with pytest.raises(MessageNotFound), office.sessions.begin() as session:
        apply_again(session, "center1111", message_id, mended, reason="อีกครั้ง", by="นิดา", now=NOW)


def test_a_quarantined_message_is_dismissed_with_its_reason(centre: Party, office: Party) -> None:
    """It is never applied, and the record says who decided what and why it had stood there."""
    _, message_id = centre.owes("refuse")
    centre.relay().round(centre.peer())
    with office.sessions.begin() as session:
        dismiss(session, "center1111", message_id, reason="ส่งซ้ำ", by="นิดา", now=NOW)
    (row,) = office.sql("SELECT state, problem ->> 'type' AS problem, note FROM exchange_inbox")
    assert ("dismissed", "/problems/not-acceptable", "ส่งซ้ำ") == tuple(row)
    with pytest.raises(MessageNotFound), office.sessions.begin() as session:
        dismiss(session, "center1111", message_id, reason="อีก", by="นิดา", now=NOW)


def test_only_known_peers_are_paused(centre: Party) -> None:
    """A misspelt code is told."""
    with pytest.raises(PeerNotFound), centre.sessions.begin() as session:
        pause(session, "chumchom", reason="ก", by="นิดา", now=NOW)
    with pytest.raises(PeerNotFound), centre.sessions.begin() as session:
        resume(session, "chumchom", by="นิดา", now=NOW)
