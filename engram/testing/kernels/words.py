"""What the word kernels of every backend must do."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.cancel import CancelFlag
from engram.kernels.reference import ReferenceBackend
from engram.kernels.words.columns import WordColumns
from engram.model.errors import KernelCancelled, check
from engram.testing.kernels.refusals import check_refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from engram.kernels.arrays import U8, U32
    from engram.kernels.protocol import KernelBackend
    from engram.kernels.words.columns import SegmentColumns

_REFERENCE = ReferenceBackend()
_TOLERANCE: Final = 1e-6


def random_columns(
    random: np.random.Generator,
    rows_count: int,
    shares: Sequence[float],
    *,
    cuts: Sequence[int] = (),
    lengths: U32 | None = None,
    tf_max: int = 3,
    dead_share: float = 0.0,
    k1: float = 0.9,
    b: float = 0.4,
) -> WordColumns:
    """Return columns in which term i is in a `shares[i]` of the rows, in segments cut at `cuts`."""
    if lengths is None:
        lengths = random.integers(1, 60, rows_count).astype(np.uint32)
    dead = random.random(rows_count) < dead_share
    postings = []
    for share in shares:
        rows = np.flatnonzero(random.random(rows_count) < share).astype(np.uint32)
        postings.append((rows, random.integers(1, tf_max, rows.size, endpoint=True)))
    dead_df = np.array([dead[rows].sum() for rows, _ in postings], np.uint32)
    edges = [0, *sorted(cuts), rows_count]
    segments = []
    for first, end in itertools.pairwise(edges):
        parts = []
        for term, (rows, tfs) in enumerate(postings):
            inside = (rows >= first) & (rows < end)
            if inside.any():
                parts.append((term, rows[inside], tfs[inside]))
        if parts:
            segments.append(_segment(parts))
    return WordColumns(
        segments,
        lengths,
        dead=dead if dead_share else None,
        dead_df=dead_df,
        texts_count=int((~dead).sum()),
        words_count=max(int(lengths[~dead].sum()), int((~dead).sum())),
        k1=k1,
        b=b,
    )


def check_search(
    backend: KernelBackend,
    columns: WordColumns,
    terms: Sequence[int],
    k: int,
    *,
    repeats: Sequence[int] | None = None,
    mask: U8 | None = None,
) -> None:
    """Compare one search, and the scores of all rows, with the reference.

    Rows whose scores differ by less than the tolerance may change places.
    """
    asked = np.array(terms, np.uint32)
    times = np.array(repeats if repeats is not None else [1] * len(terms), np.uint32)
    scores, rows = backend.bm25_top_k(columns, asked, times, k, mask=mask)
    check(scores.dtype == np.float32 and rows.dtype == np.uint32, "results have their dtypes")
    every_row = np.arange(columns.lengths.size, dtype=np.uint32)
    own = backend.bm25_scores(columns, asked, times, every_row)
    meant = _REFERENCE.bm25_scores(columns, asked, times, every_row)
    check(own.dtype == np.float32, "scores have their dtype")
    check(bool(np.allclose(own, meant, rtol=_TOLERANCE, atol=0)), "scores are the reference's")
    candidates = own > 0
    if mask is not None:
        bits = np.zeros(own.size, bool)
        known = np.unpackbits(mask, bitorder="little")[: own.size]
        bits[: known.size] = known
        candidates &= bits
    found = np.flatnonzero(candidates)
    best = found[np.lexsort((found, -own[found]))][:k]
    check(rows.tolist() == best.tolist(), "the best rows are listed in order, ties by row")
    check(scores.tolist() == own[best].tolist(), "the search scores as the scores of rows do")


def check_shares(backend: KernelBackend) -> None:
    """Check words of few rows, of most and of all, alone and together, k from 1 to past the end."""
    random = np.random.default_rng(11)
    columns = random_columns(random, 900, [0.0, 0.005, 0.05, 0.3, 0.9, 1.0], cuts=[500, 700])
    for terms in ([0], [1], [4], [5], [5, 1], [1, 2, 3], [0, 1, 2, 3, 4, 5], [5, 4], [9]):
        for k in (1, 3, 40, 900, 10**9):
            check_search(backend, columns, terms, k)


def check_repeats(backend: KernelBackend) -> None:
    """Check that words the cue repeats, and words of high tf, count as often as they should."""
    random = np.random.default_rng(12)
    columns = random_columns(random, 300, [0.1, 0.5, 0.9], tf_max=0xFFFF)
    for repeats in ([1, 1, 1], [1, 50, 1], [1000, 1, 3]):
        for k in (1, 10, 300):
            check_search(backend, columns, [0, 1, 2], k, repeats=repeats)


def check_parameters(backend: KernelBackend) -> None:
    """Check the ends of k1 and b, and texts of no, one and very many words."""
    random = np.random.default_rng(13)
    lengths = random.choice(np.array([0, 1, 40, 2**32 - 1], np.uint32), 200)
    for k1 in (0.0, 0.9, 1e6):
        for b in (0.0, 0.4, 1.0):
            columns = random_columns(random, 200, [0.1, 0.6], lengths=lengths, k1=k1, b=b)
            for k in (1, 20, 200):
                check_search(backend, columns, [0, 1], k)


def check_removed_and_masked(backend: KernelBackend) -> None:
    """Check dead rows, and masks of none, some and all rows, shorter and longer than the rows."""
    random = np.random.default_rng(14)
    for dead_share in (0.0, 0.3, 1.0):
        columns = random_columns(
            random, 500, [0.05, 0.4, 0.8], cuts=[100, 101, 400], dead_share=dead_share
        )
        for bits in (0, 9, 490, 500, 700):
            for share in (0.0, 0.1, 1.0):
                mask = np.packbits(random.random(bits) < share, bitorder="little")
                for k in (1, 30, 500):
                    check_search(backend, columns, [2, 0, 1], k, mask=mask)


def check_word_ties(backend: KernelBackend) -> None:
    """Check that equal texts tie exactly and fall by row, in whatever segment they are."""
    for step in (7, 97):
        _check_ties_of_every(step, backend)


def _check_ties_of_every(step: int, backend: KernelBackend) -> None:
    """Search 5,000 equal texts of which each `step`-th has one more word in common."""
    rows_count = 5000
    segments = []
    for first, end in ((0, 2100), (2100, 2101), (2101, rows_count)):
        rows: U32 = np.arange(first, end, dtype=np.uint32)
        some = rows[rows % step == 0]
        parts = [(0, rows, np.ones(rows.size, np.int64))]
        if some.size:
            parts.append((1, some, np.full(some.size, 2)))
        segments.append(_segment(parts))
    columns = _columns(segments, np.full(rows_count, 9, np.uint32))
    one = np.ones(1, np.uint32)
    for terms, apart in ((np.array([0], np.uint32), 1), (np.array([0, 1], np.uint32), step)):
        scores, found = backend.bm25_top_k(columns, terms, one.repeat(terms.size), 25)
        check(found.tolist() == list(range(0, 25 * apart, apart)), "equal scores fall by row")
        check(len(set(scores.tolist())) == 1, "equal texts have equal scores")
    everything = backend.bm25_top_k(columns, np.array([0, 1], np.uint32), one.repeat(2), rows_count)
    check(len(set(everything[0].tolist())) == 2, "two kinds of text have two scores")  # noqa: PLR2004


def check_given_rows(backend: KernelBackend) -> None:
    """Check scores of rows in any order, repeated, past the last and far too many for one go."""
    random = np.random.default_rng(15)
    columns = random_columns(random, 400, [0.02, 0.5], cuts=[90, 300], dead_share=0.2)
    terms, repeats = np.array([1, 0], np.uint32), np.array([1, 2], np.uint32)
    rows = random.integers(0, 450, 3000).astype(np.uint32)
    meant = _REFERENCE.bm25_scores(columns, terms, repeats, rows)
    own = backend.bm25_scores(columns, terms, repeats, rows)
    check(bool(np.allclose(own, meant, rtol=_TOLERANCE, atol=0)), "any row has its score")
    none = backend.bm25_scores(columns, terms, repeats, rows[:0])
    check(none.shape == (0,), "no rows have no scores")
    unasked = backend.bm25_scores(columns, terms[:0], repeats[:0], rows)
    check(not unasked.any(), "no words give no score")


def check_nothing(backend: KernelBackend) -> None:
    """Check an index of nothing, and a cue of nothing."""
    empty = _columns([], np.zeros(0, np.uint32))
    terms = np.array([0, 7], np.uint32)
    scores, rows = backend.bm25_top_k(empty, terms, terms, 3)
    check(scores.size == rows.size == 0, "an empty index finds nothing")
    check(backend.bm25_scores(empty, terms, terms, terms).tolist() == [0, 0], "nor scores a row")
    columns = random_columns(np.random.default_rng(16), 50, [0.5])
    scores, rows = backend.bm25_top_k(columns, terms[:0], terms[:0], 3)
    check(scores.size == rows.size == 0, "an empty cue finds nothing")


def check_word_refusals(backend: KernelBackend) -> None:
    """Check that each mistake is refused in a sentence that names the argument."""
    columns = random_columns(np.random.default_rng(17), 50, [0.5])
    ids = np.zeros(1, np.uint32)
    mask = np.zeros(9, np.uint8)
    calls: list[tuple[str, Callable[[], object]]] = [
        ("columns", lambda: backend.bm25_top_k(None, ids, ids, 1)),  # type: ignore[arg-type]
        ("terms", lambda: backend.bm25_top_k(columns, ids.astype(np.int64), ids, 1)),
        ("terms", lambda: backend.bm25_top_k(columns, [0], ids, 1)),  # type: ignore[arg-type]
        ("repeats", lambda: backend.bm25_top_k(columns, ids, ids[:0], 1)),
        ("repeats", lambda: backend.bm25_top_k(columns, ids, ids[:, None], 1)),
        ("k", lambda: backend.bm25_top_k(columns, ids, ids, 0)),
        ("k", lambda: backend.bm25_top_k(columns, ids, ids, 1.5)),  # type: ignore[arg-type]
        ("mask", lambda: backend.bm25_top_k(columns, ids, ids, 1, mask=mask.view(np.bool_))),
        ("mask", lambda: backend.bm25_top_k(columns, ids, ids, 1, mask=mask[::2])),
        ("rows", lambda: backend.bm25_scores(columns, ids, ids, ids.astype(np.int32))),
        ("lengths", lambda: _columns([], mask)),  # type: ignore[arg-type]
    ]
    for argument, call in calls:
        check_refused(argument, call)


def check_search_cancelled(backend: KernelBackend) -> None:
    """Check that a set flag stops a search, and that one that is not set changes nothing."""
    columns = random_columns(np.random.default_rng(18), 300, [0.5, 0.1])
    terms, repeats = np.array([0, 1], np.uint32), np.ones(2, np.uint32)
    flag = CancelFlag()
    plain = backend.bm25_top_k(columns, terms, repeats, 9)
    flagged = backend.bm25_top_k(columns, terms, repeats, 9, cancel=flag)
    check(np.array_equal(plain[1], flagged[1]), "a flag that is not set changes nothing")
    try:
        backend.bm25_top_k(columns, terms, repeats, 9, cancel=flag.set())
    except KernelCancelled:
        return
    check(condition=False, sentence="a set flag stops the search")


def _segment(parts: Sequence[tuple[int, U32, NDArray[np.int64]]]) -> SegmentColumns:
    """Return a segment of (term, rows, tfs)."""
    sizes = [rows.size for _, rows, _ in parts]
    return (
        np.array([term for term, _, _ in parts], np.uint32),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate([rows for _, rows, _ in parts]).astype(np.uint32),
        np.concatenate([tfs for _, _, tfs in parts]).astype(np.uint16),
    )


def _columns(segments: list[SegmentColumns], lengths: U32) -> WordColumns:
    return WordColumns(
        segments,
        lengths,
        dead=None,
        dead_df=np.zeros(0, np.uint32),
        texts_count=lengths.size,
        words_count=int(lengths.sum()),
        k1=0.9,
        b=0.4,
    )


CHECKS = (
    check_shares,
    check_repeats,
    check_parameters,
    check_removed_and_masked,
    check_word_ties,
    check_given_rows,
    check_nothing,
    check_word_refusals,
    check_search_cancelled,
)
