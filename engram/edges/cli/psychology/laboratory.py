"""Where experiments take place: spaces in a store, and a clock that the experimenter moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

if TYPE_CHECKING:
    from engram.service.space import Space
    from engram.service.store import Engram
    from engram.settings import Settings

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0

# 2026-01-01T00:00:00Z; no experiment depends on the day.
_START_NS: Final = 1_767_225_600_000_000_000
_TICK_NS: Final = 1_000
_NANOSECONDS: Final = 10**9
# What works in the background rests less than 5 seconds, and lets others go first by it; nobody
# waits for that here.
_REST_NS: Final = 5 * _NANOSECONDS


def settings_of(directory: str, *, meaning: bool = False) -> Settings:
    """Return the settings of a laboratory: the defaults, and nothing is done that is not asked.

    Texts have vectors where `meaning` is asked for, by the embedder that comes along.
    """
    from engram.settings import Settings  # noqa: PLC0415 - not needed for --help

    embedder = "static" if meaning else "none"
    return Settings(data_root=directory, embedder=embedder, linker=False, consolidation=False)


class LaboratoryClock:
    """A clock that stands, but for a microsecond each time it is read, until it is moved."""

    def __init__(self) -> None:
        self._passed = 0
        self._moved = anyio.Event()
        self._is_released = False

    def now(self) -> int:
        """Return wall time in nanoseconds since the epoch."""
        return _START_NS + self.monotonic()

    def monotonic(self) -> int:
        """Return the nanoseconds that have passed in the laboratory."""
        self._passed += _TICK_NS
        return self._passed

    async def sleep_until(self, deadline: int) -> None:
        """Return when the experimenter has let that time come, and from a short rest at once."""
        while self._passed + _REST_NS < deadline and not self._is_released:
            await self._moved.wait()
        await anyio.lowlevel.checkpoint()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += round(seconds * _NANOSECONDS)
        self._moved.set()
        self._moved = anyio.Event()

    def release(self) -> None:
        """Let whoever sleeps go on: the store is being closed."""
        self._is_released = True
        self.advance(0)


class Laboratory:
    """An open store and its clock, for one experiment after the other."""

    def __init__(self, store: Engram, clock: LaboratoryClock) -> None:
        self._store, self._clock = store, clock
        self._spaces = 0

    async def space(self) -> Space:
        """Return a memory space that nobody has used."""
        self._spaces += 1
        return await self._store.create_space(f"experiment-{self._spaces}")

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._clock.advance(seconds)
