"""Histories with crowds of plain writers: a group is decided while the one before it is written.

Some crowds come one by one, turns of the loop apart: their small groups are held back for more.

Rule 1: what a writer was told is kept, though the disk fails while two groups are on their way.
Rule 2: each writer reads its own writes.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import numpy as np
from anyio import lowlevel

from engram.model.errors import DurabilityError, check
from engram.testing.store_histories import DIMENSIONS, StoreHistory
from engram.testing.store_insides import engine_of
from engram.testing.store_ledger import Trace
from engram.testing.store_traces import is_given

if TYPE_CHECKING:
    from engram.service.space import Space
    from engram.service.store import Engram
    from engram.testing.store_histories import Verb

WRITERS: Final = (20, 40, 90)
WRITES_MAX: Final = 4
FORGET_SHARE: Final = 0.1
TURNS_APART: Final = (0, 0, 3)
_IN_FLIGHT: Final = 2


class Crowd(StoreHistory):
    """A history in which many callers write texts with vectors and nothing else, at once."""

    _written = 0

    def verbs(self) -> list[tuple[Verb, int]]:
        """Return what may be done next, with how often."""
        return [*super().verbs(), (self._crowd, 60)]

    async def _crowd(self, store: Engram, name: str) -> None:
        """Writers in two waves or more, or one by one; some forget what they wrote."""
        if not is_given(name):
            return
        space = await store.space(name)
        failures: list[DurabilityError] = []
        working = self.chance.choice(WRITERS)
        plans = [
            [self._plain() for _ in range(self.chance.randint(1, WRITES_MAX))]
            for _ in range(working)
        ]
        forgets = [self.chance.random() < FORGET_SHARE for _ in range(working)]

        turns_apart = self.chance.choice(TURNS_APART)

        async def write(traces: list[Trace], *, forget: bool, turns: int) -> None:
            nonlocal working
            try:
                for _ in range(turns):
                    await lowlevel.checkpoint()
                for trace in traces:
                    memory_id = await self._remember_plain(space, trace)
                if forget:
                    await self._forget_one(space, memory_id)
            except DurabilityError as error:
                failures.append(error)
            finally:
                working -= 1

        async def watch() -> None:
            engine = engine_of(store, name)
            while engine is not None and working:
                if engine.log.last_lsn - engine.log.durable_lsn >= _IN_FLIGHT:
                    self.facts["ahead"] += 1
                await lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            for number, (traces, forget) in enumerate(zip(plans, forgets, strict=True)):
                turns = number * turns_apart
                tasks.start_soon(partial(write, traces, forget=forget, turns=turns))
            tasks.start_soon(watch)
        if failures:
            raise failures[0]

    def _plain(self) -> Trace:
        self._written += 1
        numbers = [self.chance.uniform(-1, 1) for _ in range(DIMENSIONS)]
        return Trace(f"crowd {self._written}", np.array(numbers, "<f4").tobytes())

    async def _remember_plain(self, space: Space, trace: Trace) -> str:
        promise = self._promised(space.id)
        promise.perhaps_remembered.append([trace])
        done = await space.remember(trace.content, embedding=np.frombuffer(trace.vector, "<f4"))
        check(done.created, "a new memory was taken for a known one")
        promise.perhaps_remembered.remove([trace])
        promise.presence = "there"
        promise.keep(done.id, trace)
        memory = await space.get(done.id)
        check(memory.content == trace.content, "a write is not visible to the next read")
        return done.id
