"""Search by words: exact Okapi BM25 over postings columns.

The kernels compute the scores (engram/kernels/words/protocol.py has the formula). The number of
texts, of texts with a word, and the average length are exact after every removal.

One writer adds and removes; any number of threads read the views it hands out. A column that a
view may see is only appended to or replaced, never changed.
"""

from __future__ import annotations

import math
import sys
from copy import copy
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.kernels.words.columns import WordColumns
from engram.model.errors import InvalidRequest, check
from engram.retrieval import postings
from engram.retrieval.speakers import label_words
from engram.retrieval.terms import Terms
from engram.retrieval.tokens import TERM_CHARACTERS_MAX, Tokenizer, forget_stems
from engram.retrieval.word_view import WordView
from engram.state.bodies import NO_ROW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

WORDS_CACHED_MAX: Final = 1 << 17
"""Words whose term is remembered, ~20 MB at most; English text of 100,000 memories has about as
many. A full cache is emptied: the words that matter come back with the next text."""

TEXTS_AT_ONCE_MAX: Final = 128
"""Texts tokenised before their words become a column: few enough that the words stay in the
processor's cache (8,192 at once took 1.25 times as long)."""

DUMP_VERSION: Final = 2
"""One more whenever the same text would be cut into other terms: what was saved before is then
built anew."""

_CAPACITY_MIN: Final = 1024
_WORD_BYTES: Final = 57  # an ASCII str of CPython with 8 characters


class WordIndexDump(NamedTuple):
    """A word index as plain arrays; of `terms` the first `terms_count` belong to it.

    `terms_version` changes when a term that was there does.
    """

    facts: dict[str, int | str]
    segments: tuple[postings.Segment, ...]
    lengths: NDArray[np.uint32]
    dead: NDArray[np.bool_]
    dead_df: NDArray[np.uint32]
    terms: Terms
    terms_count: int
    terms_version: int


