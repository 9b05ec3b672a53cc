"""Keeps the bodies of all open spaces in the tiers they belong in, and the store in its budget.

Rule 1: one step at a time in a store, for its spaces share one disk; each is bounded.
Rule 2: what can wait gives way while callers are served; what keeps the store in its budget cannot.
Rule 3: a step that fails harms nothing: it is told in the status and tried again later.
Rule 4: writes wait for a step that makes room for them, and are refused when none can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple

import anyio
import numpy as np

from engram.engine.activity import Activity
from engram.engine.ahead import Ahead, Provide
from engram.engine.budget import Budget
from engram.engine.replay import RunBlocking
from engram.engine.segments import Segments
from engram.engine.steps import RETRY_NS_FIRST, Kept, Plan, Tended
from engram.engine.tiers import (
    Sealing,
    bodies_to_cool,
    bodies_to_merge,
    cut,
    none_known,
    rows_to_raise,
    rows_to_seal,
    unused,
)
from engram.engine.write_rate import held_to
from engram.model.capacities import Capacities
from engram.model.errors import Closed, EngramError
from engram.model.memory import ResidentBytes
from engram.model.quotas import Quotas
from engram.ports import Clock
from engram.state.fullness import Fullness
from engram.state.gathering import body_bytes
from engram.state.moves import Landing, Move, Rows, exchange, searched_count, without
from engram.state.space import SpaceState, View

# 100 ms without a caller count as idle, as for the word index; a step that may wait for that waits
# 10 s at most: a store that is never idle must move bodies too.
_IDLE_NS: Final = 100_000_000
_PATIENCE_NS: Final = 10_000_000_000
# 1 s after a recall what it found comes up, together with what others found meanwhile.
_GATHER_NS: Final = 1_000_000_000
# So many spaces that did not change are measured again before each step: of a thousand open ones
# most never do, and their indexes grow in the background for a while.
_TURNS: Final = 16
_NO_ROWS: Final[Rows] = np.zeros(0, np.uint32)


class Tiers(NamedTuple):
    """What a store has for its bodies.

    Where segments are, how many bytes may be resident, how many memories a tier of a space holds,
    what hands freed RAM back to the system, and what asks it for RAM before it is needed.
    """

    segments: Segments
    budget_bytes: int
    capacities_of: Callable[[str], Capacities]
    give_back: Callable[[], None]
    provide: Provide | None = None
    quotas_of: Callable[[str], Quotas] | None = None


class TierStatus(NamedTuple):
    """How the bodies of a space stand: counts by tier, steps done, why the last one failed.

    `capacity` is how many memories the space may hold, 0 for one that is being closed.
    """

    hot: int
    warm: int
    cold: int
    steps: int
    error: str | None
    capacity: int


class Housekeeping:
    """One task for all spaces of a store. Belongs to its event loop."""

    def __init__(
        self,
        tiers: Tiers,
        clock: Clock,
        activity: Activity,
        run: RunBlocking,
    ) -> None:
        self.budget = Budget(tiers.budget_bytes, tiers.segments.cache)
        self._segments = tiers.segments
        self.capacities_of = tiers.capacities_of
        self.quotas_of = tiers.quotas_of or (lambda _: Quotas())
        self.fullness: dict[str, Fullness] = {}  # what open spaces take of their quotas
        self._give_back, self._provide = tiers.give_back, tiers.provide
        self._clock = clock
        self._activity = activity
        self._run_blocking = run
        self._kept: dict[str, Kept] = {}
        self._resident: Counter[str] = Counter()
        self._turn = 0
        self._wake = anyio.Event()
        self._scope = anyio.CancelScope()
        self.moving = anyio.Lock()
        """Held while bodies move: whoever holds it finds them where they were."""
        self._closing = False

    def add(self, engine: Tended) -> Capacities:
        """Look after a space from now on; return its capacities."""
        self._forget(engine.space)
        kept = self._kept[engine.space] = Kept(engine, self.capacities_of(engine.space))
        kept.ahead = None if self._provide is None else Ahead(self._clock, self._provide)
        self._measure([kept])
        if not self._is_small(kept):
            self._wake.set()
        return kept.capacities

    def room_check(self, space: str, state: SpaceState) -> Callable[[int, int], None]:
        """Return what lets memories of a space in, and let its state be held to its quotas."""
        fullness = self.fullness[space] = Fullness(self.quotas_of(space))
        return held_to(fullness, space, state, self._clock, self.check_room)

    async def remove(self, space: str) -> None:
        """Look after a space no more; a step under way ends first."""
        self.fullness.pop(space, None)
        self._forget(space)
        async with self.moving:
            return

    def _forget(self, space: str) -> None:
        kept = self._kept.pop(space, None)
        if kept is not None:
            self._resident.subtract(kept.resident)

    def grown(self, engine: Tended, body_bytes: int, count: int) -> None:
        """Note that bodies came into RAM."""
        self.budget.take(body_bytes, count)
        kept = self._kept.get(engine.space)
        if kept is None:
            return
        if kept.ahead is not None:
            kept.ahead.grown(engine.view.hot, body_bytes)
        limits = kept.capacities
        if self.budget.excess_bytes or engine.view.hot.count >= limits.hot + limits.segment:
            self._wake.set()

    def may_commit(self, body_bytes: int) -> bool:
        """Whether bodies may come into RAM, or will be refused; False: they wait for room."""
        if not body_bytes or self.budget.admits(body_bytes) or self.budget.refusal:
            return True
        self._wake.set()
        return False

    def has_room(self, body_bytes: int) -> bool:
        """Whether these bodies may come into RAM, without waiting or being refused."""
        return self.budget.admits(body_bytes)

    def check_room(self, body_bytes: int, count: int) -> None:
        """Refuse memories for which no room can be made; Overloaded names the budget."""
        if count and not self.budget.admits(body_bytes) and self.budget.refusal is not None:
            raise self.budget.refusal

    def renumbered(self, space: str) -> None:
        """Forget rows of a space that was compacted: they have other numbers now."""
        if space in self._kept:
            self._kept[space].recalled, self._kept[space].checked = _NO_ROWS, None

    def look(self) -> None:
        """Look soon whether there is something to do."""
        self._wake.set()

    def status_of(self, engine: Tended) -> TierStatus:
        """Return how the bodies of an open space stand."""
        view, kept = engine.view, self._kept.get(engine.space)
        counts = {"warm": 0, "cold": 0}
        for part in view.sealed:
            if part is not None:
                counts[part.segment.tier] += part.segment.count
        steps, error = (kept.steps, kept.error) if kept is not None else (0, None)
        capacity = kept.capacities.cold if kept is not None else 0
        return TierStatus(view.hot.count, counts["warm"], counts["cold"], steps, error, capacity)

    def resident(self) -> ResidentBytes:
        """Return the bytes that all open spaces hold in RAM, by what they are for."""
        self._measure(self._kept.values())
        cache = self._segments.cache.counts().resident_bytes
        return ResidentBytes(**self._resident, cache=cache, moving=self.budget.moving_bytes)

    async def run(self) -> None:
        """Do step after step until closed."""
        with self._scope:
            while not self._closing:
                self._wake = anyio.Event()
                worked = await self._round()
                self.budget.is_stuck = not worked and self._cannot_help()
                self.budget.look_again()
                for kept in self._kept.values():
                    kept.engine.wake_up()
                if not worked:
                    await self._rest()

    async def aclose(self) -> None:
        """End after the step under way; harmless when repeated."""
        self._closing = True
        self._scope.cancel()
        async with self.moving:
            self._kept.clear()

    def _cannot_help(self) -> bool:
        """Whether bodies must leave RAM, and a round that knew of them found no way."""
        has_failed = any(kept.error is not None for kept in self._kept.values())
        return self.budget.excess_bytes > 0 and (has_failed or not self._wake.is_set())

    async def _rest(self) -> None:
        """Wait for something to do: told so, or to be tried again."""
        if any(kept.error is not None for kept in self._kept.values()):
            await self._clock.sleep_until(self._clock.monotonic() + RETRY_NS_FIRST)
        else:
            await self._wake.wait()
            recalled = any(kept.engine.accesses.has_fresh for kept in self._kept.values())
            if recalled and not self.budget.excess_bytes:
                await self._clock.sleep_until(self._clock.monotonic() + _GATHER_NS)

    async def _round(self) -> bool:
        """Do the first step that any space needs; return whether there was one."""
        with anyio.CancelScope(shield=True):
            async with self.moving:
                self._measure(self._to_measure())
                now = self._clock.monotonic()
                spaces = (kept for kept in self._kept.values() if not self._is_small(kept))
                due = [kept for kept in spaces if kept.retry_at <= now]
                for kept in sorted(due, key=lambda each: -each.engine.view.hot.count):
                    if self._closing:
                        return False
                    if await self._tend(kept):
                        return True
        return False

    async def _tend(self, kept: Kept) -> bool:
        if self._is_small(kept):
            return False
        if kept.engine.accesses.has_fresh:
            kept.recalled = np.union1d(kept.recalled, kept.engine.accesses.take_fresh())
        try:
            plan = await self._run_blocking(partial(self._plan, kept))
            if plan is None:
                return False
            if not plan.is_urgent:
                await self._wait_until_idle(kept)
            if self._kept.get(kept.engine.space) is not kept:
                return False
            await self._carry_out(kept, plan)
        except Closed:
            return False
        except EngramError as error:
            kept.failed(error, self._clock.monotonic())
            return False
        kept.worked()
        return True

    def _is_small(self, kept: Kept) -> bool:
        """Whether all bodies are in RAM and may stay there."""
        view, limits = kept.engine.view, kept.capacities
        is_within = view.hot.count < limits.hot + limits.segment
        return is_within and not view.sealed and not self.budget.excess_bytes

    async def _wait_until_idle(self, kept: Kept) -> None:
        patience = self._clock.monotonic() + _PATIENCE_NS
        while self._clock.monotonic() < patience and not self._closing:
            if self._kept.get(kept.engine.space) is not kept:
                return
            begun = self._activity.begun
            await self._clock.sleep_until(self._clock.monotonic() + _IDLE_NS)
            if self._activity.begun == begun or self._is_urgent(kept):
                return

    def _measure(self, spaces: Iterable[Kept]) -> None:
        for kept in spaces:
            self._resident.update(kept.measure())
        hot = self._resident["hot"]
        self.budget.measured(self._resident.total() - hot, hot)

    def _to_measure(self) -> set[Kept]:
        """Return the spaces that changed, and some others whose indexes may have grown."""
        spaces = list(self._kept.values())
        turns = range(self._turn, self._turn + min(_TURNS, len(spaces)))
        self._turn = turns.stop % max(1, len(spaces))
        others = {spaces[number % len(spaces)] for number in turns}
        return others.union(each for each in spaces if each.has_changed)

    def _plan(self, kept: Kept) -> Plan | None:
        """Return the next step of a space, None when everything is where it belongs. Blocks."""
        view, limits, now = kept.engine.view, kept.capacities, self._clock.now()
        accesses = kept.engine.accesses
        rows, is_urgent = self._leaving(kept, view, now)
        if len(rows):
            size = self.budget.segment_bytes_max
            cuts = cut(view, rows, limits.segment, size)
            return Plan(view, [Sealing("warm", each) for each in cuts], is_urgent=is_urgent)
        raised = rows_to_raise(view, kept.recalled)
        kept.recalled = _NO_ROWS
        if len(raised):
            return Plan(view, raised=raised)
        if kept.checked is view.sealed:
            return None
        # Where bodies only came up since, few others can have been left: 2 ms a segment spared.
        at_least = none_known if kept.checked is None else searched_count
        gone = unused(view, at_least)
        if gone:
            return Plan(view, unused=gone)
        chosen = bodies_to_cool(view, accesses, now, limits) or bodies_to_merge(
            view, limits, self.budget.segment_bytes_max, at_least
        )
        if chosen is None:
            kept.checked = view.sealed
            return None
        return Plan(view, [chosen])

    def _leaving(self, kept: Kept, view: View, now: int) -> tuple[Rows, bool]:
        """Return the rows whose bodies must leave RAM, and whether callers may wait for that."""
        limits, held = kept.capacities, kept.hot_bytes
        count, size = 0, min(self.budget.excess_bytes, held)
        above = view.hot.count - limits.hot
        if above >= limits.segment:
            count = above // limits.segment * limits.segment
        if count or size:
            size = max(size, held - self.budget.hot_bytes_kept)
            found = rows_to_seal(view, kept.engine.accesses, now, count=count, bytes_count=size)
            return found, self._is_urgent(kept)
        return _NO_ROWS, False

    def _is_urgent(self, kept: Kept) -> bool:
        """Whether so many bodies must leave RAM that callers may wait for it."""
        limits = kept.capacities
        above = kept.engine.view.hot.count - limits.hot
        return above >= 2 * limits.segment or self.budget.excess_bytes > 0

    async def _carry_out(self, kept: Kept, plan: Plan) -> None:
        engine, view = kept.engine, plan.view
        if plan.unused:
            parts = without(view, plan.unused)
            await engine.between_groups(lambda state: exchange(view, parts, state))
            self._let_go(kept, view)
            return
        landed: list[Landing] = []
        has_moved = False
        try:
            for sealing in plan.sealings:
                landing = await self._write(kept, view, sealing)
                landed.append(landing)
            has_moved = await self._move(kept, view, landed, plan.raised)
        finally:
            self.budget.moving_bytes = 0
            if not has_moved:
                for landing in landed:
                    remove = partial(self._segments.remove, engine.space, landing.segment)
                    await self._run_blocking(remove)
        self._let_go(kept, view, only_raised=not landed)
        await self._run_blocking(self._give_back)

    async def _write(self, kept: Kept, view: View, sealing: Sealing) -> Landing:
        space = kept.engine.space
        self.budget.moving_bytes = 4 * view.dimensions * len(sealing.rows)
        return await self._run_blocking(
            partial(self._segments.write, space, sealing.tier, view, sealing.rows)
        )

    async def _move(self, kept: Kept, view: View, landed: Sequence[Landing], raised: Rows) -> bool:
        def prepared() -> Move:
            move = Move(view, landed, raised)
            move.catch_up(kept.engine.view)
            return move

        leaving = sum(int(body_bytes(view, landing.rows).sum()) for landing in landed)
        self.budget.moving_bytes = max(0, kept.hot_bytes - leaving)
        move = await self._run_blocking(prepared)
        self.budget.moving_bytes = move.resident_bytes
        return await kept.engine.between_groups(move.swap)

    def _let_go(self, kept: Kept, before: View, *, only_raised: bool = False) -> None:
        """Take the segments that are no longer searched out of the cache.

        From the disk the next checkpoints take them, when older views are gone.
        """
        if not only_raised:
            kept.checked = None
        view = kept.engine.view
        still = {id(part.segment) for part in view.sealed if part is not None}
        gone = [part.segment for part in before.sealed if part and id(part.segment) not in still]
        for segment in gone:
            self._segments.let_go(segment)
        if kept.engine.checkpointer is not None:
            kept.engine.checkpointer.moved(view, gone, kept.capacities.segment)
