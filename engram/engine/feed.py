"""What a space committed last, kept for those who follow it while there are any.

Rule 1: it holds what follows one LSN without a gap; whoever needs something older fell behind.
Rule 2: it is bounded, however slow its followers are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from engram.model.changes import Change, change_of
from engram.model.errors import FellBehind
from engram.model.events import Event, Vectors
from engram.model.limits import FEED_CHANGES_COUNT_MAX, FEED_IDS_COUNT_MAX
from engram.wal.protocol import Lsn


class Feed:
    """The newest changes of one space. Belongs to its event loop."""

    __slots__ = ("_ids_count", "_recent", "dropped_count", "followers_count", "space")

    def __init__(self, space: str) -> None:
        self.space = space
        self.followers_count = 0
        """How many follow the space; without any nothing is kept."""
        self.dropped_count = 0
        """Changes that were let go before a follower had read them; the log still has them."""
        self._recent: deque[Change] = deque()
        self._ids_count = 0

    def push(self, events: Sequence[tuple[Event, Vectors]], after: Lsn) -> None:
        """Take in what was just committed behind `after`."""
        for lsn, (event, _) in enumerate(events, after + 1):
            change = change_of(event, lsn, self.space)
            self._recent.append(change)
            self._ids_count += change.ids_count
            while len(self._recent) > FEED_CHANGES_COUNT_MAX or (
                self._ids_count > FEED_IDS_COUNT_MAX and len(self._recent) > 1
            ):
                self._ids_count -= self._recent.popleft().ids_count

    def begin(self) -> None:
        """Keep what is committed from now on, for one more."""
        self.followers_count += 1

    def end(self) -> None:
        """Keep it for one less."""
        self.followers_count -= 1
        if not self.followers_count:
            self._recent.clear()
            self._ids_count = 0

    def next(self, lsn: Lsn) -> Change | None:
        """Return the change right behind `lsn`, None when it is not held (any more, or yet)."""
        recent = self._recent
        position = lsn + 1 - recent[0].lsn if recent else -1
        return recent[position] if 0 <= position < len(recent) else None

    def fell_behind(self, lsn: Lsn, last: Lsn) -> FellBehind:
        """Return what to tell a follower who has seen all up to `lsn`, too slow for the rest.

        Counts what it misses of what was committed up to `last`.
        """
        held_from = self._recent[0].lsn if self._recent else last + 1
        self.dropped_count += held_from - 1 - lsn
        return FellBehind(self.space, lsn, FEED_CHANGES_COUNT_MAX)
