"""What goes on beside the verbs of each open space, begun when it is needed or nothing else is.

Of a thousand spaces that are opened at once most are neither written to nor asked for a while.
Eight tasks for each took a quarter of the time that opening them did, and the garbage collector
went through them again and again.

Rule 1: a space's writer and all that looks after it begin together: with its first command, or
        while nothing else is to do, and ten seconds after it was opened at the latest.
Rule 2: in a space that is about to be closed nothing begins any more but its writer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import anyio
from anyio import lowlevel

from engram.engine.activity import IDLE_NS
from engram.engine.consolidator import Consolidator
from engram.engine.indexing import index
from engram.engine.linker import Linker
from engram.model.errors import Closed

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from engram.engine.activity import Activity
    from engram.engine.replay import RunBlocking
    from engram.engine.space_engine import SpaceEngine
    from engram.kernels.protocol import KernelBackend
    from engram.ports import Clock, Entropy

# 10 s, as for bodies that move: opening a thousand spaces takes half of that.
_PATIENCE_NS: Final = 10_000_000_000


class Unasked(NamedTuple):
    """What is made in the background before anybody asks for it."""

    links: bool
    concepts: bool


NOTHING_UNASKED: Final = Unasked(links=False, concepts=False)


class Background:
    """The background work of a store's open spaces. Belongs to its event loop."""

    def __init__(
        self,
        engines: Mapping[str, SpaceEngine],
        tasks: TaskGroup,
        clock: Clock,
        entropy: Entropy,
        kernels: KernelBackend,
        activity: Activity,
        run: RunBlocking,
        unasked: Unasked,
    ) -> None:
        self._engines, self._tasks, self._unasked = engines, tasks, unasked
        self._clock, self._entropy, self._kernels = clock, entropy, kernels
        self._activity, self._run_blocking = activity, run
        self._linkers: dict[str, Linker] = {}
        self._consolidators: dict[str, Consolidator] = {}
        self._waiting: deque[SpaceEngine] = deque()
        self._some = anyio.Event()
        self._scope = anyio.CancelScope()
        self._closed = False

    def add(self, engine: SpaceEngine) -> None:
        """Look after a space that was opened: at once if something is due."""
        engine.begin_later(partial(self._start, engine))
        if engine.checkpoints.is_due or engine.erasures.pending:
            engine.begin()
        else:
            self._waiting.append(engine)
            self._some.set()

    async def run(self) -> None:
        """Let those that wait begin, one after the other, until closed."""
        with self._scope:
            while True:
                if not self._waiting:
                    self._some = anyio.Event()
                    await self._some.wait()
                await self._wait_until_idle()
                for _ in range(len(self._waiting)):
                    self._waiting.popleft().begin()
                    await lowlevel.checkpoint()

    def linker_of(self, space: str) -> Linker:
        """Return who links the memories of an open space; Closed when it is not, or no more."""
        linker = self._linkers.get(space)
        if linker is None:
            parts = self._clock, self._activity, self._run_blocking
            engine, is_eager = self._engine_of(space), self._unasked.links
            linker = Linker(engine, self._kernels, *parts, is_eager=is_eager)
            self._linkers[space] = linker
        return linker

    def consolidator_of(self, space: str) -> Consolidator:
        """Return who forms the concepts of an open space; Closed when it is not, or no more."""
        consolidator = self._consolidators.get(space)
        if consolidator is None:
            parts = self._clock, self._entropy, self._activity, self._run_blocking
            engine, is_eager = self._engine_of(space), self._unasked.concepts
            consolidator = Consolidator(engine, self.linker_of(space), *parts, is_eager=is_eager)
            self._consolidators[space] = consolidator
        return consolidator

    async def leave_alone(self, engine: SpaceEngine) -> None:
        """Make nothing of the memories of a space any more that is about to be closed."""
        self._begin_writer_alone(engine)
        with anyio.CancelScope(shield=True):
            for keepers in (self._consolidators, self._linkers):
                keeper = keepers.pop(engine.space, None)
                if keeper is not None:
                    await keeper.aclose()

    async def aclose(self) -> None:
        """Do the same for all spaces; harmless when repeated."""
        self._closed = True
        self._scope.cancel()
        self._waiting.clear()
        for engine in self._engines.values():
            self._begin_writer_alone(engine)
        with anyio.CancelScope(shield=True):
            for consolidator in self._consolidators.values():
                await consolidator.aclose()
            for linker in self._linkers.values():
                await linker.aclose()

    def _engine_of(self, space: str) -> SpaceEngine:
        engine = None if self._closed else self._engines.get(space)
        if engine is None:
            raise Closed(f"memory space {space!r}")
        return engine

    def _start(self, engine: SpaceEngine) -> None:
        space, start = engine.space, self._tasks.start_soon
        start(engine.run, name=f"writer of {space}")
        start(index, engine, self._kernels, self._clock, name=f"word index of {space}")
        start(engine.unrecorded.run, lambda: engine.view, name=f"accesses of {space}")
        start(engine.checkpoints.run, name=f"checkpoints of {space}")
        start(engine.compactions.run, name=f"compactions of {space}")
        start(engine.erasures.run, name=f"erasures of {space}")
        start(self.linker_of(space).run, name=f"links of {space}")
        if self._unasked.concepts:
            start(self.consolidator_of(space).run, name=f"concepts of {space}")

    def _begin_writer_alone(self, engine: SpaceEngine) -> None:
        if not engine.has_begun:
            writer = f"writer of {engine.space}"
            engine.begin_later(partial(self._tasks.start_soon, engine.run, name=writer))

    async def _wait_until_idle(self) -> None:
        """Wait until no caller has come for a while, or for as long as patience lasts."""
        until = self._clock.monotonic() + _PATIENCE_NS
        begun = -1
        while begun != self._activity.begun and self._clock.monotonic() < until:
            begun = self._activity.begun
            await self._clock.sleep_until(self._clock.monotonic() + IDLE_NS)
