"""The state machines: every state with every move, and what the calls make of them."""

from itertools import product

import pytest
import sqlalchemy as sa

from center1111.codes import CODE_LISTS
from center1111.journey import MOVES, REFERRAL_MOVES, Move, ReferralMove, ReferralState, State, possible_moves

from .conftest import Centre, Json, made, ok, refused

PINNED = {
    ("received", "verified"),
    ("received", "refused"),
    ("verified", "answered"),
    ("verified", "referred"),
    ("referred", "answered"),
    ("referred", "verified"),
    ("answered", "closed"),
    ("answered", "verified"),
    ("closed", "verified"),
}
"""The changes of a complaint's state that the public API promises."""


def test_the_journey_is_the_one_that_the_api_promises() -> None:
    """Beside withdrawing, no other change of state is possible."""
    changes = {(before.value, after.value) for (before, _), after in MOVES.items() if before is not after}
    assert PINNED == {(before, after) for before, after in changes if after != "withdrawn"}


def test_every_state_can_be_reached() -> None:
    """From the first one, by moves alone."""
    reached = {State.RECEIVED}
    for _ in State:
        reached |= {after for (before, _), after in MOVES.items() if before in reached}
    assert set(State) == reached
    told = {ReferralState.QUEUED, ReferralState.DELIVERED, ReferralState.FAILED}  # these the exchange tells
    for _ in ReferralState:
        told |= {after for (before, _), after in REFERRAL_MOVES.items() if before in told}
    assert set(ReferralState) == told


def test_every_state_and_code_has_its_label_in_both_languages() -> None:
    """People never see a bare code."""
    for name, codes in CODE_LISTS.items():
        for code, said in codes.items():
            assert said.label.th, (name, code)
            assert said.label.en, (name, code)
    assert set(State) == set(CODE_LISTS["complaint_states"])
    assert set(ReferralState) == set(CODE_LISTS["referral_states"])


CALLS: dict[Move, tuple[str, str, str, Json]] = {
    Move.ACCEPT: ("PUT", "verifier", "verification", {"outcome": "accepted"}),
    Move.REFUSE: ("PUT", "verifier", "verification", {"outcome": "refused", "ground": "before_the_courts"}),
    Move.ANSWER: ("POST", "officer", "answers", {"text": "โอนภายใน 30 วัน"}),
    Move.REFER: ("POST", "officer", "referrals", {"to": "chumchon", "question": "ขอทราบกำหนดโอนเงิน"}),
    Move.CLOSE: ("POST", "officer", "closure", {}),
    Move.REOPEN: ("POST", "officer", "reopening", {"reason": "ผู้ร้องแจ้งว่ายังไม่ได้รับเงิน"}),
    Move.WITHDRAW: ("POST", "officer", "withdrawal", {"reason": "ผู้ร้องขอถอนเรื่อง"}),
    Move.REPORT_PROGRESS: ("POST", "officer", "progress", {"text": "อยู่ระหว่างตรวจสอบเอกสาร"}),
    Move.NOTE: ("POST", "officer", "notes", {"text": "โทรศัพท์แจ้งผู้ร้องแล้ว"}),
}
WAYS: dict[State, list[Move]] = {
    State.RECEIVED: [],
    State.VERIFIED: [Move.ACCEPT],
    State.REFUSED: [Move.REFUSE],
    State.REFERRED: [Move.ACCEPT, Move.REFER],
    State.ANSWERED: [Move.ACCEPT, Move.ANSWER],
    State.CLOSED: [Move.ACCEPT, Move.ANSWER, Move.CLOSE],
    State.WITHDRAWN: [Move.WITHDRAW],
}


@pytest.mark.parametrize("state", State)
def test_each_call_works_where_the_journey_allows_it_and_nowhere_else(busy_centre: Centre, state: State) -> None:
    """A refused move is a 409 that names the present state and what is possible, and changes nothing."""
    for move, (method, role, name, body) in CALLS.items():
        id_ = busy_centre.registered()["id"]
        for step in WAYS[state]:
            call, by, part, sent = CALLS[step]
            assert busy_centre.as_(by).request(call, f"/v1/complaints/{id_}/{part}", json=sent).is_success
        before = busy_centre.complaint(id_)
        assert state == before["state"]
        answer = busy_centre.as_(role).request(method, f"/v1/complaints/{id_}/{name}", json=body)
        after = busy_centre.complaint(id_)
        if (state, move) in MOVES:
            assert answer.is_success, answer.text
            assert (MOVES[state, move], True) == (after["state"], after["version"] > before["version"])
            assert f'"{after["version"]}"' == answer.headers["etag"]
        else:
            detail = refused(answer, 409)["detail"]
            assert state in detail
            assert all(possible in detail for possible in possible_moves(state))
            assert before == after


@pytest.mark.parametrize(("move", "role"), list(product(CALLS, ["intake", "km_editor", "auditor", "operator"])))
def test_who_may_not_is_told_so(quiet_centre: Centre, move: Move, role: str) -> None:
    """403 before anything else is looked at; notes are open to those who correct."""
    method, _, name, body = CALLS[move]
    if (move, role) == (Move.NOTE, "intake"):
        return
    path = f"/v1/complaints/019a5f0e-7c00-7000-8000-000000000001/{name}"
    refused(quiet_centre.as_(role).request(method, path, json=body), 403)


@pytest.mark.parametrize("move", CALLS)
def test_a_call_on_a_complaint_that_is_not_there_or_has_changed(busy_centre: Centre, move: Move) -> None:
    """404, and 412 for an old version; a move that it does not know changes nothing."""
    method, role, name, body = CALLS[move]
    client = busy_centre.as_(role)
    refused(client.request(method, f"/v1/complaints/019a5f0e-7c00-7000-8000-000000000001/{name}", json=body), 404)
    id_ = busy_centre.registered()["id"]
    old = {"If-Match": '"99"'}
    refused(client.request(method, f"/v1/complaints/{id_}/{name}", json=body, headers=old), 412)
    assert 1 == busy_centre.complaint(id_)["version"]


def test_the_history_tells_all_and_cannot_be_changed(busy_centre: Centre) -> None:
    """Who, when, from, to and why; the database refuses to change or delete a line."""
    id_ = busy_centre.answered()["id"]
    officer = busy_centre.as_("officer", subject="officer-1")
    made(officer.post(f"/v1/complaints/{id_}/notes", json={"text": "โทรแจ้งผู้ร้องแล้ว"}))
    ok(officer.post(f"/v1/complaints/{id_}/reopening", json={"reason": "ยังไม่ชัดเจน"}))
    lines = ok(officer.get(f"/v1/complaints/{id_}/history"))["items"]
    assert [
        ("register", None, "received", "intake", None),
        ("accept", "received", "verified", "verifier", None),
        ("answer", "verified", "answered", "officer", None),
        ("note", "answered", "answered", "officer-1", "โทรแจ้งผู้ร้องแล้ว"),
        ("reopen", "answered", "verified", "officer-1", "ยังไม่ชัดเจน"),
    ] == [tuple(line[name] for name in ("move", "from_state", "to_state", "by", "note")) for line in lines]
    for statement in ("DELETE FROM complaint_history", "UPDATE complaint_history SET by = 'x'"):
        with busy_centre.session() as session, pytest.raises(sa.exc.IntegrityError, match="append-only"):
            session.execute(sa.text(statement))


def test_every_referral_move_has_a_start() -> None:
    """`send` begins a referral; every other move is possible somewhere."""
    assert set(ReferralMove) - {ReferralMove.SEND} == {move for _, move in REFERRAL_MOVES}
