"""What the vector kernels of every backend must do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.cancel import CancelFlag
from engram.kernels.reference import ReferenceBackend
from engram.kernels.vectors.protocol import ROW_NORM_MAX, ROW_NORM_MIN
from engram.model.errors import KernelCancelled, check
from engram.testing.kernels.refusals import check_refused

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U8
    from engram.kernels.protocol import KernelBackend

_LANES_MAX = 32
_REFERENCE = ReferenceBackend()


def check_against_reference(
    backend: KernelBackend,
    query: F32,
    rows: F32,
    k: int,
    inv_norms: F32 | None = None,
    mask: U8 | None = None,
) -> None:
    """Compare one call with the reference, within the tolerance of the protocol.

    Rows whose scores differ by less than the tolerance may change places.
    """
    scores, numbers = backend.top_k_f32(query, rows, k, inv_norms=inv_norms, mask=mask)
    all_scores, all_rows = _REFERENCE.top_k_f32(
        query, rows, max(1, len(rows)), inv_norms=inv_norms, mask=mask
    )
    expected = all_scores[:k]
    check(scores.dtype == np.float32 and numbers.dtype == np.uint32, "results have their dtypes")
    check(len(scores) == len(numbers) == len(expected), "m is min(k, candidates)")
    check(len(set(numbers.tolist())) == len(numbers), "no row is listed twice")
    by_row = dict(zip(all_rows.tolist(), all_scores.tolist(), strict=True))
    check(set(numbers.tolist()) <= set(by_row), "only candidates are listed")
    own = np.array([by_row[row] for row in numbers.tolist()], np.float32)
    limits = _tolerances(query, rows[numbers], None if inv_norms is None else inv_norms[numbers])
    limit = float(np.max(limits, initial=0.0))
    check(_are_near(scores, own, limits), "each score is that of its row")
    check(_are_near(scores, expected, np.full(len(scores), 2 * limit)), "the best rows are listed")
    _check_order(scores, numbers.astype(np.int64))


def check_dimensions(backend: KernelBackend) -> None:
    """Check d from 1 to three times the widest vector and one more."""
    random = np.random.default_rng(1)
    for d in range(1, 3 * _LANES_MAX + 2):
        rows = random.standard_normal((9, d), dtype=np.float32)
        check_against_reference(backend, rows[4].copy(), rows, 5)
        check_against_reference(backend, _unit(rows[4]), rows, 5, backend.normalize_f32(rows))


def check_row_counts(backend: KernelBackend) -> None:
    """Check n around the block sizes, k up to past n, and more rows than one numpy block."""
    random = np.random.default_rng(2)
    query = _unit(random.standard_normal(5, dtype=np.float32))
    for n in (0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 33, 63, 64, 65, 127, 129):
        rows = random.standard_normal((n, 5), dtype=np.float32)
        for k in {1, max(1, n - 1), n + 1, 10**9}:
            check_against_reference(backend, query, rows, k, backend.normalize_f32(rows))
    wide = np.zeros((70, 70_000), np.float32)
    wide[:, :3] = random.standard_normal((70, 3), dtype=np.float32)
    check_against_reference(backend, wide[7].copy(), wide, 9)


def check_ties(backend: KernelBackend) -> None:
    """Check that equal rows tie exactly and fall by position, wherever they stand."""
    random = np.random.default_rng(3)
    for d in (3, 17, 33, 100):
        row = random.standard_normal(d, dtype=np.float32)
        query = _unit(random.standard_normal(d, dtype=np.float32))
        rows = np.tile(row, (203, 1))
        for inv_norms in (None, backend.normalize_f32(rows)):
            scores, numbers = backend.top_k_f32(query, rows, 11, inv_norms=inv_norms)
            check(numbers.tolist() == list(range(11)), "ties fall by position")
            check(len(set(scores.tolist())) == 1, "equal rows have equal scores")
        mask = _mask(np.arange(203) % 3 == 1)
        _, numbers = backend.top_k_f32(query, rows, 5, mask=mask)
        check(numbers.tolist() == [1, 4, 7, 10, 13], "ties fall by position under a mask")
    zeros = np.zeros((6, 2), np.float32)
    zeros[::2] = -0.0
    _, numbers = backend.top_k_f32(np.ones(2, np.float32), zeros, 6)
    check(numbers.tolist() == [0, 1, 2, 3, 4, 5], "zero ties with minus zero")


def check_non_finite(backend: KernelBackend) -> None:
    """Check that infinities rank by value and NaN last, by position."""
    values = [1.0, np.nan, np.inf, -np.inf, np.nan, 2.0, 1.0, -3.0]
    rows = np.array(values, np.float32)[:, None]
    query = np.ones(1, np.float32)
    expected = [2, 5, 0, 6, 7, 3, 1, 4]
    for k in range(1, len(values) + 1):
        _, numbers = backend.top_k_f32(query, rows, k)
        check(numbers.tolist() == expected[:k], "infinities rank by value, NaN last")
    inv_norms = backend.normalize_f32(rows)
    _, numbers = backend.top_k_f32(query, rows, 8, inv_norms=inv_norms)
    check(numbers.tolist() == [0, 5, 6, 7, 1, 2, 3, 4], "rows that are not finite rank last")
    _, numbers = backend.top_k_f32(np.full(1, np.nan, np.float32), rows, 3)
    check(numbers.tolist() == [0, 1, 2], "a NaN query ranks by position")


def check_extremes(backend: KernelBackend) -> None:
    """Check zero, very short and very long rows."""
    random = np.random.default_rng(4)
    rows = random.standard_normal((24, 40), dtype=np.float32)
    rows[0] = 0.0
    rows[1] *= np.float32(1e-42)
    rows[2] *= np.float32(1e-28)
    rows[3] *= np.float32(1e36)
    query = _unit(rows[5])
    check_against_reference(backend, query, rows, 24, backend.normalize_f32(rows))
    check_against_reference(backend, np.zeros(40, np.float32), rows, 24)


def check_masks(backend: KernelBackend) -> None:
    """Check masks of none, all and some; bits past the last row are ignored."""
    random = np.random.default_rng(5)
    for n in (1, 8, 63, 64, 65, 200):
        rows = random.standard_normal((n, 19), dtype=np.float32)
        query = _unit(random.standard_normal(19, dtype=np.float32))
        inv_norms = backend.normalize_f32(rows)
        for share in (0.0, 0.05, 0.5, 0.95, 1.0):
            mask = _mask(random.random(n) < share)
            check_against_reference(backend, query, rows, 7, inv_norms, mask)
        full = np.full((n + 7) // 8, 255, np.uint8)
        check_against_reference(backend, query, rows, n + 9, None, full)


def check_unaligned(backend: KernelBackend) -> None:
    """Check inputs that start at every float offset of a cache line, and that none is written."""
    random = np.random.default_rng(6)
    for offset in range(17):
        storage = random.standard_normal(offset + 21 * 35, dtype=np.float32)
        before = storage.copy()
        rows = storage[offset:].reshape(21, 35)
        check_against_reference(backend, rows[3], rows, 6, backend.normalize_f32(rows))
        check(np.array_equal(storage, before), "inputs are not written")


def check_norms(backend: KernelBackend) -> None:
    """Check inverse norms, and what counts as no row at all."""
    random = np.random.default_rng(7)
    for d in (1, 2, 15, 16, 17, 64, 301):
        rows = random.standard_normal((5, d), dtype=np.float32)
        near = np.allclose(
            backend.normalize_f32(rows), _REFERENCE.normalize_f32(rows), rtol=2e-7, atol=0
        )
        check(near, "inverse norms are those of the reference")
    edges = [0.0, ROW_NORM_MIN / 2, ROW_NORM_MIN, ROW_NORM_MAX, np.nan, np.inf, -np.inf, 1e-45]
    rows = np.array(edges, np.float32)[:, None]
    own, meant = backend.normalize_f32(rows), _REFERENCE.normalize_f32(rows)
    check(np.array_equal(own, meant, equal_nan=True), "edge norms are those of the reference")
    too_long = np.full((1, 4), ROW_NORM_MAX, np.float32)
    check(bool(np.isnan(backend.normalize_f32(too_long)[0])), "a row too long has no norm")


def check_refusals(backend: KernelBackend) -> None:
    """Check that each mistake is refused in a sentence that names the argument."""
    query, rows = np.ones(4, np.float32), np.ones((9, 4), np.float32)
    calls: list[tuple[str, tuple[object, ...], dict[str, object]]] = [
        ("quer", (query.astype(np.float64), rows, 1), {}),
        ("quer", ([1.0] * 4, rows, 1), {}),
        ("quer", (query[:3].copy(), rows, 1), {}),
        ("rows", (query, rows[:, ::2], 1), {}),
        ("rows", (query, rows[0], 1), {}),
        ("k", (query, rows, 0), {}),
        ("k", (query, rows, 1.5), {}),
        ("inv_norms", (query, rows, 1), {"inv_norms": np.ones(8, np.float32)}),
        ("mask", (query, rows, 1), {"mask": np.ones(1, np.uint8)}),
        ("mask", (query, rows, 1), {"mask": np.ones(9, np.bool_)}),
    ]
    for argument, positional, named in calls:
        check_refused(argument, backend.top_k_f32, *positional, **named)
        many = positional if argument == "quer" else (query[None], *positional[1:])
        check_refused(argument, backend.top_k_many_f32, *many, **named)
    outs = (np.ones(8, np.float32), np.ones(9, np.float64), np.ones(18, np.float32)[::2])
    for out in outs:
        check_refused("out", backend.similarity_f32, query, rows, out=out)
    outs[0].flags.writeable = False
    check_refused("out", backend.similarity_f32, query, rows[:8], out=outs[0])
    check_refused("query", backend.similarity_f32, rows, rows)


def check_many(backend: KernelBackend) -> None:
    """Check that each of several queries gets what it gets alone, whatever the tiles."""
    random = np.random.default_rng(9)
    for queries_count, n, d, k in (
        (0, 9, 3, 2),
        (1, 0, 3, 2),
        (1, 37, 5, 4),
        (3, 130, 19, 7),
        (4, 16, 16, 200),
        (5, 67, 33, 1),
        (9, 200, 8, 10),
    ):
        rows = random.standard_normal((n, d), dtype=np.float32)
        rows[n - n // 2 :] = rows[: n // 2]  # ties
        rows[n // 3 : n // 3 + 1] = np.nan
        queries = random.standard_normal((queries_count, d), dtype=np.float32)
        half = _mask(random.random(n) < 0.5)  # noqa: PLR2004
        for inv_norms in (None, backend.normalize_f32(rows)):
            for mask in (None, half, np.zeros_like(half)):
                _check_one_many(backend, queries, rows, k, inv_norms, mask)


def _check_one_many(
    backend: KernelBackend, queries: F32, rows: F32, k: int, inv_norms: F32 | None, mask: U8 | None
) -> None:
    scores, numbers = backend.top_k_many_f32(queries, rows, k, inv_norms=inv_norms, mask=mask)
    check(scores.dtype == np.float32 and numbers.dtype == np.uint32, "results have their dtypes")
    check(scores.shape == numbers.shape, "there is a score for each row")
    check(len(scores) == len(queries), "there is an answer for each query")
    for query, own_scores, own in zip(queries, scores, numbers, strict=True):
        alone, alone_numbers = backend.top_k_f32(query, rows, k, inv_norms=inv_norms, mask=mask)
        check(np.array_equal(own, alone_numbers), "each query gets the rows it gets alone")
        check(np.array_equal(own_scores, alone, equal_nan=True), "and their scores")


def check_similarity(backend: KernelBackend) -> None:
    """Check that every row gets its score, in order, into a new array or into `out`."""
    random = np.random.default_rng(10)
    for n, d in ((0, 3), (1, 1), (7, 15), (64, 16), (203, 33), (3, 70_000)):
        rows = random.standard_normal((n, d), dtype=np.float32)
        rows[n - n // 2 :] = rows[: n // 2]
        query = _unit(random.standard_normal(d, dtype=np.float32))
        for inv_norms in (None, backend.normalize_f32(rows)):
            scores = backend.similarity_f32(query, rows, inv_norms=inv_norms)
            meant = _REFERENCE.similarity_f32(query, rows, inv_norms=inv_norms)
            check(scores.dtype == np.float32 and scores.shape == (n,), "there is a score a row")
            check(_are_near(scores, meant, _tolerances(query, rows, inv_norms)), "of that row")
            halves = np.array_equal(scores[n - n // 2 :], scores[: n // 2])
            check(halves, "equal rows have equal scores")
            out = np.full(n, np.nan, np.float32)
            same = backend.similarity_f32(query, rows, inv_norms=inv_norms, out=out)
            check(same is out and np.array_equal(out, scores), "`out` is written and returned")


def check_similarity_at(backend: KernelBackend) -> None:
    """Check the scores of rows of several pages, in any order, some of them twice; and refusals."""
    random = np.random.default_rng(11)
    for n, d, page_rows in ((1, 3, 1), (9, 15, 4), (64, 16, 64), (203, 33, 50)):
        rows = random.standard_normal((n, d), dtype=np.float32)
        query, inv_norms = (
            _unit(random.standard_normal(d, dtype=np.float32)),
            np.empty(n, np.float32),
        )
        inv_norms[:] = backend.normalize_f32(rows)
        starts = range(0, n, page_rows)
        pages = [(rows[at : at + page_rows], inv_norms[at : at + page_rows]) for at in starts]
        alone = backend.similarity_f32(query, rows, inv_norms=inv_norms)
        for count in (0, 1, 5, 700):
            numbers = random.integers(0, n, count).astype(np.uint32)
            scores = backend.similarity_at_f32(query, pages, page_rows, numbers)
            check(scores.dtype == np.float32, "scores have their dtype")
            check(_are_near(scores, alone[numbers], _tolerances(query, rows, inv_norms)[numbers]),
                  "each is that of its row")  # fmt: skip
            _, first = np.unique(numbers, return_index=True)
            again = scores[first][np.searchsorted(numbers[first], numbers)]
            check(np.array_equal(scores, again), "a row has one score wherever it is asked for")
        beyond = np.array([0, n], np.uint32)
        wide, score_at = beyond.astype(np.int64), backend.similarity_at_f32
        check_refused("numbers", score_at, query, pages, page_rows, beyond)
        check_refused("numbers", score_at, query, pages, page_rows, wide)
        check_refused("numbers", score_at, query, [], page_rows, beyond[:1])
        check_refused("page_rows", score_at, query, pages, 0, beyond[:1])
        check_refused("query", score_at, query.astype(np.float64), pages, page_rows, beyond[:1])
        check_refused("page 0", score_at, query, [*pages, *pages], page_rows + 1, beyond[:1])


def check_cancelled(backend: KernelBackend) -> None:
    """Check that a set flag stops a scan, and that one that is not set changes nothing."""
    rows = np.random.default_rng(8).standard_normal((300, 8), dtype=np.float32)
    flag = CancelFlag()
    plain = backend.top_k_f32(rows[2], rows, 5)
    flagged = backend.top_k_f32(rows[2], rows, 5, cancel=flag)
    check(np.array_equal(plain[1], flagged[1]), "a flag that is not set changes nothing")
    flag.set()
    for call in (
        lambda: backend.top_k_f32(rows[2], rows, 5, cancel=flag),
        lambda: backend.top_k_many_f32(rows[2:4], rows, 5, cancel=flag),
        lambda: backend.similarity_f32(rows[2], rows, cancel=flag),
    ):
        try:
            call()
        except KernelCancelled:
            continue
        check(condition=False, sentence="a set flag stops the scan")


def _check_order(scores: F32, numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    order = np.lexsort((numbers, -scores))
    check(np.array_equal(order, np.arange(len(scores))), "best first, ties by row, NaN last")


def _tolerances(
    query: F32, rows: F32, inv_norms: F32 | None
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the tolerance of each row's score (spec of the protocol, rule 1)."""
    with np.errstate(all="ignore"):
        sums = np.abs(rows.astype(np.float64) * query.astype(np.float64)).sum(axis=1)
    if inv_norms is None:
        limits = 1e-6 * sums
    else:
        limits = np.full(len(rows), max(1e-6, 4 * 2.0**-23 * float(np.sqrt(rows.shape[1]))))
    finite: np.ndarray[tuple[int], np.dtype[np.float64]] = np.nan_to_num(limits, posinf=0.0)
    return finite


def _are_near(own: F32, meant: F32, limits: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    with np.errstate(all="ignore"):
        near = np.abs(own.astype(np.float64) - meant) <= limits
    return bool(np.all(near | (own == meant) | (np.isnan(own) & np.isnan(meant))))


def _unit(vector: F32) -> F32:
    unit: F32 = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def _mask(candidates: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> U8:
    return np.packbits(candidates, bitorder="little")


CHECKS = (
    check_dimensions,
    check_row_counts,
    check_ties,
    check_non_finite,
    check_extremes,
    check_masks,
    check_unaligned,
    check_norms,
    check_refusals,
    check_many,
    check_similarity,
    check_similarity_at,
    check_cancelled,
)
