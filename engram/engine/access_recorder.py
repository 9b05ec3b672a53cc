"""Accesses that wait to be recorded: many become one event, so that a recall writes nothing.

What waits is lost in a crash, and nothing else is: a count of accesses is a habit, not a promise.
"""

from __future__ import annotations

from array import array
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any, Final, NamedTuple

import anyio
import numpy as np
from numpy.typing import NDArray

from engram.model.commands import RecordAccesses
from engram.model.errors import EngramError
from engram.model.ids import MemoryId
from engram.ports import Clock
from engram.retrieval.priming import Primed, Priming
from engram.state.space import View

# 8,192 times that a memory was listed: 224 KiB of log at most, one event for 800 recalls of ten.
_WAITING_MAX: Final = 8_192
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
        # Side by side: a row, and the wall time at which it was listed.
        self._rows, self._times = array("q"), array("q")
        self._by_id: dict[MemoryId, Waiting] = {}

    def note(self, rows: Sequence[int], now: int, session: str | None = None) -> None:
        """Note that `rows` were listed at wall time `now` (nanoseconds), in a session or none."""
        if not rows:
            return
        if session:
            self._priming.note(session, rows, self._clock.monotonic())
        self._rows.extend(rows)
        self._times.extend(repeat(now, len(rows)))
        if len(self._rows) >= _WAITING_MAX or now - self._times[0] >= _WAITING_NS_MAX:
            self._due.set()

    def of(self, view: View, row: int) -> Waiting:
        """Return what waits of the memory in `row` of `view`, which is the newest."""
        times = np.frombuffer(self._times, np.int64)[np.frombuffer(self._rows, np.int64) == row]
        found = Waiting(len(times), int(times.max())) if len(times) else _NOTHING
        if self._by_id:
            (identity,) = _ids(view, np.array([row])).tolist()
            moved = self._by_id.get(MemoryId(*identity), _NOTHING)
            found = found.and_at(moved.last_at, moved.accesses)
        return found

    async def run(self, view: Callable[[], View]) -> None:
        """Record what waits, for the newest view, whenever it is enough, until closed."""
        while True:
            await self._due.wait()
            if self._closed:
                return
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
        self._keep_by_id(before)

    def _keep_by_id(self, view: View) -> None:
        ids, counts, times = self._folded(view)
        for identity, count, at in zip(ids.tolist(), counts.tolist(), times.tolist(), strict=True):
            memory = MemoryId(*identity)
            self._by_id[memory] = self._by_id.get(memory, _NOTHING).and_at(at, count)

    def primed(self, session: str | None) -> Primed | None:
        """Return what primes the next recall in a session; None where nothing does."""
        return self._priming.of(session, self._clock.monotonic()) if session else None

    def _take(self, view: View) -> RecordAccesses | None:
        if not (self._rows or self._by_id):
            return None
        if not self._by_id:
            ids, counts, times = self._folded(view)
            return RecordAccesses(ids.tobytes(), counts.tobytes(), times.tobytes())
        self._keep_by_id(view)
        found, self._by_id = self._by_id, {}
        accesses, last = zip(*found.values(), strict=True)
        return RecordAccesses(
            np.array(list(found), "<u8").tobytes(),
            np.array(accesses, "<u4").tobytes(),
            np.array(last, "<i8").tobytes(),
        )

    def _folded(self, view: View) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Take what was noted by row: ids u64[n, 2], how often u32[n], the last times i64[n]."""
        rows, times = (np.frombuffer(each, np.int64) for each in (self._rows, self._times))
        self._rows, self._times = array("q"), array("q")
        rows, whose, counts = np.unique(rows, return_inverse=True, return_counts=True)
        last = np.zeros(len(rows), "<i8")
        np.maximum.at(last, whose, times)
        return _ids(view, rows), counts.astype("<u4"), last


def _ids(view: View, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return u64[n, 2]."""
    ids = np.empty((len(rows), 2), "<u8")
    if len(rows):
        ids[:, 0], ids[:, 1] = view.gather("id_high", rows), view.gather("id_low", rows)
    return ids
