"""The states of a case and the moves between them."""

from itertools import product

import pytest

from chumchon.journey import MOVES, Move, MoveNotAllowed, State, after, moves_from


@pytest.mark.parametrize(("state", "move"), list(product(State, Move)))
def test_every_state_with_every_move(state: State, move: Move) -> None:
    """What the table holds leads where it says; anything else is refused with the state and the move."""
    if (state, move) in MOVES:
        assert MOVES[state, move] is after(state, move)
        assert move in moves_from(state)
    else:
        with pytest.raises(MoveNotAllowed) as refused:
            after(state, move)
        assert (state, move) == (refused.value.state, refused.value.move)
        assert move not in moves_from(state)


def test_every_state_can_be_reached() -> None:
    """From a new case there is a way to every state."""
    reached = {State.NEW}
    while more := {to for (state, _), to in MOVES.items() if state in reached} - reached:
        reached |= more
    assert set(State) == reached


def test_a_withdrawn_case_stays_withdrawn() -> None:
    """Nothing brings back what the Centre has withdrawn; what it still tells is kept, and it can be erased."""
    assert {Move.AMEND, Move.ERASE} == {move for state, move in MOVES if state is State.WITHDRAWN}
