from __future__ import annotations

import numpy as np

from engram.model.commands import Erase
from engram.model.ids import MemoryId
from engram.state.apply import apply
from engram.state.columns import PAGE_ROWS
from engram.state.decide import decide
from engram.state.digest import digest
from engram.state.gathering import PIECE_BYTES, gathered, pieces
from engram.state.moves import Move, in_use, searched_count
from engram.state.space import SpaceState
from engram.testing.filling import batch_of, fill
from engram.testing.sealed import sealed_in_memory


def _filled(count: int) -> SpaceState:
    state = SpaceState()
    fill(state, batch_of(count, 2, text_bytes=24))
    return state


def test_a_move_over_several_pages_with_writes_meanwhile_changes_nothing_that_is_seen() -> None:
    state = _filled(PAGE_ROWS + 500)
    view = state.view()
    landing = sealed_in_memory(view, range(0, PAGE_ROWS + 400, 3), 1)
    move = Move(view, [landing])
    fill(state, batch_of(300, 2, 7, text_bytes=24))
    move.catch_up(state.view())
    fill(state, batch_of(200, 2, 8, text_bytes=24))
    before = digest(state)
    assert move.swap(state)
    assert digest(state) == before
    assert state.hot.count == state.count - len(landing.rows)
    after = state.view()
    raised = landing.rows[::2]
    assert Move(after, raised=raised).swap(state)
    assert digest(state) == before
    assert state.hot.count == state.count - len(landing.rows) + len(raised)
    assert np.count_nonzero(in_use(state.view(), 0)) == len(landing.rows) - len(raised)
    part = state.sealed[0]
    assert part is not None
    assert searched_count(part) == len(landing.rows) - len(raised)


def test_what_all_bodies_have_left_is_no_part_any_more() -> None:
    state = _filled(50)
    landing = sealed_in_memory(state.view(), range(50), 1)
    assert Move(state.view(), [landing]).swap(state)
    assert state.hot.count == 0
    rewritten = sealed_in_memory(state.view(), range(0, 50, 2), 2)
    assert Move(state.view(), [rewritten], landing.rows[1::2]).swap(state)
    assert [part and part.segment.number for part in state.sealed] == [None, 2]
    assert Move(state.view(), [sealed_in_memory(state.view(), range(1, 50, 2), 3)]).swap(state)
    assert [part and part.segment.number for part in state.sealed] == [3, 2]


def test_bodies_that_come_up_leave_the_slots_of_the_others_what_they_are() -> None:
    state = _filled(50)
    assert Move(state.view(), [sealed_in_memory(state.view(), range(10), 1)]).swap(state)
    before = state.view().hot
    assert Move(state.view(), raised=np.array([3, 4], np.uint32)).swap(state)
    after = state.view().hot
    assert after.layout is before.layout
    assert after.count == before.count + 2
    for name in ("rows", "norms", "vectors"):
        old, new = getattr(before, name)[0], getattr(after, name)[0]
        assert np.array_equal(old[: before.count], new[: before.count])


def test_a_move_prepared_before_bodies_came_up_is_void() -> None:
    state = _filled(50)
    assert Move(state.view(), [sealed_in_memory(state.view(), range(10), 1)]).swap(state)
    late = Move(state.view(), [sealed_in_memory(state.view(), range(20, 30), 2)])
    assert Move(state.view(), raised=np.array([3], np.uint32)).swap(state)
    assert not late.swap(state)


def test_a_move_prepared_before_an_erasure_is_void() -> None:
    state = _filled(50)
    view = state.view()
    move = Move(view, [sealed_in_memory(view, range(10), 1)])
    erased = MemoryId(
        *(int(view.gather(f"id_{half}", np.array([20]))[0]) for half in ("high", "low"))
    )
    for event, vectors in decide(state, "s", [Erase((erased,))], 2).events:
        apply(state, event, vectors, state.lsn + 1)
    assert not move.swap(state)
    assert not state.sealed
    again = Move(state.view(), [sealed_in_memory(state.view(), range(10), 1)])
    assert again.swap(state)


def test_nothing_of_an_erased_body_is_gathered_from_a_segment() -> None:
    state = _filled(20)
    assert Move(state.view(), [sealed_in_memory(state.view(), range(20), 1)]).swap(state)
    view = state.view()
    erased = MemoryId(
        *(int(view.gather(f"id_{half}", np.array([3]))[0]) for half in ("high", "low"))
    )
    for event, vectors in decide(state, "s", [Erase((erased,))], 2).events:
        apply(state, event, vectors, state.lsn + 1)
    bodies = gathered(state.view(), np.array([3, 4], np.uint32))
    assert bodies.norms.tolist() == [0, 1]
    assert not np.concatenate(list(bodies.vectors))[0].any()
    assert b"".join(bodies.texts).startswith(b"memory 0 4 ")


def test_a_piece_holds_one_text_however_long_it_is() -> None:
    lengths = np.array([5, PIECE_BYTES * 3, 5, 5, PIECE_BYTES, 0])
    assert list(pieces(lengths)) == [(0, 1), (1, 2), (2, 4), (4, 6)]
