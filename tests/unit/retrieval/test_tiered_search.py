"""Search by vector finds what a scan of all rows finds, wherever the bodies are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from engram.kernels.cancel import CancelFlag
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import KernelCancelled
from engram.retrieval import tiered, vectors
from engram.state.bodies import NO_ROW
from engram.state.moves import Move
from engram.state.space import SpaceState, View
from engram.testing.filling import batch_of, fill
from engram.testing.sealed import MemorySealed, sealed_in_memory

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, I64, U32
    from engram.kernels.protocol import KernelBackend

_DIMENSIONS = 24


def filled(count: int) -> SpaceState:
    state = SpaceState()
    fill(state, batch_of(count, _DIMENSIONS, text_bytes=24))
    return state


def sealed(state: SpaceState, *segments: list[int]) -> View:
    """Return the state's view after these rows went into segments."""
    for rows in segments:
        landing = sealed_in_memory(state.view(), rows, len(state.sealed) + 1)
        assert Move(state.view(), [landing]).swap(state)
    return state.view()


def search(
    view: View,
    query: F32,
    k: int,
    chosen: I64 | None = None,
    kernels: KernelBackend | None = None,
    cancel: CancelFlag | None = None,
) -> tuple[F32, U32, list[str]]:
    """Return what is found among the rows `chosen`, and the stages there were."""
    mask = None
    if chosen is not None:
        mask = np.packbits(np.isin(np.arange(view.count), chosen), bitorder="little")
    stages: list[str] = []
    wanted = tiered.Search(kernels or NumpyBackend(), query, k, cancel, stages.append)
    cosines, rows = vectors.top_k(wanted, view, mask)
    return cosines, rows, stages


def by_scan(view: View, query: F32, k: int, chosen: I64 | None = None) -> tuple[F32, I64]:
    """Return the best `k` of the rows by brute force."""
    rows = np.sort(np.arange(view.count) if chosen is None else chosen)
    cosines = view.vectors_of(rows) @ query * view.norms_of(rows)
    order = np.lexsort((rows, -cosines))[:k]
    return np.asarray(cosines[order], np.float32), rows[order]


def query_of(seed: int) -> F32:
    query = np.random.default_rng(seed).standard_normal(_DIMENSIONS)
    return np.asarray(query / np.linalg.norm(query), np.float32)


@pytest.mark.parametrize("kernels", [NumpyBackend(), ZigBackend()], ids=["numpy", "zig"])
@pytest.mark.parametrize("k", [1, 10, 500])
def test_hot_and_sealed_rows_are_found_as_by_a_scan(kernels: KernelBackend, k: int) -> None:
    state = filled(600)
    view = sealed(state, list(range(0, 200, 2)), list(range(200, 300)))
    for seed in range(5):
        query = query_of(seed)
        cosines, rows, stages = search(view, query, k, kernels=kernels)
        meant = by_scan(view, query, k)
        assert rows.tolist() == meant[1].tolist()
        assert np.allclose(cosines, meant[0], atol=1e-6)
    assert stages[:2] == ["vectors", "sketches"]


def test_the_cosine_of_a_row_is_the_same_number_in_every_tier() -> None:
    state = filled(300)
    query = query_of(1)
    kernels = ZigBackend()
    cosines, rows, _ = search(state.view(), query, 300, kernels=kernels)
    view = sealed(state, list(range(0, 300, 3)))
    again, same, _ = search(view, query, 300, kernels=kernels)
    assert again.tolist() == cosines.tolist()
    assert same.tolist() == rows.tolist()
    assert vectors.cosines(kernels, view, query, rows).tolist() == cosines.tolist()


@pytest.mark.parametrize("count", [1, 4, 17, 300, 580])
def test_only_rows_that_pass_are_found(count: int) -> None:
    """Few are looked up by their places, most left out afterwards, the rest masked."""
    state = filled(600)
    view = sealed(state, list(range(0, 300, 2)), list(range(301, 599)))
    for seed in range(5):
        chosen = np.random.default_rng(seed).choice(600, count, replace=False)
        query = query_of(seed)
        _, rows, _ = search(view, query, 20, chosen)
        assert rows.tolist() == by_scan(view, query, 20, chosen)[1].tolist()


