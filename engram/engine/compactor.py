"""Lets a space drop the rows of forgotten memories whose history is over.

Rule 1: a compaction that does not come about harms nothing: the rows stay until the next.
Rule 2: no body moves meanwhile, for what moved would have to be looked at again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple, Protocol, TypeVar

import anyio
import numpy as np

from engram.engine.housekeeping import Housekeeping
from engram.engine.replay import RunBlocking, in_thread
from engram.engine.words import Words
from engram.model.commands import Command, EndExpired
from engram.model.errors import Closed, EngramError, Overloaded
from engram.model.limits import COMPACTION_ATTEMPTS_MAX
from engram.ports import Clock
from engram.state.compaction import Compaction, rows_to_drop
from engram.state.expiry import expiring_rows
from engram.state.outcomes import Outcome
from engram.state.space import SpaceState, View

SHARE_MIN: Final = 0.2
"""Of all rows: so many must be droppable before a space is compacted unasked. The columns are
written anew as a whole, so the work for each row dropped is at most that of four rows kept."""

ROWS_MIN: Final = 10_000
"""Rows that must be droppable besides: 1.3 MB of columns; fewer are not worth a swap."""

RETRY_NS: Final = 60_000_000_000
"""Nanoseconds before a compaction that failed is tried again."""

_GATHERED_NS: Final = 1_000_000_000
_AT_ANY_TIME: Final = (1 << 63) - 1

T = TypeVar("T")


class Compacted(NamedTuple):
    """What a compaction came to: rows dropped, and bytes of RAM given back (columns and words)."""

    rows_dropped: int
    bytes_freed: int


class Compacting(Protocol):
    """The engine of a space, as far as its rows are concerned."""

    space: str
    words: Words
    history_retention_ns: int

    @property
    def grown(self) -> anyio.Event:
        """Set when something is committed."""

    @property
    def view(self) -> View:
        """What readers see."""

    @property
    def resident_bytes(self) -> int:
        """Bytes of state and indexes in RAM."""

    async def submit(self, command: Command) -> tuple[Outcome, int]:
        """Carry out a command, durably."""

    async def between_groups(
        self, change: Callable[[SpaceState], T], published: Callable[[T], None] | None = None
    ) -> T:
        """Run a change while nothing is being written."""

    def renumber(self, words: Words) -> None:
        """Take a word index of new row numbers."""


class Compactor:
    """Compactions of one space. `run` makes one whenever enough rows can go."""

    def __init__(
        self,
        engine: Compacting,
        housekeeping: Housekeeping,
        clock: Clock,
        is_erasing: Callable[[], bool],
        run: RunBlocking = in_thread,
    ) -> None:
        """Prepare; `is_erasing` says whether a file may hold something of an erased memory."""
        self._engine = engine
        self._is_erasing = is_erasing
        self._housekeeping = housekeeping
        self._clock = clock
        self._run_blocking = run
        self._lock = anyio.Lock()
        self._scope = anyio.CancelScope()
        self._closing = False
        self.error: str | None = None
        """Why the last compaction that nobody asked for failed, None when it did not."""

    async def compact(self) -> Compacted:
        """Drop every row whose memory was forgotten before the history that is kept.

        Reads and writes go on. While it works it takes once more the RAM of what stays: columns,
        hot bodies and the word index.

        Raises:
            Overloaded: memories were erased or converted all the time, try again; or the memory
                budget has no room for both.
            Closed: the space is being closed.
        """
        budget = self._housekeeping.budget
        async with self._lock, self._housekeeping.moving:
            try:
                for _ in range(COMPACTION_ATTEMPTS_MAX):
                    if self._closing:
                        raise Closed(f"memory space {self._engine.space!r}")
                    done = await self._attempt()
                    if done is not None:
                        return done
            finally:
                budget.moving_bytes = 0
        raise Overloaded("compaction_attempts_max", COMPACTION_ATTEMPTS_MAX)

    async def run(self) -> None:
        """Compact whenever that is worth it, until the space is closed."""
        with self._scope:
            while not self._closing:
                grown = self._engine.grown
                wait_ns = await self._wait_ns()
                if wait_ns is not None and wait_ns > 0:
                    await self._clock.sleep_until(self._clock.monotonic() + wait_ns)
                    wait_ns = await self._wait_ns()
                if wait_ns is None or wait_ns > 0:
                    await grown.wait()
                    # A group of writes forgets little: it need not be woken for each of them.
                    await self._clock.sleep_until(self._clock.monotonic() + _GATHERED_NS)
                    continue
                try:
                    await self.compact()
                    self.error = None
                except EngramError as error:  # the space itself is fine, or says why not
                    self.error = str(error)
                    await self._clock.sleep_until(self._clock.monotonic() + RETRY_NS)

    async def aclose(self) -> None:
        """End after the swap under way, if any; harmless when repeated."""
        self._closing = True
        self._scope.cancel()
        with anyio.CancelScope(shield=True):
            async with self._lock:
                return

    async def _attempt(self) -> Compacted | None:
        """Return what a compaction came to, None when it no longer fitted."""
        engine = self._engine
        now = self._clock.now()
        while len(await self._run_blocking(partial(expiring_rows, engine.view, now))):
            await engine.submit(EndExpired())
        view = engine.view
        horizon = self._clock.now() - engine.history_retention_ns
        if not engine.history_retention_ns:
            horizon = max(horizon, view.recorded_last)  # whatever the clock says, nothing is kept
        stay = self._is_erasing()
        drop = await self._run_blocking(partial(rows_to_drop, view, horizon, erased_stay=stay))
        if not drop.any():
            return Compacted(0, 0)
        self._take_room(1 - float(drop.mean()))
        frozen = await engine.between_groups(SpaceState.freeze)
        make = partial(Compaction, frozen, horizon, erased_stay=self._is_erasing())
        compaction = await self._run_blocking(make)
        words = await self._run_blocking(partial(engine.words.renumbered, compaction.new_rows))
        newer = await engine.between_groups(SpaceState.freeze)
        await self._run_blocking(partial(compaction.catch_up, newer))
        before = engine.resident_bytes

        def publish(has_fitted: bool) -> None:
            if has_fitted:
                engine.renumber(words)

        if not await engine.between_groups(compaction.swap, publish):
            return None
        return Compacted(compaction.rows_dropped, before - engine.resident_bytes)

    def _take_room(self, kept_share: float) -> None:
        """Count what a compaction takes as resident; refuse one that the budget has no room for."""
        budget, wanted = self._housekeeping.budget, int(kept_share * self._engine.resident_bytes)
        budget.moving_bytes = 0
        if self._housekeeping.resident().total + wanted > budget.total_bytes:
            raise Overloaded("memory_budget", budget.total_bytes)
        budget.moving_bytes = wanted

    async def _wait_ns(self) -> int | None:
        """Return in how many nanoseconds enough rows can go; None when too few are forgotten."""
        view = self._engine.view
        wanted = max(ROWS_MIN, int(SHARE_MIN * view.count))
        if view.forgotten_count + view.expiring_count < wanted:
            return None
        stay = self._is_erasing()
        ended = await self._run_blocking(partial(_nth_end, view, wanted, erased_stay=stay))
        if ended is None:
            return None
        return max(0, ended + self._engine.history_retention_ns - self._clock.now())


def _nth_end(view: View, nth: int, *, erased_stay: bool) -> int | None:
    """Return when the `nth` of the memories that can be dropped was forgotten, or expires."""
    rows = np.flatnonzero(rows_to_drop(view, _AT_ANY_TIME, erased_stay=erased_stay))
    rows = np.concatenate([rows, expiring_rows(view, _AT_ANY_TIME)])
    if len(rows) < nth:
        return None
    return int(np.partition(view.gather("ended_at", rows), nth - 1)[nth - 1])
