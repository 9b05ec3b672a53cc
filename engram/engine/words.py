"""Keeps the word index of a space in step with its state: derived, disposable, caught up lazily."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.retrieval.lexical import WordIndex, WordIndexDump
from engram.retrieval.postings import Segment
from engram.retrieval.terms import Terms
from engram.retrieval.word_view import WordView
from engram.state.bodies import NO_ROW
from engram.state.space import ALIVE, ERASED, View
from engram.storage.side_index import SavedIndex, SideIndex

# 2,048 texts at once are indexed fastest (10 us each); a recall that must catch up takes these.
_CATCH_UP_ROWS: Final = 2_048
# 96 texts (1 ms) a background step: it runs under the interpreter's lock, which another thread asks
# for in vain for up to 5 ms, so a step must end before that to leave writes their latency.
_STEP_ROWS: Final = 96
_WIPED: Final = "\0"


class Words:
    """The word index and how far it has come. Safe to call from worker threads."""

    def __init__(self) -> None:
        self._index = WordIndex()
        self._lock = Lock()
        self._removed = np.zeros(0, bool)
        self._removed_count = 0
        self._erased = np.zeros(0, bool)
        self._erased_lsn = 0
        self._snapshot: WordView | None = None
        self._rows_saved = 0

    @property
    def rows_unsaved(self) -> int:
        """How many indexed rows are in no snapshot that was begun."""
        return self._index.rows_indexed - self._rows_saved

    @property
    def rows_indexed(self) -> int:
        """How many rows of the space the index has reached."""
        return self._index.rows_indexed

    @property
    def resident_bytes(self) -> int:
        """Bytes of the index."""
        return self._index.resident_bytes

    def dump(self, view: View | None = None) -> SideIndex:
        """Return what is indexed now, for saving; waits while somebody catches up. Blocks.

        Nothing of rows that are erased in `view` is in it; without a view it is as it was loaded.
        """
        with self._lock:
            if view is not None:
                self._erase(view)
            dump = self._index.dump()
            self._rows_saved = self._index.rows_indexed
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
            texts=dump.terms.encoded,
            texts_count=dump.terms_count,
            texts_version=dump.terms_version,
            texts_owner=index,
        )

    def is_of(self, saved: SideIndex) -> bool:
        """Whether what `dump` returned still numbers rows as this index does."""
        return saved.texts_owner is self._index

    def load(self, saved: SavedIndex, erased_lsn: int = 0) -> bool:
        """Begin with what was saved instead of with nothing; False when that cannot be used.

        Nothing of what was erased up to `erased_lsn` is in it.
        """
        columns, *segments = saved.groups
        with self._lock:
            loaded = self._index.load(
                WordIndexDump(
                    facts=saved.facts,
                    segments=tuple(Segment(**segment) for segment in segments),
                    lengths=columns["lengths"],
                    dead=columns["dead"],
                    dead_df=columns["dead_df"],
                    terms=(terms := Terms(saved.texts)),
                    terms_count=len(terms),
                    terms_version=0,
                )
            )
            if loaded:
                self._removed = columns["removed"]
                self._removed_count = int(self._removed.sum())
                self._erased_lsn = erased_lsn
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
            if self._removed_count < view.forgotten_count or self._erased_lsn < view.erased_lsn:
                self._remove(view)
            if self._snapshot is None:
                self._snapshot = self._index.snapshot()
            return self._snapshot

    def is_due(self, view: View) -> bool:
        """Whether `at` has more to do for `view` than to index, or has to wait for somebody."""
        return (
            self._removed_count < view.forgotten_count
            or self._erased_lsn < view.erased_lsn
            or self._lock.locked()
        )

    def ready(self, view: View) -> WordView | None:
        """Return the index if it has come as far as `view`, else None; never waits."""
        snapshot = self._snapshot
        return snapshot if snapshot is not None and snapshot.row_count >= view.count else None

    def renumbered(self, new_rows: Callable[[int], NDArray[np.uint32]]) -> Words:
        """Return the index under the row numbers of a compaction, for the views after it.

        This one goes on for the views before. `new_rows` returns uint32[count]: the new number of
        each of the first `count` rows, NO_ROW for those that go. Goes through all postings.
        """
        words = Words()
        with self._lock:
            words._index, removed = self._index.copy(), self._removed
            erased, erased_lsn = self._erased, self._erased_lsn
        numbers = new_rows(words.rows_indexed)
        words._index.renumber(numbers)
        words._removed = removed[numbers[: len(removed)] != NO_ROW]
        words._removed_count = int(words._removed.sum())
        words._erased = erased[new_rows(len(erased)) != NO_ROW]
        words._erased_lsn = erased_lsn
        return words

    def erase(self, view: View) -> None:
        """Leave nothing of erased rows in the index, and no word that only they had."""
        with self._lock:
            self._erase(view)

    def _add(self, view: View, rows: int) -> None:
        first = self._index.rows_indexed
        last = min(view.count, first + rows)
        if first < last:
            texts = view.texts(first, last)
            # The view may be older than an erasure; in a segment its text stands a while longer.
            for row in np.flatnonzero(self._erased[first:last]).tolist():
                texts[row] = ""
            self._index.add(first, texts)
            self._snapshot = None

    def _remove(self, view: View) -> None:
        self._erase(view)
        known = np.zeros(view.count, bool)
        known[: len(self._removed)] = self._removed[: view.count]
        forgotten = np.flatnonzero((view.gather("flags", np.arange(view.count)) & ALIVE) == 0)
        fresh = forgotten[~known[forgotten]]
        inside = fresh[fresh < len(self._erased)]
        gone = inside[self._erased[inside]]
        texts = {row: view.content(row) for row in np.setdiff1d(fresh, gone).tolist()}
        # Erased after this view was made: the bytes are zeros, for every reader.
        wiped = [row for row, text in texts.items() if text and not text.strip(_WIPED)]
        if wiped:
            self._index.erase(wiped)
        with_text = [row for row in texts if row not in set(wiped)]
        self._index.remove(with_text, [texts[row] for row in with_text])
        known[fresh] = True
        self._removed = known
        self._removed_count = int(known.sum())
        self._snapshot = None

    def _erase(self, view: View) -> None:
        if view.erased_lsn <= self._erased_lsn:
            return
        rows = np.arange(view.count)
        flags = view.gather("flags", rows) if len(rows) else np.zeros(0, np.uint8)
        erased = (flags & ERASED) != 0
        self._index.erase(np.flatnonzero(erased))
        self._erased, self._erased_lsn = erased, view.erased_lsn
        self._snapshot = None
