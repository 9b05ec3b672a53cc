"""What the word kernels promise.

The score of a row is the sum over the words of the cue of

    repeats * idf * (k1 + 1) * tf / (tf + k1 * (1 - b + b * length / average length))
    idf = ln(1 + (N - df + 0.5) / (df + 0.5))

(Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009; the idf
of Lucene). N counts the live texts and df those of them with the word; a word for which that is not
positive is left out.

Rule 1: the parts of a row are added in float64, those of the heaviest word first (repeats * idf;
        equals in the cue's order), and the sum is rounded once: equal texts tie exactly, and
        `bm25_scores` gives the very scores of `bm25_top_k`.
Rule 2: a score lies within 1e-6 of the reference's, relative.
Rule 3: only rows with a score above 0 are found; best first, equal scores by lower row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.words.columns import WordColumns


class WordKernels(Protocol):
    """Kernels over postings."""

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
        """Return the best `min(k, candidates)` rows for the words of a cue as (scores, rows).

        Args:
            columns: what is searched.
            terms: uint32[t], the words' terms, each once; unknown ones are left out.
            repeats: uint32[t], how often the cue has each.
            k: how many at most, 1 or more.
            mask: uint8 bitmap, least significant bit first; a set bit makes the row a candidate,
                rows beyond it are none.
            cancel: stops the search when it is set.

        Returns:
            float32[m] scores, best first, and uint32[m] row numbers; both new.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the search ended.
            ArenaExhausted: the thread's arena is too small for the cue (Zig).
        """

    def bm25_scores(self, columns: WordColumns, terms: U32, repeats: U32, rows: U32) -> F32:
        """Return float32[m]: the score of each of `rows` uint32[m], in any order.

        A dead row, one past the last, and one without a word of the cue get 0.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            ArenaExhausted: the thread's arena is too small for the cue (Zig).
        """
