"""Keeps the word index of a space in step with its state: derived, disposable, caught up lazily."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.retrieval.lexical import WordIndex, WordIndexDump
from engram.retrieval.postings import Segment
from engram.retrieval.word_view import WordView
from engram.state.bodies import NO_ROW
from engram.state.space import ALIVE, ERASED, View
from engram.storage.side_index import SavedIndex, SideIndex

# 2,048 texts at once are indexed fastest (10 us each); a recall that must catch up takes these.
_CATCH_UP_ROWS: Final = 2_048
# 96 texts (1 ms) a background step: it runs under the interpreter's lock, which another thread asks
# for in vain for up to 5 ms, so a step must end before that to leave writes their latency.
_STEP_ROWS: Final = 96


class Words:
    """The word index and how far it has come. Safe to call from worker threads."""

    def __init__(self) -> None:
        self._index = WordIndex()
        self._lock = Lock()
        self._removed = np.zeros(0, bool)
        self._removed_count = 0
        self._snapshot: WordView | None = None

    @property
    def rows_indexed(self) -> int:
        """How many rows of the space the index has reached."""
        return self._index.rows_indexed

    @property
    def resident_bytes(self) -> int:
        """Bytes of the index."""
        return self._index.resident_bytes

    def dump(self) -> SideIndex:
        """Return what is indexed now, for saving; waits while somebody catches up. Blocks."""
        with self._lock:
            dump = self._index.dump()
            removed = self._removed.copy()
            index = self._index
        columns = {
            "lengths": dump.lengths,
            "dead": dump.dead,
            "dead_df": dump.dead_df,
            "removed": removed,
        }
        return SideIndex(
            facts=dump.facts,
            groups=[columns, *(segment._asdict() for segment in dump.segments)],
            texts=dump.terms,
            texts_count=dump.terms_count,
            texts_version=dump.terms_version,
            texts_owner=index,
        )

    def is_of(self, saved: SideIndex) -> bool:
        """Whether what `dump` returned still numbers rows as this index does."""
        return saved.texts_owner is self._index

    def load(self, saved: SavedIndex) -> bool:
        """Begin with what was saved instead of with nothing; False when that cannot be used."""
        columns, *segments = saved.groups
        with self._lock:
            loaded = self._index.load(
                WordIndexDump(
                    facts=saved.facts,
                    segments=tuple(Segment(**segment) for segment in segments),
                    lengths=columns["lengths"],
                    dead=columns["dead"],
                    dead_df=columns["dead_df"],
                    terms=saved.texts,
                    terms_count=len(saved.texts),
                    terms_version=0,
                )
            )
            if loaded:
                self._removed = columns["removed"]
                self._removed_count = int(self._removed.sum())
            return loaded

    def step(self, view: View) -> bool:
        """Index a few more rows of `view`; return whether there is more to do."""
        with self._lock:
            self._add(view, _STEP_ROWS)
            return self._index.rows_indexed < view.count

    def follow(self, view: View, rows_max: int) -> None:
        """Index until no more than `rows_max` rows of `view` are left: what writes wait for."""
        with self._lock:
            while view.count - self._index.rows_indexed > rows_max:
                self._add(view, _CATCH_UP_ROWS)

    def at(self, view: View) -> WordView:
        """Return the index caught up with `view`, or beyond it when another reader was ahead."""
        with self._lock:
            while self._index.rows_indexed < view.count:
                self._add(view, _CATCH_UP_ROWS)
            if self._removed_count < view.forgotten_count:
                self._remove(view)
            if self._snapshot is None:
                self._snapshot = self._index.snapshot()
            return self._snapshot

    def renumbered(self, new_rows: Callable[[int], NDArray[np.uint32]]) -> Words:
        """Return the index under the row numbers of a compaction, for the views after it.

        This one goes on for the views before. `new_rows` returns uint32[count]: the new number of
        each of the first `count` rows, NO_ROW for those that go. Goes through all postings.
        """
        words = Words()
        with self._lock:
            words._index, removed = self._index.copy(), self._removed
        numbers = new_rows(words.rows_indexed)
        words._index.renumber(numbers)
        words._removed = removed[numbers[: len(removed)] != NO_ROW]
        words._removed_count = int(words._removed.sum())
        return words

    def _add(self, view: View, rows: int) -> None:
        first = self._index.rows_indexed
        last = min(view.count, first + rows)
        if first < last:
            self._index.add(first, view.texts(first, last))
            self._snapshot = None

    def _remove(self, view: View) -> None:
        known = np.zeros(view.count, bool)
        known[: len(self._removed)] = self._removed[: view.count]
        forgotten = np.flatnonzero((view.gather("flags", np.arange(view.count)) & ALIVE) == 0)
        fresh = forgotten[~known[forgotten]]
        erased = (view.gather("flags", fresh) & ERASED) != 0
        if erased.any():  # their texts are gone
            self._index.erase(fresh[erased])
        with_text = fresh[~erased].tolist()
        self._index.remove(with_text, [view.content(row) for row in with_text])
        known[fresh] = True
        self._removed = known
        self._removed_count = int(known.sum())
        self._snapshot = None
