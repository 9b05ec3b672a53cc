"""Accesses that wait to be recorded: many become one event, so that a recall writes nothing.

What waits is lost in a crash, and nothing else is: a count of accesses is a habit, not a promise.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import anyio
import numpy as np

from engram.model.commands import RecordAccesses
from engram.model.errors import EngramError
from engram.model.ids import MemoryId
from engram.ports import Clock
from engram.retrieval.priming import Primed, Priming
from engram.state.space import View

# 1,024 times that a memory was listed: 28 KB of log at most, one sync for a hundred recalls.
_WAITING_MAX: Final = 1_024
# 60 seconds since the first of them, so that a space that is seldom asked forgets a minute's worth.
_WAITING_NS_MAX: Final = 60_000_000_000


class Waiting(NamedTuple):
    """How often a memory was listed and when last (nanoseconds), as far as it is not recorded."""

    accesses: int = 0
    last_at: int = 0

    def and_at(self, now: int, more: int = 1) -> Waiting:
        """Return this with `more` accesses, the last at `now`."""
        return Waiting(self.accesses + more, max(self.last_at, now))


_NOTHING: Final = Waiting()


class AccessRecorder:
    """Counts accesses by row until they are taken. Used from the event loop alone."""

    def __init__(self, submit: Callable[[RecordAccesses], Awaitable[object]], clock: Clock) -> None:
        self._priming = Priming()
        self._submit, self._clock = submit, clock
        self._due = anyio.Event()
        self._closed = False
        self._noted: list[tuple[Sequence[int], int]] = []
        self._by_row: dict[int, Waiting] = {}
        self._by_id: dict[MemoryId, Waiting] = {}
        self._count = 0
        self._first_at = 0

    def note(self, rows: Sequence[int], now: int, session: str | None = None) -> None:
        """Note that `rows` were listed at wall time `now` (nanoseconds), in a session or none."""
        if not rows:
            return
        if session:
            self._priming.note(session, rows, self._clock.monotonic())
        if not self._count:
            self._first_at = now
        self._noted.append((rows, now))
        self._count += len(rows)
        if self._count >= _WAITING_MAX or now - self._first_at >= _WAITING_NS_MAX:
            self._due.set()

    def of(self, view: View, row: int) -> Waiting:
        """Return what waits of the memory in `row` of `view`, which is the newest."""
        if not self._count:
            return _NOTHING
        self._fold()
        found = self._by_row.get(row, _NOTHING)
        if self._by_id:
            moved = self._by_id.get(_ids(view, [row])[0], _NOTHING)
            found = found.and_at(moved.last_at, moved.accesses)
        return found

    async def run(self, view: Callable[[], View]) -> None:
        """Record what waits, for the newest view, whenever it `is_due`, until closed."""
        while not self._closed:
            await self._due.wait()
            self._due = anyio.Event()
            await self.record(view())

    async def record(self, view: View) -> None:
        """Record what waits, for the rows of `view`. What cannot be recorded is let go."""
        command = self._take(view)
        if command is not None:
            with suppress(EngramError):
                await self._submit(command)

    async def aclose(self, view: View | None) -> None:
        """Record what waits a last time if there is a view, then no more."""
        self._closed = True
        self._due.set()
        if view is not None:
            await self.record(view)

    def renumber(self, before: View) -> None:
        """Keep accesses by id from now on: the rows of `before` get other numbers."""
        self._priming.clear()
        self._by_id_from(before)

    def primed(self, session: str | None) -> Primed | None:
        """Return what primes the next recall in a session; None where nothing does."""
        return self._priming.of(session, self._clock.monotonic()) if session else None

    def _by_id_from(self, before: View) -> None:
        self._fold()
        found = zip(_ids(before, list(self._by_row)), self._by_row.values(), strict=True)
        for identity, more in found:
            waiting = self._by_id.get(identity, _NOTHING)
            self._by_id[identity] = waiting.and_at(more.last_at, more.accesses)
        self._by_row = {}

    def _take(self, view: View) -> RecordAccesses | None:
        self._by_id_from(view)
        found, self._by_id, self._count = self._by_id, {}, 0
        if not found:
            return None
        counts, times = zip(*found.values(), strict=True)
        return RecordAccesses(
            np.array(list(found), "<u8").tobytes(),
            np.array(counts, "<u4").tobytes(),
            np.array(times, "<i8").tobytes(),
        )

    def _fold(self) -> None:
        noted, self._noted = self._noted, []
        for rows, now in noted:
            for row in rows:
                self._by_row[row] = self._by_row.get(row, _NOTHING).and_at(now)


def _ids(view: View, rows: Sequence[int]) -> list[MemoryId]:
    if not rows:
        return []
    numbers = np.array(rows, np.int64)
    columns = [view.gather(name, numbers).tolist() for name in ("id_high", "id_low")]
    return [MemoryId(*each) for each in zip(*columns, strict=True)]
