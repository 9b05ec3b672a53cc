"""Which bodies belong in which tier."""

from __future__ import annotations

import numpy as np

from engram.engine.accesses import Accesses
from engram.engine.tiers import (
    bodies_to_cool,
    bodies_to_merge,
    cut,
    rows_to_raise,
    rows_to_seal,
    unused,
)
from engram.model.capacities import Capacities
from engram.model.commands import Forget
from engram.model.ids import MemoryId
from engram.state.apply import apply
from engram.state.bodies import SEALED
from engram.state.decide import decide
from engram.state.moves import Move, searched_count
from engram.state.space import SpaceState, View
from engram.testing.filling import batch_of, fill
from engram.testing.sealed import sealed_in_memory

DAY_NS = 86_400_000_000_000
CAPACITIES = Capacities(hot=10, warm=20, cold=1_000, segment=20)


def _filled(count: int = 60) -> SpaceState:
    state = SpaceState()
    fill(state, batch_of(count, 4, text_bytes=84))
    return state


def _forget(state: SpaceState, row: int) -> None:
    view = state.view()
    halves = [int(view.gather(f"id_{half}", np.array([row]))[0]) for half in ("high", "low")]
    for event, vectors in decide(state, "s", [Forget(MemoryId(*halves))], 2).events:
        apply(state, event, vectors, state.lsn + 1)


def _leaving(view: View, accesses: Accesses, count: int = 0, bytes_count: int = 0) -> list[int]:
    rows = rows_to_seal(view, accesses, DAY_NS, count=count, bytes_count=bytes_count)
    return [int(row) for row in rows]


def _seal(state: SpaceState, first: int, last: int, number: int) -> None:
    view = state.view()
    assert Move(view, [sealed_in_memory(view, range(first, last), number)]).swap(state)


def test_the_oldest_leave_first_and_the_forgotten_before_them() -> None:
    state = _filled()
    _forget(state, 40)
    assert _leaving(state.view(), Accesses(), count=3) == [40, 0, 1]


def test_what_was_recalled_stays() -> None:
    accesses = Accesses()
    accesses.note([0, 2], DAY_NS)
    assert _leaving(_filled().view(), accesses, count=3) == [1, 3, 4]


def test_so_many_leave_that_their_bodies_are_large_enough() -> None:
    view = _filled().view()
    assert _leaving(view, Accesses(), bytes_count=301) == [0, 1, 2, 3]
    assert _leaving(view, Accesses(), count=5, bytes_count=301) == [0, 1, 2, 3, 4]


def test_a_segment_is_full_by_count_or_by_bytes_and_never_empty() -> None:
    view = _filled().view()
    rows = np.arange(7, dtype=np.uint32)[::-1]
    assert [list(each) for each in cut(view, rows, 3, 10**6)] == [[4, 5, 6], [1, 2, 3], [0]]
    assert [list(each) for each in cut(view, rows, 10, 250)] == [[5, 6], [3, 4], [1, 2], [0]]
    assert [len(each) for each in cut(view, rows, 10, 1)] == [1] * 7


def test_only_living_memories_on_disk_come_up() -> None:
    state = _filled()
    _seal(state, 0, 20, 1)
    _forget(state, 3)
    rows = np.array([2, 3, 30, 99], np.uint32)
    assert rows_to_raise(state.view(), rows).tolist() == [2]
    assert rows_to_raise(_filled().view(), rows[:3]).tolist() == []


def test_the_warm_segment_needed_least_is_compressed_when_one_is_too_many() -> None:
    state, accesses = _filled(), Accesses()
    _seal(state, 0, 20, 1)
    assert bodies_to_cool(state.view(), accesses, DAY_NS, CAPACITIES) is None
    _seal(state, 20, 40, 2)
    accesses.note(list(range(20)), DAY_NS)
    chosen = bodies_to_cool(state.view(), accesses, DAY_NS, CAPACITIES)
    assert chosen is not None
    assert (chosen.tier, chosen.rows.tolist()) == ("cold", list(range(20, 40)))


def test_segments_with_many_dead_bodies_become_one() -> None:
    state = _filled()
    _seal(state, 0, 20, 1)
    _seal(state, 20, 40, 2)
    assert Move(state.view(), raised=np.arange(15, 25, dtype=np.uint32)).swap(state)
    assert bodies_to_merge(state.view(), CAPACITIES, 10**6) is None
    assert Move(state.view(), raised=np.array([14, 25], np.uint32)).swap(state)
    chosen = bodies_to_merge(state.view(), CAPACITIES._replace(segment=40), 10**6)
    assert chosen is not None
    assert chosen.rows.tolist() == [*range(14), *range(26, 40)]
    quick = bodies_to_merge(state.view(), CAPACITIES._replace(segment=40), 10**6, searched_count)
    assert quick is not None
    assert quick.rows.tolist() == chosen.rows.tolist()
    smaller = bodies_to_merge(state.view(), CAPACITIES, 10**6)
    assert smaller is not None
    assert smaller.rows.tolist() == list(range(14))


def test_a_segment_nobody_needs_is_named() -> None:
    state = _filled()
    _seal(state, 0, 20, 1)
    assert unused(state.view()) == []
    state.columns["place"].set(np.arange(20), np.arange(SEALED - 20, SEALED, dtype=np.uint32))
    assert unused(state.view()) == []
    state.columns["content_address"].set(np.arange(20), 0)
    assert unused(state.view()) == [0]
    assert unused(state.view(), searched_count) == []


def test_accesses_are_those_of_the_newest_row_in_a_place() -> None:
    accesses = Accesses()
    rows = np.array([1, 2, 1 + (1 << 14)], np.uint32)
    assert accesses.times(rows).tolist() == [0, 0, 0]
    accesses.note([1, 2], 5)
    accesses.note([1 + (1 << 14)], 6)
    assert accesses.times(rows).tolist() == [0, 5, 6]
    assert accesses.take_fresh().tolist() == rows.tolist()
    assert not accesses.has_fresh
    accesses.clear()
    assert accesses.times(rows).tolist() == [0, 0, 0]
