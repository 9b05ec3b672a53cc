"""Asks for the memory that a burst of writes is about to fill, before it gets there.

Rule 1: only while much is written: what nobody fills would lie idle, accounted for by nobody.
Rule 2: it asks and never waits; whoever comes first to a page has it cleared then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from engram.state.columns import PAGE_MASK

if TYPE_CHECKING:
    from engram.ports import Clock
    from engram.state.bodies import HotView

Provide = Callable[[Sequence[memoryview]], None]

# 1 MiB of bodies in half a second are a burst: 700 memories of 1 KiB with 384 dimensions.
_NOTED_BYTES: Final = 1 << 20
_BURST_NS: Final = 500_000_000
# 4 MiB at once, and again when less than that is left: a tenth of a second of 30,000 writes.
_STEP_BYTES: Final = 4 << 20


class Ahead:
    """How far the memory of one space's bodies was asked for. Belongs to the engine's loop."""

    __slots__ = ("_began", "_bytes_count", "_clock", "_page", "_provide", "_reached")

    def __init__(self, clock: Clock, provide: Provide) -> None:
        self._clock, self._provide = clock, provide
        self._began = clock.monotonic()
        self._bytes_count = self._reached = 0
        self._page: tuple[object, int, int] | None = None

    def grown(self, hot: HotView, body_bytes: int) -> None:
        """Note that so many bytes of bodies came; `hot` are the bodies in RAM after that."""
        self._bytes_count += body_bytes
        if self._bytes_count < _NOTED_BYTES:
            return
        now = self._clock.monotonic()
        is_burst = now - self._began < _BURST_NS
        self._began, self._bytes_count = now, 0
        if is_burst:
            wanted = [*self._of_vectors(hot), *self._of_texts(hot)]
            if wanted:
                self._provide(wanted)

    def _of_vectors(self, hot: HotView) -> list[memoryview]:
        offset = hot.count & PAGE_MASK
        if not offset or not hot.vectors:
            return []
        page = hot.vectors[-1]
        which = (hot.layout, len(hot.vectors), page.nbytes)
        if which != self._page:
            self._page, self._reached = which, 0
        filled = offset * page[0].nbytes
        if page.nbytes < 2 * _STEP_BYTES or self._reached - filled > _STEP_BYTES:
            return []
        first = max(filled, self._reached)
        self._reached = min(page.nbytes, first + _STEP_BYTES)
        return [page.data.cast("B")[first : self._reached]]

    def _of_texts(self, hot: HotView) -> list[memoryview]:
        spare = hot.contents.room_ahead()
        return [] if spare is None else [spare]