class _TermIds(dict[str, int]):
    """Term id by word: a cache in front of the terms, which `__missing__` fills."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.terms = Terms()
        self.blanked = 0

    def __missing__(self, word: str) -> int:
        term = self.tokenizer.term(word)
        term_id = self.terms.add(term)
        self._keep(word, term_id)
        return term_id

    def learn(self, words: Iterable[str]) -> None:
        """Take in words that are about to be looked up, at once where that is quicker."""
        if self.terms.are_folded:
            unknown = [word for word in dict.fromkeys(words) if word not in self]
            numbers = self.terms.add_many([self.tokenizer.term(word) for word in unknown])
            for word, term_id in zip(unknown, numbers, strict=True):
                self._keep(word, term_id)

    def _keep(self, word: str, term_id: int) -> None:
        if len(word) <= TERM_CHARACTERS_MAX:
            if len(self) >= WORDS_CACHED_MAX:
                self.clear()
            self[word] = term_id

    def copy(self) -> _TermIds:
        """Return one that knows the same terms and learns its own."""
        twin = _TermIds(self.tokenizer)
        twin.terms = self.terms.copy()
        twin.blanked = self.blanked
        return twin

    def blank(self, term_ids: set[int]) -> None:
        """Forget how these terms read; their numbers are not given again."""
        forget_stems()
        self.blanked += self.terms.blank(sorted(term_ids))
        for word in [word for word, term_id in self.items() if term_id in term_ids]:
            del self[word]


class WordIndex:
    """Finds rows by the words of their texts. One writer; readers use `snapshot()`.

    `language` is a Snowball stemmer's or "none"; `k1` bounds what a repeated word adds, `b` is how
    much a long text is held back. The defaults, 0.9 and 0.4, found more than the usual 1.2 and 0.75
    on LoCoMo's development part (recall_at_10 0.646 against 0.630). InvalidRequest outside the
    rules.

    The postings of removed rows stay, so that a view can be asked about a time when those rows were
    there (`WordView.of`).

    Memory: ~6 bytes for each different word of a row, 4 for the row, and what `Terms` takes. Terms
    are not given back when their last row is removed; building the index anew does that.
    """

    def __init__(self, language: str = "english", k1: float = 0.9, b: float = 0.4) -> None:
        violations = []
        if not (math.isfinite(k1) and k1 >= 0):
            violations.append(f"k1 is {k1}; it must be a finite number of at least 0")
        if not 0 <= b <= 1:
            violations.append(f"b is {b}; it must be between 0 and 1")
        if violations:
            raise InvalidRequest(*violations)
        self._k1, self._b = k1, b
        self._tokenizer = Tokenizer(language)
        self._ids = _TermIds(self._tokenizer)
        self._segments: tuple[postings.Segment, ...] = ()
        self._lengths = np.zeros(_CAPACITY_MIN, np.uint32)
        self._row_count = 0
        self._texts_count = 0  # live rows that have a word
        self._words_count = 0  # words of live rows
        self._dead: NDArray[np.bool_] | None = None  # by row; replaced, never changed
        self._dead_df = np.zeros(0, np.uint32)  # by term: dead rows still in the segments

    @property
    def rows_indexed(self) -> int:
        """The first row the index has not seen; rows below it are found."""
        return self._row_count

    @property
    def resident_bytes(self) -> int:
        """Bytes the columns take, and an estimate for the words and terms."""
        columns = sum(s.resident_bytes for s in self._segments)
        columns += self._lengths.nbytes + self._dead_df.nbytes
        columns += 0 if self._dead is None else self._dead.nbytes
        words = sys.getsizeof(self._ids) + len(self._ids) * _WORD_BYTES
        return int(columns + words + self._ids.terms.resident_bytes)

    def add(self, first_row: int, texts: Sequence[str]) -> None:
        """Index `texts` as rows `first_row`, `first_row + 1`, ...

        `first_row` is at least `rows_indexed`; rows left out have no words. A row whose memory is
        gone already is added with an empty text.
        """
        check(first_row >= self._row_count, "rows are added in increasing order")
        if not texts:
            return
        terms, words_counts, lengths = self._tokenised(texts)
        self._ids.terms.fold()
        end = first_row + len(texts)
        self._reserve(end)
        self._lengths[first_row:end] = lengths
        self._row_count = end
        self._texts_count += int(np.count_nonzero(lengths))
        self._words_count += int(lengths.sum(dtype=np.int64))
        if terms.size:
            rows = np.repeat(np.arange(first_row, end, dtype=np.uint32), words_counts)
            self._segments = postings.append(self._segments, postings.build(terms, rows))

    def remove(self, rows: Sequence[int] | NDArray[np.uint32], texts: Sequence[str]) -> None:
        """Take out `rows`, whose texts were added as `texts`; each row once.

        They are no longer returned, and df, N and the average length are those of an index that
        never held them.
        """
        check(len(rows) == len(texts), "every removed row comes with its text")
        if not texts:
            return
        gone = np.asarray(rows, np.int64)
        check(gone.min() >= 0 and gone.max() < self._row_count, "only indexed rows are removed")
        check(np.unique(gone).size == gone.size, "a row is removed once")
        dead = np.zeros(self._row_count, np.bool_)
        if self._dead is not None:
            check(not self._dead[gone[gone < self._dead.size]].any(), "a row is removed once")
            dead[: self._dead.size] = self._dead
        terms, words_counts, lengths = self._tokenised(texts)
        check(
            np.array_equal(lengths, self._lengths[gone]),
            "a removed row comes with the text it was added with",
        )
        dead[gone] = True
        self._dead = dead
        self._texts_count -= int(np.count_nonzero(lengths))
        self._words_count -= int(lengths.sum(dtype=np.int64))
        segment = postings.build(terms, np.repeat(gone.astype(np.uint32), words_counts))
        self._count_dead(segment, 1)

    def erase(self, rows: Sequence[int] | NDArray[np.int64]) -> None:
        """Take out every posting of `rows`, removed before or not, and words nobody else has.

        Needs no texts. Goes through all postings, so it is for what must leave no trace; `remove`
        is for everyday use.
        """
        gone = np.zeros(self._row_count, np.bool_)
        gone[[row for row in rows if row < self._row_count]] = True
        removed = np.zeros(self._row_count, np.bool_)
        if self._dead is not None:
            removed[: self._dead.size] = self._dead
        lengths = np.where(gone & ~removed, self._lengths[: self._row_count], 0)
        self._texts_count -= int(np.count_nonzero(lengths))
        self._words_count -= int(lengths.sum(dtype=np.int64))
        kept: list[postings.Segment] = []
        for segment in self._segments:
            left, taken = postings.split(segment, gone)
            kept += [left] if left.rows.size else []
            if taken is not None:
                self._count_dead(postings.split(taken, ~removed)[0], -1)
        self._segments = tuple(kept)
        self._lengths = self._lengths.copy()
        self._lengths[: self._row_count][gone] = 0
        if self._dead is not None:
            self._dead = self._dead & ~gone[: self._dead.size]
        self._ids.blank(self._words_without_rows())

    def _words_without_rows(self) -> set[int]:
        """Return the ids of terms that no posting has."""
        used = np.zeros(len(self._ids.terms), np.bool_)
        for segment in self._segments:
            used[segment.terms] = True
        return set(np.flatnonzero(~used).tolist())

    def copy(self) -> WordIndex:
        """Return an index that holds the same and goes its own way; columns are shared."""
        twin = copy(self)
        twin._ids = self._ids.copy()  # noqa: SLF001 - it is one of us
        twin._lengths = self._lengths[: self._row_count]  # noqa: SLF001 - it grows elsewhere
        return twin

    def renumber(self, new_rows: NDArray[np.uint32]) -> None:
        """Give rows the numbers `new_rows` u32[rows_indexed], which rise; NO_ROW rows go for good.

        Goes through all postings and needs no texts.
        """
        check(new_rows.size == self._row_count, "every indexed row is renumbered")
        gone = new_rows == NO_ROW
        dead = np.zeros(self._row_count, np.bool_)
        if self._dead is not None:
            dead[: self._dead.size] = self._dead
        lengths = self._lengths[: self._row_count]
        leaving = lengths[gone & ~dead]
        self._texts_count -= int(np.count_nonzero(leaving))
        self._words_count -= int(leaving.sum(dtype=np.int64))
        segments = [postings.renumbered(each, new_rows, gone) for each in self._segments]
        self._segments = tuple(each for each in segments if each.rows.size)
        self._lengths = lengths[~gone]
        self._row_count = self._lengths.size
        self._dead = still = dead[~gone]
        counts = np.zeros(len(self._ids.terms), np.int64)
        for segment in self._segments if still.any() else ():
            counts[segment.terms] += postings.counted(segment, still[segment.rows])
        self._dead_df = counts.astype(np.uint32)

    def snapshot(self) -> WordView:
        """Return a view of what is indexed now; adding and removing do not change it."""
        return WordView(
            tokenizer=self._tokenizer,
            terms=self._ids.terms,
            ids=self._ids,
            columns=WordColumns(
                self._segments,
                self._lengths[: self._row_count],
                dead=self._dead,
                dead_df=self._dead_df,
                texts_count=self._texts_count,
                words_count=self._words_count,
                k1=self._k1,
                b=self._b,
            ),
        )

    def dump(self) -> WordIndexDump:
        """Return all that is indexed now, unchanged by what is added or removed later."""
        none = np.zeros(0, np.bool_)
        return WordIndexDump(
            facts={
                "version": DUMP_VERSION,
                "language": self._tokenizer.language,
                "texts_count": self._texts_count,
                "words_count": self._words_count,
                "terms_count": len(self._ids.terms),
            },
            segments=self._segments,
            lengths=self._lengths[: self._row_count],
            dead=none if self._dead is None else self._dead,
            dead_df=self._dead_df,
            terms=self._ids.terms,
            terms_count=len(self._ids.terms),
            terms_version=self._ids.blanked,
        )

    def load(self, dump: WordIndexDump) -> bool:
        """Take over what an index dumped, in place of nothing; False when it was another kind's.

        The arrays are not written to.
        """
        facts = dump.facts
        kind = (facts.get("version"), facts.get("language"))
        if kind != (DUMP_VERSION, self._tokenizer.language) or self._row_count:
            return False
        if facts.get("terms_count") != len(dump.terms):
            return False
        self._segments, self._lengths = dump.segments, dump.lengths
        self._row_count = len(dump.lengths)
        self._dead, self._dead_df = (dump.dead if dump.dead.size else None), dump.dead_df
        self._texts_count = int(facts["texts_count"])
        self._words_count = int(facts["words_count"])
        self._ids.terms = dump.terms
        return True

    def _tokenised(
        self, texts: Sequence[str]
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint32]]:
        """Return the term ids of all words, and for each text its words and its length."""
        term_id = self._ids.__getitem__
        document = self._tokenizer.document
        columns: list[NDArray[np.uint32]] = []
        words_counts = np.zeros(len(texts), np.int64)
        lengths = np.zeros(len(texts), np.uint32)
        for begin in range(0, len(texts), TEXTS_AT_ONCE_MAX):
            part = texts[begin : begin + TEXTS_AT_ONCE_MAX]
            found = [document(text) for text in part]
            end = begin + len(found)
            # Who speaks is no word of the text: lengths are without it.
            words = [
                text_words + label_words(text, document)
                for (text_words, _), text in zip(found, part, strict=True)
            ]
            words_counts[begin:end] = [len(text_words) for text_words in words]
            lengths[begin:end] = [length for _, length in found]
            self._ids.learn(chain.from_iterable(words))
            ids = map(term_id, chain.from_iterable(words))
            columns.append(np.fromiter(ids, np.uint32, int(words_counts[begin:end].sum())))
        return np.concatenate(columns), words_counts, lengths

    def _reserve(self, row_count: int) -> None:
        """Make room for lengths. The old column stays with the views that hold it."""
        if row_count > self._lengths.size:
            grown = np.zeros(max(row_count, self._lengths.size * 2), np.uint32)
            grown[: self._row_count] = self._lengths[: self._row_count]
            self._lengths = grown

    def _count_dead(self, segment: postings.Segment, sign: int) -> None:
        """Add (1) or take (-1) the rows of `segment` to the dead postings of each term."""
        counts = np.zeros(len(self._ids.terms), np.int64)
        counts[: self._dead_df.size] = self._dead_df
        counts[segment.terms] += sign * np.diff(segment.offsets)
        self._dead_df = counts.astype(np.uint32)
