"""Vector kernels on inputs chosen by chance: every level against itself and against the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.testing.kernels import vectors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, U8, U32

_AWKWARD = np.array(
    [0.0, -0.0, 1.0, -1.0, 1e-45, -1e-42, 1e-38, 1e38, -3.4e38, np.inf, -np.inf, np.nan],
    np.float32,
)


@pytest.fixture(params=ZigBackend().isa_levels)
def zig(request: pytest.FixtureRequest) -> Iterator[ZigBackend]:
    """Give the library at each level this machine has."""
    backend = ZigBackend()
    before = backend.isa
    backend.select_isa(request.param)
    yield backend
    backend.select_isa(before)


def _ranked(scores: F32, k: int, mask: U8 | None) -> NDArray[np.int64]:
    rows = np.arange(len(scores))
    if mask is not None:
        rows = rows[np.unpackbits(mask, count=len(scores), bitorder="little") == 1]
    return rows[np.lexsort((rows, -scores[rows]))][:k]


def _same(one: tuple[F32, U32], other: tuple[F32, U32]) -> bool:
    return np.array_equal(one[0], other[0], equal_nan=True) and np.array_equal(one[1], other[1])


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 300),
    d=st.integers(1, 70),
    k=st.integers(1, 40),
    queries_count=st.integers(1, 9),
    awkward=st.sampled_from([0.0, 0.001, 0.3, 1.0]),
    candidates=st.sampled_from([None, 0.0, 0.02, 0.5, 0.98, 1.0]),
    scaled=st.booleans(),
    offset=st.integers(0, 15),
)
def test_every_kernel_of_every_level_gives_a_row_the_same_score(
    *,
    seed: int,
    n: int,
    d: int,
    k: int,
    queries_count: int,
    awkward: float,
    candidates: float | None,
    scaled: bool,
    offset: int,
) -> None:
    """One query, many and all scores agree to the last bit, at every alignment and level."""
    random = np.random.default_rng(seed)
    storage = random.standard_normal(offset + n * d, dtype=np.float32)
    chosen = random.random(len(storage)) < awkward
    storage[chosen] = random.choice(_AWKWARD, int(chosen.sum()))
    rows = storage[offset:].reshape(n, d)
    if n:
        rows[n // 2 :] = rows[random.integers(0, n, n - n // 2)]
    queries = random.standard_normal((queries_count, d), dtype=np.float32)
    inv_norms = random.random(n, dtype=np.float32) if scaled else None
    mask = None
    if candidates is not None:
        mask = np.packbits(random.random(n) < candidates, bitorder="little")
    zig = ZigBackend()
    before = zig.isa
    with_fma: list[F32] = []
    try:
        for level in zig.isa_levels:
            zig.select_isa(level)
            scores = zig.similarity_f32(queries[0], rows, inv_norms=inv_norms)
            one = zig.top_k_f32(queries[0], rows, k, inv_norms=inv_norms, mask=mask)
            many = zig.top_k_many_f32(queries, rows, k, inv_norms=inv_norms, mask=mask)
            numbers = _ranked(scores, k, mask)
            assert _same(one, (scores[numbers], numbers.astype(np.uint32)))
            assert _same(one, (many[0][0], many[1][0]))
            last = zig.top_k_f32(queries[-1], rows, k, inv_norms=inv_norms, mask=mask)
            assert _same(last, (many[0][-1], many[1][-1]))
            with_fma += [scores] if level != "baseline" else []
    finally:
        zig.select_isa(before)
    for scores in with_fma[1:]:
        assert np.array_equal(scores, with_fma[0], equal_nan=True)


@pytest.mark.parametrize("d", [127, 128, 129, 300, 767, 1_024, 1_537, 2_048, 2_049, 3_071, 4_097])
def test_long_rows_lie_within_the_tolerance(zig: ZigBackend, d: int) -> None:
    """Unit rows of up to 4,097 dimensions score within 1e-6, or 4 eps sqrt(d), of the truth."""
    random = np.random.default_rng(d)
    rows = random.standard_normal((23, d), dtype=np.float32)
    rows[9] = rows[4]
    query = rows[4] / np.float32(np.linalg.norm(rows[4]))
    inv_norms = zig.normalize_f32(rows)
    truth = (rows.astype(np.float64) @ query.astype(np.float64)) * inv_norms
    tolerance = max(1e-6, 4 * 2.0**-23 * d**0.5)
    for backend in (zig, NumpyBackend()):
        scores = backend.similarity_f32(query, rows, inv_norms=inv_norms)
        assert np.abs(scores - truth).max() <= tolerance
        best, numbers = backend.top_k_f32(query, rows, 3, inv_norms=inv_norms)
        assert numbers[:2].tolist() == [4, 9]
        assert abs(best[0] - truth[4]) <= tolerance
        vectors.check_against_reference(backend, query, rows[:6], 6, inv_norms[:6].copy())


@pytest.mark.parametrize("n", [4_095, 100_003])
@pytest.mark.parametrize("share", [None, 0.999])
def test_long_matrices_rank_as_sorting_does(zig: ZigBackend, n: int, share: float | None) -> None:
    """Integers are summed exactly, so the best of many rows are those a sort finds."""
    random = np.random.default_rng(n)
    rows = random.integers(-9, 10, (n, 5)).astype(np.float32)
    queries = random.integers(-9, 10, (3, 5)).astype(np.float32)
    mask = None
    if share is not None:
        mask = np.packbits(random.random(n) < share, bitorder="little")
    many = zig.top_k_many_f32(queries, rows, 25, mask=mask)
    for query, scores, numbers in zip(queries, *many, strict=True):
        truth = (rows.astype(np.float64) @ query).astype(np.float32)
        for k in (16, 17):
            expected = _ranked(truth, k, mask)
            found = zig.top_k_f32(query, rows, k, mask=mask)
            assert _same(found, (truth[expected], expected.astype(np.uint32)))
            assert _same(found, (scores[:k], numbers[:k]))


def test_matrices_larger_than_a_block_of_numpy_rank_as_sorting_does() -> None:
    """The numpy backend finds the same best rows in 100,003 as a sort, under masks too."""
    random = np.random.default_rng(3)
    rows = random.integers(-9, 10, (100_003, 16)).astype(np.float32)
    queries = random.integers(-9, 10, (2, 16)).astype(np.float32)
    for share in (0.01, 0.9):
        mask = np.packbits(random.random(len(rows)) < share, bitorder="little")
        many = NumpyBackend().top_k_many_f32(queries, rows, 12, mask=mask)
        for query, scores, numbers in zip(queries, *many, strict=True):
            truth = (rows.astype(np.float64) @ query).astype(np.float32)
            expected = _ranked(truth, 12, mask)
            assert _same((scores, numbers), (truth[expected], expected.astype(np.uint32)))


@pytest.mark.parametrize("shape", [(3_001, 300), (301, 2_500), (9_001, 260), (34_003, 260)])
def test_a_row_scores_the_same_in_a_matrix_of_any_size(
    zig: ZigBackend, shape: tuple[int, int]
) -> None:
    """Ways to read from a near cache, a far one and DRAM give the same bits, masked or not."""
    n, d = shape
    random = np.random.default_rng(d)
    few = random.standard_normal((97, d), dtype=np.float32)
    query = random.standard_normal(d, dtype=np.float32)
    rows = np.resize(few, shape)
    scores = np.resize(zig.similarity_f32(query, few), n)
    assert np.array_equal(zig.similarity_f32(query, rows), scores)
    mask = np.packbits(random.random(n) < 0.99, bitorder="little")
    for candidates in (None, mask):
        expected = _ranked(scores, 40, candidates)
        found = zig.top_k_f32(query, rows, 40, mask=candidates)
        assert _same(found, (scores[expected], expected.astype(np.uint32)))
