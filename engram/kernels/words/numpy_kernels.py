"""The word kernels in numpy: always there, bounded in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.kernels.words.arguments import check_scores, check_top_k
from engram.kernels.words.columns import flagged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, F64, U8, U16, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.words.columns import WordColumns

DENSE_ROWS_PER_POSTING_MAX: Final = 4
"""Up to this many rows a posting, sums are kept in one column over the range of rows touched; above
it the touched rows are sorted first. Measured to break even at 3.5, at 100,000 rows and at 3 M."""

UNPACKED_ROWS_PER_ROW_MAX: Final = 12
"""Up to this many rows of the range for each row asked, a mask is unpacked whole; above it single
bits are tested. Measured to break even at 10 to 14, at 1 M rows."""

_POSTINGS_AT_ONCE: Final = 1 << 20
"""Postings added up at once, ~60 bytes each for a moment."""


class _Piece(NamedTuple):
    """The postings of one word of the cue in one segment, and what the word is worth."""

    rows: U32
    tfs: U16
    weight: float


class NumpyWords:
    """Sums by `bincount` over ranges of rows; the best by a partition of the touched rows."""

    def bm25_top_k(
        self,
        columns: WordColumns,
        terms: U32,
        repeats: U32,
        k: int,
        *,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `WordKernels.bm25_top_k`."""
        check_top_k(columns, terms, repeats, k, mask)
        best_scores, best_rows = np.empty(0, np.float32), np.empty(0, np.uint32)
        for pieces in _ranges(_pieces(columns, terms, repeats)):
            if cancel is not None:
                cancel.check()
            rows, scores = _sums(columns, pieces)
            keep = scores > 0
            if mask is not None:
                keep &= _bits(mask, rows)
            if columns.dead is not None:
                keep &= ~flagged(columns.dead, rows)
            found = np.flatnonzero(keep)
            best_scores, best_rows = _best(
                np.concatenate([best_scores, scores[found]]),
                np.concatenate([best_rows, rows[found]]),
                k,
            )
        if cancel is not None:
            cancel.check()
        return best_scores, best_rows

    def bm25_scores(self, columns: WordColumns, terms: U32, repeats: U32, rows: U32) -> F32:
        """See `WordKernels.bm25_scores`."""
        check_scores(columns, terms, repeats, rows)
        sums = np.zeros(rows.size, np.float64)
        for piece in _pieces(columns, terms, repeats) if rows.size else ():
            at = np.minimum(piece.rows.searchsorted(rows), piece.rows.size - 1)
            hit = np.flatnonzero(piece.rows[at] == rows)
            if hit.size:
                sums[hit] += _parts(columns, rows[hit], piece.tfs[at[hit]], piece.weight)
        if columns.dead is not None:
            sums[flagged(columns.dead, rows)] = 0
        return sums.astype(np.float32)


def _pieces(columns: WordColumns, terms: U32, repeats: U32) -> list[_Piece]:
    """Return the postings to sum, the heaviest word first, each word's oldest rows first."""
    words: list[list[_Piece]] = []
    for term, asked, slices in zip(
        terms.tolist(), repeats.tolist(), columns.slices(terms), strict=True
    ):
        df = columns.df(term, slices)
        if df > 0:
            idf = float(np.log1p((columns.texts_count - df + 0.5) / (df + 0.5)))
            weight = asked * idf * (columns.k1 + 1)
            if weight > 0:
                words.append([_Piece(rows, tfs, weight) for rows, tfs in slices])
    words.sort(key=lambda pieces: -pieces[0].weight)
    return [piece for pieces in words for piece in pieces]


def _ranges(pieces: list[_Piece]) -> list[list[_Piece]]:
    """Return the pieces cut at the same rows, so that no cut holds much over what is allowed."""
    total = sum(piece.rows.size for piece in pieces)
    if total <= _POSTINGS_AT_ONCE:
        return [pieces] if pieces else []
    cuts = -(-total // _POSTINGS_AT_ONCE)
    last = max(int(piece.rows[-1]) for piece in pieces) + 1
    edges = np.linspace(0, last, cuts + 1).astype(np.uint32)
    at = [piece.rows.searchsorted(edges).tolist() for piece in pieces]
    ranges = [
        [
            _Piece(piece.rows[own[i] : own[i + 1]], piece.tfs[own[i] : own[i + 1]], piece.weight)
            for piece, own in zip(pieces, at, strict=True)
            if own[i] < own[i + 1]
        ]
        for i in range(cuts)
    ]
    return [cut for cut in ranges if cut]


def _parts(columns: WordColumns, rows: NDArray[np.generic], tfs: U16, weights: F64 | float) -> F64:
    """Return what each posting adds to the score of its row."""
    by_length = columns.k1 * columns.b / columns.average_length
    parts: F64 = np.multiply(columns.lengths[rows], by_length, dtype=np.float64)
    parts += columns.k1 * (1 - columns.b)
    counts = tfs.astype(np.float64)
    parts += counts
    np.divide(counts, parts, out=parts)
    parts *= weights
    return parts


def _sums(columns: WordColumns, pieces: list[_Piece]) -> tuple[U32, F32]:
    """Return the rows that carry a word of the cue, ascending, and their scores.

    Both ways add the parts of a row in float64 and in the order of the pieces, so equal texts get
    equal scores.
    """
    rows = np.concatenate([piece.rows for piece in pieces]).astype(np.int64)
    tfs = np.concatenate([piece.tfs for piece in pieces])
    weights = np.repeat([p.weight for p in pieces], [p.rows.size for p in pieces])
    parts = _parts(columns, rows, tfs, weights)
    first, last = int(rows.min()), int(rows.max())
    if last - first < DENSE_ROWS_PER_POSTING_MAX * rows.size:
        rows -= first
        sums = np.bincount(rows, weights=parts)
        touched = np.flatnonzero(sums > 0)
        return (touched + first).astype(np.uint32), sums[touched].astype(np.float32)
    distinct, at = np.unique(rows, return_inverse=True)
    return distinct.astype(np.uint32), np.bincount(at, weights=parts).astype(np.float32)


def _best(scores: F32, rows: U32, k: int) -> tuple[F32, U32]:
    """Return the k highest of `scores` and their `rows`, best first, ties in the order given."""
    if k < scores.size:
        threshold = np.partition(scores, scores.size - k)[scores.size - k]
        above = np.flatnonzero(scores >= threshold)
        scores, rows = scores[above], rows[above]
    order = np.argsort(-scores, kind="stable")[:k]
    return scores[order], rows[order]


def _bits(mask: U8, rows: U32) -> NDArray[np.bool_]:
    """Return whether the bit of each row is set; bits beyond the mask are not."""
    # numpy unpacks bits past the end of nothing to whatever lay in the memory before.
    if rows.size == 0 or int(rows[0]) >> 3 >= mask.size:
        return np.zeros(rows.size, np.bool_)
    first = int(rows[0]) & ~7
    span = int(rows[-1]) + 1 - first
    if span <= rows.size * UNPACKED_ROWS_PER_ROW_MAX:
        bits = np.unpackbits(mask[first >> 3 :], count=span, bitorder="little")
        return np.asarray(bits.view(np.bool_)[rows - np.uint32(first)], np.bool_)
    at = rows >> np.uint32(3)
    inside = at < mask.size
    at[~inside] = 0
    bit = (mask[at] >> (rows & np.uint32(7)).astype(np.uint8)) & np.uint8(1)
    return np.asarray(inside & (bit == 1), np.bool_)