def test_when_the_nearest_are_all_left_out_others_are_found() -> None:
    """More rows pass than the search leaves out, but none of those it comes upon first."""
    state = filled(6000)
    view = sealed(state, list(range(6000)))
    query = query_of(3)
    _, nearest = by_scan(view, query, 550)
    chosen = np.setdiff1d(np.arange(6000), nearest)
    _, rows, _ = search(view, query, 10, chosen, ZigBackend())
    meant = by_scan(view, query, 10, chosen)[1]
    assert len(np.intersect1d(rows, meant)) >= 9


def test_equal_rows_fall_by_number_wherever_they_are() -> None:
    state = SpaceState()
    batch = batch_of(90, _DIMENSIONS, text_bytes=24)
    row = np.frombuffer(batch.vectors, "<f4")[:_DIMENSIONS]
    batch.vectors = np.tile(row, 90).tobytes()
    fill(state, batch)
    view = sealed(state, list(range(80, 20, -2)), [5, 3, 1])
    _, rows, _ = search(view, row.copy(), 40)
    assert rows.tolist() == list(range(40))


def test_bodies_that_are_void_or_gone_are_not_found() -> None:
    state = filled(60)
    view = sealed(state, list(range(30)))
    part = view.sealed[0]
    assert part is not None
    rows = part.rows.copy()
    rows[[2, 4]] = NO_ROW
    live = np.packbits(np.arange(30) != 7, bitorder="little")
    for odd, missing in ((part._replace(rows=rows), {2, 4}), (part._replace(live=live), {7})):
        changed = msgspec.structs.replace(view, sealed=(odd, None))
        _, found, _ = search(changed, query_of(4), 60)
        assert set(range(60)) - set(found.tolist()) == missing
        masked = search(changed, query_of(4), 60, np.arange(55))[1]
        assert set(range(55)) - set(masked.tolist()) == missing


def test_rows_without_vectors_are_not_found_in_a_segment() -> None:
    state = SpaceState()
    batch = batch_of(40, _DIMENSIONS, text_bytes=24)
    norms = np.ones(40, "<f4")
    norms[::4] = 0
    rows = np.frombuffer(batch.vectors, "<f4").reshape(40, -1).copy()
    rows[::4] = 0
    batch.inverse_norms, batch.vectors = norms.tobytes(), rows.tobytes()
    fill(state, batch)
    view = sealed(state, list(range(40)))
    _, found, _ = search(view, query_of(5), 40)
    assert sorted(found.tolist()) == [row for row in range(40) if row % 4]


class NotedSegment(MemorySealed):
    """A segment that notes which vectors were announced and which were read, in this order."""

    noted: list[tuple[str, int]]

    def expect_vectors(self, offsets: U32) -> None:
        """Note it."""
        self.noted.append(("expected", len(offsets)))

    def vectors(self, offsets: U32) -> F32:
        """Note it."""
        self.noted.append(("read", len(offsets)))
        return super().vectors(offsets)


def noted_segments(rows: F32, count: int) -> tuple[View, list[tuple[str, int]]]:
    """Return a view of unit rows in so many segments, and what those note."""
    state = SpaceState()
    batch = batch_of(len(rows), rows.shape[1], text_bytes=24)
    batch.vectors = rows.tobytes()
    batch.inverse_norms = np.ones(len(rows), "<f4").tobytes()
    fill(state, batch)
    view = sealed(state, *([*range(first, len(rows), count)] for first in range(count)))
    noted: list[tuple[str, int]] = []
    parts = []
    for part in view.sealed:
        assert part is not None
        kept = np.asarray(part.segment.vectors(np.arange(part.segment.count, dtype=np.uint32)))
        segment = NotedSegment(part.segment.number, kept, part.segment.norms)
        segment.noted = noted
        parts.append(part._replace(segment=segment))
    return msgspec.structs.replace(view, sealed=tuple(parts)), noted


