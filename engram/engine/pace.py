"""Long work in the background, done in pieces between what callers wait for.

Rule 1: while callers are served no piece keeps the interpreter's lock for much longer than 800 us:
        a recall asks for it some twenty times, and whoever computes in Python lets go of it after
        5 ms only.
Rule 2: after a piece a recall under way is let through, and where others are served it rests, in a
        burst of them the longer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from engram.engine.activity import Activity
    from engram.engine.replay import RunBlocking
    from engram.ports import Clock

T = TypeVar("T")

_PIECE_NS: Final = 800_000
# While nobody is served: little beside the hops to the thread and back, and soon noticed.
_LONG_PIECE_NS: Final = 5_000_000
# 4,000 callers a second are a burst: writers that go on as fast as they can. It rests four times as
# long then, for what it does not do meanwhile it can do after it.
_BURST_PER_S: Final = 4_000
BURST_SHARE: Final = 4
# 100 ms without a caller count as quiet, as for the word index.
_QUIET_NS: Final = 100_000_000


class _Done(NamedTuple):
    """What steps came to in the end."""

    result: object


class Pace:
    """How fast one task in the background goes. Belongs to the event loop of the engine."""

    def __init__(self, clock: Clock, activity: Activity, run: RunBlocking, rest_share: int) -> None:
        """Prepare; where others than recalls are served it rests `rest_share` times its work."""
        self._clock, self._activity, self._run_blocking = clock, activity, run
        self._rest_share = rest_share
        self._begun = self._others = self._gave_way_at = 0
        self._busy_until = 0

    async def work_off(self, steps: Generator[None, None, T], is_urgent: Callable[[], bool]) -> T:
        """Return what steps return, taken in worker threads, some at a time.

        It does not rest while it `is_urgent`; recalls go first all the same.
        """
        monotonic = self._clock.monotonic
        while True:
            began = monotonic()
            most_ns = _PIECE_NS if self._is_busy(began) else _LONG_PIECE_NS
            piece = partial(_piece, steps, monotonic, most_ns)
            done = await self._run_blocking(piece)
            if done is not None:
                return done.result  # type: ignore[return-value]
            await self.give_way(monotonic() - began, is_urgent=is_urgent())

    async def give_way(self, worked_ns: int, *, is_urgent: bool) -> None:
        """Let callers go first after so much work."""
        activity, now = self._activity, self._clock.monotonic()
        self._is_busy(now)
        others = activity.begun - activity.recalls_begun
        served, self._others = others - self._others, others
        rest_ns = self._rest_share * worked_ns
        if is_burst(served, now - self._gave_way_at):
            rest_ns *= BURST_SHARE
        await activity.recall_ended()
        if served and not is_urgent:
            await self._clock.sleep_until(now + rest_ns)
        self._gave_way_at = self._clock.monotonic()

    def _is_busy(self, now: int) -> bool:
        """Whether callers were served lately."""
        begun = self._activity.begun
        if begun != self._begun or self._activity.recalls:
            self._begun, self._busy_until = begun, now + _QUIET_NS
        return now < self._busy_until


def is_burst(served: int, elapsed_ns: int) -> bool:
    """Whether so many callers in so long a time are a burst."""
    return served * 1_000_000_000 > _BURST_PER_S * max(elapsed_ns, 1_000_000)


def _piece(
    steps: Generator[None, None, T], monotonic: Callable[[], int], most_ns: int
) -> _Done | None:
    """Take steps for so long; return what they came to if that was the last one."""
    until = monotonic() + most_ns
    try:
        while True:
            next(steps)
            if monotonic() >= until:
                return None
    except StopIteration as end:
        return _Done(end.value)
