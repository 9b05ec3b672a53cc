"""The meaning of the word kernels: plain loops in float64, no case left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.words.arguments import check_scores, check_top_k

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.words.columns import WordColumns


class ReferenceWords:
    """Computes in Python floats and rounds each score once to float32."""

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
        ranked: list[tuple[float, int]] = []
        for row, score in _live_scores(columns, terms, repeats, cancel).items():
            if score > 0 and (mask is None or _is_set(mask, row)):
                ranked.append((-score, row))
        ranked.sort()
        best = ranked[:k]
        scores = np.array([-negated for negated, _ in best], np.float32)
        return scores, np.array([row for _, row in best], np.uint32)

    def bm25_scores(self, columns: WordColumns, terms: U32, repeats: U32, rows: U32) -> F32:
        """See `WordKernels.bm25_scores`."""
        check_scores(columns, terms, repeats, rows)
        by_row = _live_scores(columns, terms, repeats, None)
        return np.array([by_row.get(row, 0.0) for row in rows.tolist()], np.float32)


def _is_set(mask: U8, row: int) -> bool:
    return row // 8 < len(mask) and bool((int(mask[row // 8]) >> (row % 8)) & 1)


def _live_scores(
    columns: WordColumns, terms: U32, repeats: U32, cancel: CancelFlag | None
) -> dict[int, float]:
    """Return the score of each live row with a word of the cue, as float32 has it."""
    sums: dict[int, float] = {}
    for weight, postings in _heaviest_first(columns, terms, repeats):
        if cancel is not None:
            cancel.check()
        for row, tf in postings:
            length = int(columns.lengths[row])
            norm = 1 - columns.b + columns.b * length / columns.average_length
            part = weight * tf / (tf + columns.k1 * norm)
            sums[row] = sums.get(row, 0.0) + part
    if cancel is not None:
        cancel.check()
    dead = columns.dead
    return {
        row: float(np.float32(total))
        for row, total in sums.items()
        if dead is None or row >= dead.size or not dead[row]
    }


def _heaviest_first(
    columns: WordColumns, terms: U32, repeats: U32
) -> list[tuple[float, list[tuple[int, int]]]]:
    """Return for each word what it is worth, and its postings as (row, tf)."""
    words: list[tuple[float, list[tuple[int, int]]]] = []
    for term, asked in zip(terms.tolist(), repeats.tolist(), strict=True):
        postings: list[tuple[int, int]] = []
        for segment_terms, offsets, rows, tfs in columns.segments:
            for position, segment_term in enumerate(segment_terms.tolist()):
                if segment_term == term:
                    begin, end = offsets[position : position + 2].tolist()
                    postings += zip(rows[begin:end].tolist(), tfs[begin:end].tolist(), strict=True)
        df = len(postings)
        df -= int(columns.dead_df[term]) if term < len(columns.dead_df) else 0
        if df > 0:
            idf = math.log1p((columns.texts_count - df + 0.5) / (df + 0.5))
            weight = asked * idf * (columns.k1 + 1)
            if weight > 0:
                words.append((weight, postings))
    return sorted(words, key=lambda word: -word[0])
