"""What a reader sees of the word index: postings, counts and lengths at one moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.errors import check
from engram.retrieval.postings import flagged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.retrieval.postings import Segment
    from engram.retrieval.tokens import Tokenizer

DENSE_ROWS_PER_POSTING_MAX: Final = 4
"""Up to this many rows a posting, sums are kept in one column over the range of rows touched; above
it the touched rows are sorted first. Measured to break even at 3.5, at 100,000 rows and at 3 M."""

UNPACKED_ROWS_PER_ROW_MAX: Final = 12
"""Up to this many rows of the range for each row asked, a mask is unpacked whole; above it single
bits are tested. Measured to break even at 10 to 14, at 1 M rows."""


class _Piece(NamedTuple):
    """The postings of one word of the cue in one segment, and what the word is worth."""

    rows: NDArray[np.uint32]
    tfs: NDArray[np.uint16]
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WordView:
    """The word index at one moment. Never changes; any thread may read it.

    `terms` is shared with the writer: a term it learns later has no postings here.
    """

    tokenizer: Tokenizer
    terms: dict[str, int]
    segments: tuple[Segment, ...]
    lengths: NDArray[np.uint32]
    dead: NDArray[np.bool_] | None
    dead_df: NDArray[np.uint32]
    texts_count: int
    words_count: int
    k1: float
    b: float

    @property
    def row_count(self) -> int:
        """The first row that is not in the view."""
        return self.lengths.size

    def top_k(
        self, query: str, k: int, mask: NDArray[np.uint8] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
        """Return the scores f32[m] and rows u32[m] of the k best rows, m <= k, best first.

        Only rows with a positive score whose bit is set in `mask` (row r is bit r & 7 of byte
        r >> 3; rows beyond it are not set; None sets all). Equal scores come by row.
        """
        check(k >= 0, "k is not negative")
        pieces = self._pieces(query)
        if not pieces or k == 0:
            return np.empty(0, np.float32), np.empty(0, np.uint32)
        rows, scores = self._sums(pieces)
        keep = scores > 0
        if mask is not None:
            keep &= _bits(mask, rows)
        if self.dead is not None:
            keep &= ~flagged(self.dead, rows)
        found = np.flatnonzero(keep)
        return best(scores[found], rows[found], k)

    def scores(self, query: str, rows: NDArray[np.uint32]) -> NDArray[np.float32]:
        """Return the scores f32[m] of `rows` u32[m]; 0 for rows without a word of the cue."""
        wanted = np.asarray(rows, np.uint32)
        pieces = self._pieces(query)
        sums = np.zeros(wanted.size, np.float64)
        for piece in pieces if wanted.size else ():
            at = np.minimum(piece.rows.searchsorted(wanted), piece.rows.size - 1)
            hit = np.flatnonzero(piece.rows[at] == wanted)
            if hit.size:
                sums[hit] += self._parts(wanted[hit], piece.tfs[at[hit]], piece.weight)
        if self.dead is not None:
            sums[flagged(self.dead, wanted)] = 0
        return sums.astype(np.float32)

    def matched_terms(self, query: str, row: int) -> list[str]:
        """Return the words of the cue, folded and in order, that the text of `row` carries."""
        if self.dead is not None and row < self.dead.size and self.dead[row]:
            return []
        words: dict[int, str] = {}
        for word in self.tokenizer.query(query):
            term_id = self.terms.get(self.tokenizer.cached_term(word))
            if term_id is not None:
                words.setdefault(term_id, word)
        matched: list[str] = []
        for word, slices in zip(words.values(), self._slices(list(words)), strict=True):
            for rows, _ in slices:
                at = int(rows.searchsorted(np.uint32(row)))
                if at < rows.size and rows[at] == row:
                    matched.append(word)
        return matched

    def _slices(
        self, term_ids: list[int]
    ) -> list[list[tuple[NDArray[np.uint32], NDArray[np.uint16]]]]:
        """Return the postings of each term: rows and counts for each segment that has it."""
        found: list[list[tuple[NDArray[np.uint32], NDArray[np.uint16]]]] = [[] for _ in term_ids]
        ids = np.array(term_ids, np.uint32)
        for terms, offsets, rows, tfs in self.segments:
            at = np.minimum(terms.searchsorted(ids), terms.size - 1)
            begins, ends = offsets[at].tolist(), offsets[at + 1].tolist()
            for i in np.flatnonzero(terms[at] == ids).tolist():
                found[i].append((rows[begins[i] : ends[i]], tfs[begins[i] : ends[i]]))
        return found

    def _pieces(self, query: str) -> list[_Piece]:
        """Return the postings to sum, word after word, oldest rows first."""
        asked = Counter(map(self.tokenizer.cached_term, self.tokenizer.query(query)))
        known = {self.terms[term]: n for term, n in asked.items() if term in self.terms}
        pieces: list[_Piece] = []
        for (term_id, repeats), slices in zip(
            known.items(), self._slices(list(known)), strict=True
        ):
            df = sum(rows.size for rows, _ in slices)
            df -= int(self.dead_df[term_id]) if term_id < self.dead_df.size else 0
            if df > 0:
                weight = repeats * self._idf(df) * (self.k1 + 1)
                pieces += [_Piece(rows, tfs, weight) for rows, tfs in slices]
        return pieces

    def _idf(self, df: int) -> float:
        return float(np.log1p((self.texts_count - df + 0.5) / (df + 0.5)))

    def _parts(
        self,
        rows: NDArray[np.uint32] | NDArray[np.int64],
        tfs: NDArray[np.uint16],
        weights: NDArray[np.float64] | float,
    ) -> NDArray[np.float64]:
        """Return what each posting adds to the score of its row."""
        average = self.words_count / max(self.texts_count, 1)
        parts: NDArray[np.float64] = np.multiply(
            self.lengths[rows], self.k1 * self.b / average, dtype=np.float64
        )
        parts += self.k1 * (1 - self.b)
        counts = tfs.astype(np.float64)
        parts += counts
        np.divide(counts, parts, out=parts)
        parts *= weights
        return parts

    def _sums(self, pieces: list[_Piece]) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """Return the rows that carry a word of the cue, ascending, and their scores.

        Both ways add the parts of a row in float64 and in the order of the cue's words, so equal
        texts get equal scores.
        """
        rows = np.concatenate([piece.rows for piece in pieces]).astype(np.int64)
        tfs = np.concatenate([piece.tfs for piece in pieces])
        weights = np.repeat([p.weight for p in pieces], [p.rows.size for p in pieces])
        parts = self._parts(rows, tfs, weights)
        first, last = int(rows.min()), int(rows.max())
        if last - first < DENSE_ROWS_PER_POSTING_MAX * rows.size:
            rows -= first
            sums = np.bincount(rows, weights=parts)
            touched = np.flatnonzero(sums > 0)
            return (touched + first).astype(np.uint32), sums[touched].astype(np.float32)
        distinct, at = np.unique(rows, return_inverse=True)
        return distinct.astype(np.uint32), np.bincount(at, weights=parts).astype(np.float32)


def best(
    scores: NDArray[np.float32], rows: NDArray[np.uint32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Return the k highest of `scores` and their `rows`, best first, ties by row.

    `rows` are ascending.
    """
    if k < scores.size:
        threshold = np.partition(scores, scores.size - k)[scores.size - k]
        above = np.flatnonzero(scores >= threshold)
        scores, rows = scores[above], rows[above]
    order = np.argsort(-scores, kind="stable")[:k]
    return scores[order], rows[order]


def _bits(mask: NDArray[np.uint8], rows: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Return whether the bit of each row is set; bits beyond the mask are not."""
    if rows.size == 0 or mask.size == 0:
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
