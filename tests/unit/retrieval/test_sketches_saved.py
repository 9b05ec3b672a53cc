"""Sketches that were saved with a snapshot serve as if they had been made again."""

from __future__ import annotations

import numpy as np

from engram.kernels.zig_backend import ZigBackend
from engram.retrieval.sketch_index import CATCH_UP_ROWS, SketchIndex
from engram.state.bodies import HotBodies
from engram.state.columns import PAGE_ROWS

_ZIG = ZigBackend()


def bodies_of(count: int, dimensions: int = 8) -> HotBodies:
    bodies = HotBodies()
    add(bodies, np.random.default_rng(3).standard_normal((count, dimensions), np.float32))
    return bodies


def add(bodies: HotBodies, rows: np.ndarray) -> None:
    first = bodies.count
    bodies.rows.append(np.arange(first, first + len(rows), dtype=np.uint32))
    bodies.vector_column(rows.shape[1]).append(rows)
    bodies.norms.append(_ZIG.normalize_f32(rows))


def caught_up(bodies: HotBodies) -> SketchIndex:
    index = SketchIndex()
    while index.step(bodies.view(), _ZIG, CATCH_UP_ROWS):
        pass
    return index


def alike(one: SketchIndex, other: SketchIndex, bodies: HotBodies) -> bool:
    first, second = (each.at(bodies.view(), _ZIG) for each in (one, other))
    assert first is not None
    assert second is not None
    assert first.reached == second.reached
    same = [np.array_equal(first.centre, second.centre)]
    for here, there in zip(first.pages, second.pages, strict=True):
        same.append(np.array_equal(here.signs, there.signs))
        same.append(np.array_equal(here.factors, there.factors))
    return all(same)


def test_loaded_sketches_are_those_that_were_saved_and_go_on() -> None:
    bodies = bodies_of(PAGE_ROWS + 5_000)
    index, loaded = caught_up(bodies), SketchIndex()
    loaded.load(bodies.view(), index.saved(bodies.view()))
    assert loaded.behind(bodies.view()) == 0
    assert alike(index, loaded, bodies)
    add(bodies, np.random.default_rng(4).standard_normal((PAGE_ROWS, 8), np.float32))
    for each in (index, loaded):
        while each.step(bodies.view(), _ZIG, CATCH_UP_ROWS):
            pass
    assert alike(index, loaded, bodies)


def test_nothing_is_saved_of_a_page_from_which_a_vector_was_wiped() -> None:
    bodies = bodies_of(PAGE_ROWS + 5_000)
    index = caught_up(bodies)
    bodies.wipe_vector(PAGE_ROWS + 7)
    assert len(index.saved(bodies.view())) == 1
    bodies.wipe_vector(3)
    assert index.saved(bodies.view()) == []


def test_nothing_is_saved_of_bodies_that_moved() -> None:
    bodies = bodies_of(5_000)
    index = caught_up(bodies)
    assert len(index.saved(bodies.view())) == 1
    bodies.layout = object()
    assert index.saved(bodies.view()) == []


def test_a_vector_wiped_since_the_snapshot_has_its_page_made_again() -> None:
    bodies = bodies_of(5_000)
    saved = caught_up(bodies).saved(bodies.view())
    loaded = SketchIndex()
    loaded.load(bodies.view(), saved)
    bodies.wipe_vector(3)
    assert loaded.behind(bodies.view()) == 5_000
    while loaded.step(bodies.view(), _ZIG, CATCH_UP_ROWS):
        pass
    view = loaded.at(bodies.view(), _ZIG)
    assert view is not None
    assert view.pages[0].factors[1, 3] == -np.inf


def test_what_is_saved_again_is_the_same_objects() -> None:
    bodies = bodies_of(PAGE_ROWS + 5_000)
    index = caught_up(bodies)
    first, again = index.saved(bodies.view()), index.saved(bodies.view())
    for one, other in zip(first, again, strict=True):
        assert all(one[name] is other[name] for name in one)


def test_few_bodies_have_nothing_to_save() -> None:
    bodies = bodies_of(100)
    index = SketchIndex()
    index.at(bodies.view(), _ZIG)
    assert index.saved(bodies.view()) == []
    index.load(bodies.view(), [])
    assert index.at(bodies.view(), _ZIG) is None
