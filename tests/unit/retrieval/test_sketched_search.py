"""Search by sketches of the bodies in RAM finds what a scan of them finds."""

from __future__ import annotations

import numpy as np
import pytest

from engram.kernels.arrays import F32
from engram.kernels.cancel import CancelFlag
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import KernelCancelled
from engram.retrieval import hot
from engram.retrieval.scan import Wanted, scan
from engram.retrieval.sketch_index import ROWS_MIN, SketchIndex
from engram.state.bodies import HotBodies
from engram.state.columns import PAGE_ROWS

_ZIG = ZigBackend()
_D = 40


def bodies_of(count: int, seed: int = 1, dimensions: int = _D) -> HotBodies:
    """Return bodies around fifty centres."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((50, dimensions))
    rows = centres[random.integers(0, 50, count)] + random.standard_normal((count, dimensions))
    bodies = HotBodies()
    add(bodies, rows.astype(np.float32))
    return bodies


def add(bodies: HotBodies, rows: F32) -> None:
    first = bodies.count
    column = bodies.vector_column(rows.shape[1])
    bodies.rows.append(np.arange(first, first + len(rows), dtype=np.uint32))
    column.append(rows)
    bodies.norms.append(_ZIG.normalize_f32(rows))


def query_of(seed: int, dimensions: int = _D) -> F32:
    query = np.random.default_rng(seed).standard_normal(dimensions)
    return np.asarray(query / np.linalg.norm(query), np.float32)


def caught_up(index: SketchIndex, bodies: HotBodies) -> None:
    while index.step(bodies.view(), _ZIG, 4_096):
        pass


@pytest.mark.parametrize("kernels", [NumpyBackend(), _ZIG], ids=["numpy", "zig"])
def test_the_nearest_are_found_with_the_cosines_of_a_scan(
    kernels: NumpyBackend | ZigBackend,
) -> None:
    bodies, index = bodies_of(5_000), SketchIndex()
    caught_up(index, bodies)
    view = bodies.view()
    sketches = index.at(view, kernels)
    assert sketches is not None
    assert sketches.reached == 4_992
    found = 0
    for seed in range(20):
        wanted = Wanted(query_of(seed), 40, 10)
        cosines, rows = hot.top_k(kernels, view, wanted, sketches)
        all_cosines, all_rows = scan(kernels, view, wanted)
        found += len(np.intersect1d(rows[:10], all_rows[:10]))
        at = dict(zip(all_rows.tolist(), all_cosines, strict=True))
        assert all(at[row] == c for row, c in zip(rows.tolist(), cosines, strict=True) if row in at)
    assert found >= 198


def test_only_rows_of_the_mask_are_found() -> None:
    bodies, index = bodies_of(5_000), SketchIndex()
    caught_up(index, bodies)
    view, query = bodies.view(), query_of(3)
    for share in (0.5, 0.002, 0.0):
        chosen = np.random.default_rng(4).random(5_000) < share
        mask = np.packbits(chosen, bitorder="little")
        wanted = Wanted(query, 20, 5, mask)
        _, rows = hot.top_k(_ZIG, view, wanted, index.at(view, _ZIG))
        assert chosen[rows].all()
        assert rows[:5].tolist() == scan(_ZIG, view, wanted)[1][:5].tolist()


def test_slots_that_are_not_reached_are_scanned() -> None:
    bodies, index = bodies_of(ROWS_MIN), SketchIndex()
    caught_up(index, bodies)
    late = query_of(7)
    add(bodies, late[None])
    view = bodies.view()
    cosines, rows = hot.top_k(_ZIG, view, Wanted(late, 1, 1), index.at(view, _ZIG, rows_max=0))
    assert rows.tolist() == [ROWS_MIN]
    assert cosines[0] == pytest.approx(1.0)


def test_rows_without_sketches_are_listed_where_they_belong() -> None:
    bodies, index = bodies_of(5_000), SketchIndex()
    caught_up(index, bodies)
    query = query_of(3)
    view = bodies.view()
    _, before = hot.top_k(_ZIG, view, Wanted(query, 5, 5), index.at(view, _ZIG, rows_max=0))
    last = view.vectors[0][int(before[-1])]
    add(bodies, np.stack([-last, last, np.float32(2) * last]))
    view = bodies.view()
    sketches = index.at(view, _ZIG, rows_max=0)
    for k in (4, 5, 6, 7, 8):
        _, rows = hot.top_k(_ZIG, view, Wanted(query, k, min(k, 5)), sketches)
        assert rows.tolist() == scan(_ZIG, view, Wanted(query, k, k))[1].tolist()


def test_sketches_grow_over_pages_and_readers_keep_theirs() -> None:
    bodies, index = bodies_of(PAGE_ROWS - 100, dimensions=3), SketchIndex()
    caught_up(index, bodies)
    early = index.at(bodies.view(), _ZIG)
    add(bodies, bodies_of(500, seed=2, dimensions=3).view().vectors[0][:500])
    caught_up(index, bodies)
    late = index.at(bodies.view(), _ZIG)
    assert early is not None
    assert late is not None
    assert [early.reached, late.reached] == [PAGE_ROWS - 128, PAGE_ROWS + 384]
    assert len(late.pages) == 2
    np.testing.assert_array_equal(early.pages[0].factors, late.pages[0].factors[:, : early.reached])
    assert index.behind(bodies.view()) == 0
    assert index.resident_bytes >= late.reached * (128 // 8 + 12)


def test_a_vector_that_changes_is_sketched_anew() -> None:
    bodies, index = bodies_of(5_000), SketchIndex()
    caught_up(index, bodies)
    bodies.view()
    bodies.wipe_vector(17)
    view = bodies.view()
    assert index.behind(view) > 0
    assert index.at(view, _ZIG, rows_max=0) is None
    caught_up(index, bodies)
    sketches = index.at(view, _ZIG)
    assert sketches is not None
    assert np.isneginf(sketches.pages[0].factors[1, 17])


def test_a_vector_that_changes_is_noticed_though_others_came_and_were_looked_at_before() -> None:
    bodies, index = bodies_of(5_000), SketchIndex()
    caught_up(index, bodies)
    bodies.view()
    add(bodies, np.ones((1, _D), np.float32))
    view = bodies.view()
    assert index.at(view, _ZIG, rows_max=0) is not None
    assert index.at(view, _ZIG, rows_max=0) is not None
    bodies.wipe_vector(17)
    assert index.at(bodies.view(), _ZIG, rows_max=0) is None
    assert index.at(view, _ZIG, rows_max=0) is not None


def test_another_layout_is_sketched_anew() -> None:
    bodies, index = bodies_of(5_000), SketchIndex()
    caught_up(index, bodies)
    bodies.layout = object()
    assert index.at(bodies.view(), _ZIG, rows_max=0) is None
    caught_up(index, bodies)
    assert index.at(bodies.view(), _ZIG, rows_max=0) is not None


def test_few_bodies_have_no_sketches() -> None:
    bodies, index = bodies_of(ROWS_MIN - 1), SketchIndex()
    assert index.at(bodies.view(), _ZIG) is None
    assert index.behind(bodies.view()) == 0
    assert not index.step(bodies.view(), _ZIG, 100)


def test_a_search_that_is_cancelled_ends() -> None:
    bodies, index = bodies_of(5_000), SketchIndex()
    caught_up(index, bodies)
    view = bodies.view()
    wanted = Wanted(query_of(1), 10, 10, None, CancelFlag().set())
    with pytest.raises(KernelCancelled):
        hot.top_k(_ZIG, view, wanted, index.at(view, _ZIG))


@pytest.mark.parametrize("kernels", [NumpyBackend(), _ZIG], ids=["numpy", "zig"])
def test_cosines_of_any_slots_in_any_order_are_those_of_a_scan(
    kernels: NumpyBackend | ZigBackend,
) -> None:
    view = bodies_of(PAGE_ROWS + 500).view()
    slots = np.array([PAGE_ROWS + 3, 7, PAGE_ROWS - 1, 0, PAGE_ROWS + 499], np.uint32)
    cosines, rows = scan(kernels, view, Wanted(query_of(1), view.count, 1))
    at = dict(zip(rows.tolist(), cosines.tolist(), strict=True))
    found = hot.cosines(kernels, view, query_of(1), slots)
    assert found.tolist() == [at[slot] for slot in slots.tolist()]
    assert not len(hot.cosines(kernels, view, query_of(1), slots[:0]))


def test_a_slot_without_a_vector_has_no_cosine() -> None:
    bodies = bodies_of(10)
    bodies.norms.set(np.array([4]), 0)
    assert hot.cosines(_ZIG, bodies.view(), query_of(2), np.array([4], np.uint32)).tolist() == [0.0]