def clustered(count: int, clusters: int) -> F32:
    chance = np.random.default_rng(8)
    rows = chance.standard_normal((clusters, 128))[np.arange(count) % clusters]
    rows = rows + 0.4 * chance.standard_normal((count, 128))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_only_rows_that_can_be_among_the_best_are_read() -> None:
    """Of 6,000 rows 400 are candidates and hardly more than the 20 neighbours are read."""
    rows = clustered(6000, 300)
    view, noted = noted_segments(rows, 3)
    for at in range(5):
        noted.clear()
        cosines, found, _ = search(view, rows[at], 10, kernels=ZigBackend())
        assert found.tolist() == by_scan(view, rows[at], 10)[1].tolist()
        assert cosines[0] == pytest.approx(1, abs=1e-6)
        by_scan_too = sum(count for kind, count in noted if kind == "read") - len(rows)
        assert 26 <= by_scan_too <= 60


def test_what_is_read_next_is_announced_before_any_of_it_is_read() -> None:
    view, noted = noted_segments(clustered(900, 2), 3)
    search(view, clustered(900, 2)[0], 10)
    rounds = [kind for kind, _ in noted]
    assert rounds == 2 * (3 * ["expected"] + 3 * ["read"])
    expected = [count for kind, count in noted if kind == "expected"]
    assert expected == [count for kind, count in noted if kind == "read"]


def test_more_rows_are_read_when_more_of_them_must_not_be_missed() -> None:
    rows = clustered(6000, 20)
    view, noted = noted_segments(rows, 1)
    counts = []
    for sure in (1, 10, 40):
        noted.clear()
        wanted = tiered.Search(ZigBackend(), rows[0], 40, None, lambda _: None, sure=sure)
        vectors.top_k(wanted, view, None)
        counts.append(sum(count for kind, count in noted if kind == "read"))
    assert counts == sorted(set(counts))


def test_a_scan_that_is_shared_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    state = filled(900)
    view = sealed(state, *([*range(first, 900, 5)] for first in range(5)))
    alone = [search(view, query_of(seed), 10)[:2] for seed in range(3)]
    monkeypatch.setattr(tiered, "SHARED_BYTES_MIN", 1)
    shared: list[tiered.Scan] = []

    def share(scan: tiered.Scan) -> tiered.Scan:
        shared.append(scan)
        return scan

    for seed, (cosines, rows) in enumerate(alone):
        wanted = tiered.Search(NumpyBackend(), query_of(seed), 10, None, lambda _: None, share)
        again = vectors.top_k(wanted, view, None)
        assert again[0].tolist() == cosines.tolist()
        assert again[1].tolist() == rows.tolist()
    assert len(shared) == 3


def test_a_cancelled_search_ends() -> None:
    state = filled(50)
    view = sealed(state, list(range(50)))
    with pytest.raises(KernelCancelled):
        search(view, query_of(7), 5, cancel=CancelFlag().set())


def test_the_cosine_of_unrelated_rows_does_not_change_with_their_places() -> None:
    state = filled(900)
    query = np.asarray(state.view().vectors_of(np.arange(900)).mean(axis=0), np.float32)
    before = vectors.UnrelatedCosine()(state.view(), query)
    unrelated = vectors.UnrelatedCosine()
    unrelated(state.view(), query)
    view = sealed(state, list(range(0, 900, 2)))
    assert unrelated(view, query) == before > 0
    assert vectors.UnrelatedCosine()(view, query) == before


def test_moving_bodies_reads_no_vector_for_the_cosine_of_unrelated_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = filled(900)
    query = np.asarray(state.view().vectors_of(np.arange(900)).mean(axis=0), np.float32)
    unrelated = vectors.UnrelatedCosine()
    before = unrelated(state.view(), query)
    view = sealed(state, list(range(0, 900, 2)))
    monkeypatch.setattr(View, "vectors_of", None)
    assert unrelated(view, query) == before
