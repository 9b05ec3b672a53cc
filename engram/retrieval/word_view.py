"""What a reader sees of the word index: postings, counts and lengths at one moment."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engram.kernels.words.columns import WordColumns
from engram.model.errors import check
from engram.retrieval.speakers import SPEAKER_MARK, without_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.kernels.cancel import CancelFlag
    from engram.kernels.protocol import KernelBackend
    from engram.retrieval.terms import Terms
    from engram.retrieval.tokens import Tokenizer


class AskedWords(NamedTuple):
    """The words of a cue as a view knows them: `terms` u32[t], each once, and their `repeats`.

    `unknown_count` is how many other words there are, which no text has.
    """

    terms: NDArray[np.uint32]
    repeats: NDArray[np.uint32]
    unknown_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WordView:
    """The word index at one moment. Never changes; any thread may read it.

    `terms`, and `ids` which knows the term of most words without stemming, are shared with the
    writer: a term it learns later has no postings here.
    """

    tokenizer: Tokenizer
    terms: Terms
    ids: dict[str, int]
    columns: WordColumns

    @property
    def row_count(self) -> int:
        """The first row that is not in the view."""
        return self.columns.lengths.size

    def asked(self, cue: str) -> AskedWords:
        """Return what to search for a cue: its words' terms, without those no text has."""
        counts: dict[int, int] = {}
        unknown = set()
        for word in self.tokenizer.query(cue):
            term_id = self._term_id(word)
            if term_id is None:
                unknown.add(word)
            else:
                counts[term_id] = counts.get(term_id, 0) + 1
        size = len(counts)
        return AskedWords(
            np.fromiter(counts, np.uint32, size),
            np.fromiter(counts.values(), np.uint32, size),
            len(unknown),
        )

    def best(self, asked: AskedWords, dfs: NDArray[np.int64]) -> float:
        """Return what a text of average length scores that has each word asked for once.

        `dfs` i64[t] are those of its terms (`WordColumns.dfs`).

        A word that no text has counts as one that hardly any has: who asks for it and finds the
        others has not found all.
        """
        texts_count = self.columns.texts_count
        weights = zip(
            (*dfs.tolist(), *[0] * asked.unknown_count),
            (*asked.repeats.tolist(), *[1] * asked.unknown_count),
            strict=True,
        )
        return math.fsum(
            repeats * math.log1p((texts_count - df + 0.5) / (df + 0.5))
            for df, repeats in weights
            if df <= texts_count
        )

    def speakers(self, cue: str) -> list[int]:
        """Return the terms under which those speak whom a cue names; none where nobody does."""
        return self.speakers_asked(self.asked(cue))

    def speakers_asked(self, asked: AskedWords) -> list[int]:
        """Return the same of a cue that was read already."""
        name, number_of = self.terms.name, self.terms.get
        marked = [number_of(name(term) + SPEAKER_MARK) for term in asked.terms.tolist()]
        return [term for term in marked if term is not None]

    def said_by(self, speakers: list[int], rows: NDArray[np.uint32]) -> NDArray[np.float32]:
        """Return f32[m]: 1 where one of `speakers` says the text of a row of `rows`, else 0."""
        said = np.zeros(rows.size, np.bool_)
        for slices in self.columns.slices(speakers):
            for carriers, _ in slices:
                at = np.minimum(carriers.searchsorted(rows), carriers.size - 1)
                said |= carriers[at] == rows
        return said.astype(np.float32)

    def without_speakers(self, cue: str) -> str:
        """Return `cue` without the names of those who speak here, for its embedding.

        Whole sentences about everyone a memory space hears from lie near a bare name, so that a
        name in the cue draws its vector away from what is asked; the name itself is asked for by
        `speakers` and among the words. On three conversations of LoCoMo (383 questions) cosine
        alone found 0.651 of the evidence among ten without names and 0.520 with them (MiniLM).
        """
        return without_names(cue, self._is_name) if self.speakers(cue) else cue

    def _is_name(self, run: str) -> bool:
        words = self.tokenizer.query(run)
        return bool(words) and all(self._speaker(word) is not None for word in words)

    def _speaker(self, word: str) -> int | None:
        """Return the term of a label's word; its text has the word itself too, stemmed already."""
        term_id = self._term_id(word)
        return None if term_id is None else self.terms.get(self.terms.name(term_id) + SPEAKER_MARK)

    def of(self, known: NDArray[np.bool_], asked: AskedWords) -> WordView:
        """Return the view of an index that holds the rows `known` (bool by row) and no others.

        Their number, their words and the df of what is `asked` (and of no other term) are counted
        anew, so that scores are those of the time when just these rows were there. The index must
        keep removed rows; rows beyond `known` are not there.
        """
        columns = self.columns
        dead = np.ones(columns.lengths.size, np.bool_)
        reached = min(known.size, dead.size)
        dead[:reached] = ~known[:reached]
        dead_df = np.zeros(int(asked.terms.max(initial=0)) + 1, np.uint32)
        for term, slices in zip(asked.terms.tolist(), columns.slices(asked.terms), strict=True):
            dead_df[term] = sum(np.count_nonzero(dead[rows]) for rows, _ in slices)
        lengths = columns.lengths[~dead]
        return replace(
            self,
            columns=WordColumns(
                columns.segments,
                columns.lengths,
                dead=dead,
                dead_df=dead_df,
                texts_count=int(np.count_nonzero(lengths)),
                words_count=int(lengths.sum(dtype=np.int64)),
                k1=columns.k1,
                b=columns.b,
            ),
        )

    def top_k(
        self,
        kernels: KernelBackend,
        asked: AskedWords,
        k: int,
        mask: NDArray[np.uint8] | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
        """Return the scores f32[m] and rows u32[m] of the k best rows, m <= k, best first.

        Only rows with a positive score whose bit is set in `mask` (row r is bit r & 7 of byte
        r >> 3; rows beyond it are not set; None sets all). Equal scores come by row.
        KernelCancelled when `cancel` is set meanwhile.
        """
        check(k >= 0, "k is not negative")
        if not asked.terms.size or k == 0:
            return np.empty(0, np.float32), np.empty(0, np.uint32)
        return kernels.bm25_top_k(
            self.columns, asked.terms, asked.repeats, k, mask=mask, cancel=cancel
        )

    def scores(
        self, kernels: KernelBackend, asked: AskedWords, rows: NDArray[np.uint32]
    ) -> NDArray[np.float32]:
        """Return the scores f32[m] of `rows` u32[m]; 0 for rows without a word of the cue."""
        return kernels.bm25_scores(self.columns, asked.terms, asked.repeats, rows)

    def matched_terms(self, cue: str, row: int) -> list[str]:
        """Return the words of the cue, folded and in order, that the text of `row` carries."""
        dead = self.columns.dead
        if dead is not None and row < dead.size and dead[row]:
            return []
        words: dict[int, str] = {}
        for word in self.tokenizer.query(cue):
            term_id = self._term_id(word)
            if term_id is not None:
                words.setdefault(term_id, word)
        matched: list[str] = []
        for word, slices in zip(words.values(), self.columns.slices(list(words)), strict=True):
            for rows, _ in slices:
                at = int(rows.searchsorted(np.uint32(row)))
                if at < rows.size and rows[at] == row:
                    matched.append(word)
        return matched

    def _term_id(self, word: str) -> int | None:
        known = self.ids.get(word)  # `get` only reads: it does not ask the cache to learn
        return self.terms.get(self.tokenizer.cached_term(word)) if known is None else known
