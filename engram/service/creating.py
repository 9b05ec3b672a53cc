"""How many memory spaces there may be, and how many of them one caller may make.

Who can write to any space could make up ids for ever: each is a directory, a log, tasks and labels
of metrics. What is made is counted per caller as long as the process lives; how many there are in
all is counted on the disk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from engram.model.errors import TooManySpaces
from engram.model.ids import DEFAULT_SPACE
from engram.ports import Clock

_RECOUNT_NS: Final = 1_000_000_000
# A space that was to be made and is not there by then never was: what was written broke a rule.
_MAKING_NS: Final = 10_000_000_000


class NewSpaces:
    """Lets new spaces in as long as there is room; a bound of 0 is none."""

    def __init__(self, clock: Clock, spaces_max: int = 0, per_caller_max: int = 0) -> None:
        self._clock = clock
        self._spaces_max, self._per_caller_max = spaces_max, per_caller_max
        self._count: int | None = None
        """How many there are at most; None when that is not known."""
        self._made: dict[str, dict[str, int]] = {}
        """What callers made, or were about to make, and when."""
        self._counted_at = -_RECOUNT_NS

    def changed(self, dropped: str | None = None) -> None:
        """Count again before the next space: one was dropped, or some were restored."""
        self._count = None
        for made in self._made.values():
            made.pop(dropped or "", None)

    async def check(self, space: str, names: Callable[[], Awaitable[list[str]]]) -> None:
        """Raise TooManySpaces when there is no room for one more space, which is not there."""
        if not self._spaces_max or space == DEFAULT_SPACE:
            return
        if self._count is None:
            await self._recount(names)
        if self._is_full and self._is_due:
            await self._recount(names)
        if self._is_full:
            raise TooManySpaces(space, "spaces_max", self._spaces_max)
        self._count = (self._count or 0) + 1

    async def check_caller(
        self, space: str, caller: str, names: Callable[[], Awaitable[list[str]]]
    ) -> None:
        """Raise TooManySpaces when a caller has made as many as it may."""
        most = self._per_caller_max
        if not most or space == DEFAULT_SPACE or space in self._made.get(caller, ()):
            return
        if len(self._made.get(caller, ())) >= most and self._is_due:
            await self._recount(names)
        made = self._made.setdefault(caller, {})
        if len(made) >= most:
            raise TooManySpaces(space, "spaces_per_caller", most)
        made[space] = self._clock.monotonic()

    @property
    def _is_full(self) -> bool:
        return self._count is not None and self._count >= self._spaces_max

    @property
    def _is_due(self) -> bool:
        """Whether it is time to look at the disk again; not for each of many refusals."""
        return self._clock.monotonic() - self._counted_at >= _RECOUNT_NS

    async def _recount(self, names: Callable[[], Awaitable[list[str]]]) -> None:
        now = self._counted_at = self._clock.monotonic()
        there = set(await names())
        self._count = len(there)
        for caller, made in list(self._made.items()):
            kept = {
                space: since
                for space, since in made.items()
                if space in there or now - since < _MAKING_NS
            }
            if kept:
                self._made[caller] = kept
            else:
                del self._made[caller]
