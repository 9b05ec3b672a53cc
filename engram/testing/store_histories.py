"""Seeded histories of a whole store: spaces and memories come and go, and the disk fails.

The same seed gives the same requests and faults. Each generation opens the store, compares what it
holds with what was promised, works until the power fails or the generation ends, and crashes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, cast

import anyio
from anyio import lowlevel

from engram.model.errors import (
    DimensionMismatch,
    DurabilityError,
    StorageFailed,
    check,
)
from engram.model.ids import DEFAULT_SPACE
from engram.model.limits import MEMORY_BUDGET_BYTES_MIN
from engram.state.digest import digest
from engram.testing.clock import SeededEntropy
from engram.testing.embedders import HashingEmbedder
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.one_thread import OneThread
from engram.testing.small_tiers import SmallTiers
from engram.testing.store_edges import EdgeLedger
from engram.testing.store_insides import (
    check_injected,
    check_recalled,
    engine_of,
    facts_of,
    segments_of,
    serving,
)
from engram.testing.store_ledger import (
    SpacePromise,
    StorePromise,
    check_replay,
    contents,
    fields_of,
)
from engram.testing.store_requests import RequestLedger
from engram.testing.store_traces import Traces, given
from engram.testing.stores import HistoryClock, simulated_log

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from engram.service.preparing import NewMemory
    from engram.service.space import Space
    from engram.service.store import Engram
    from engram.testing.store_ledger import Trace

    OpenStore = Callable[..., AbstractAsyncContextManager[Engram]]
    Verb = Callable[[Engram, str], Awaitable[None]]

SPACES: Final = (DEFAULT_SPACE, "notes", "given-1", "given-2")
GENERATIONS_MAX: Final = 5
CALLS_MAX: Final = (60, 200, 600)
STEPS_MAX: Final = 14
DIMENSIONS: Final = 8
RESTS_MAX: Final = 60
CHECKPOINT_LOG_BYTES: Final = (4_000, 30_000, 1 << 30)
FAULTS: Final = ("power", "power", "power", "EIO", "ENOSPC", "short")
KEEP_ALL_SHARE: Final = 0.3
QUIET_SHARE: Final = 0.25


async def run_store_history(
    seed: int, open_store: OpenStore, kind: type[StoreHistory] | None = None
) -> Counter[str]:
    """Run one whole history; return what it came through, and how many `memories` were found.

    `open_store` is `engram.open`; `kind` is the history's class, StoreHistory where left out.

    Raises:
        InvariantViolated: a promise was broken.
        LogCorrupted: the store refused what only a crash had done to it.
    """
    history = (kind or StoreHistory)(seed, open_store)
    with history.thread.installed():
        for _ in range(history.chance.randint(2, GENERATIONS_MAX)):
            await history.generation()
        await history.end()
    return history.facts


class StoreHistory:
    """One history: the disk, the promise, and the next thing to do."""

    def __init__(self, seed: int, open_store: OpenStore) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable is the point
        self.filesystem = SimulatedFilesystem(seed)
        self.promise = StorePromise()
        self.requests = RequestLedger()
        self.edges = EdgeLedger()
        self.facts: Counter[str] = Counter()
        self._open_store = open_store
        self._embedder = HashingEmbedder(DIMENSIONS)
        self._clock = HistoryClock(tick_ns=0)
        self._entropy = SeededEntropy(seed)
        self.thread = OneThread(seed)
        self._traces = Traces(self.chance, self._embedder)
        self._settings = SmallTiers(
            memory_budget=MEMORY_BUDGET_BYTES_MIN,
            checkpoint_log_bytes=self.chance.choice(CHECKPOINT_LOG_BYTES),
        )
        self._stopped: set[str] = set()
        self._opened = False

    @asynccontextmanager
    async def opened(self, elsewhere: SimulatedFilesystem | None = None) -> AsyncIterator[Engram]:
        """Open the store on the simulated disk, or another one."""
        async with self._open_store(
            "simulated",
            settings=self._settings,
            embedder=self._embedder,
            kernels="numpy",
            filesystem=elsewhere or self.filesystem,
            clock=self._clock,
            entropy=self._entropy,
            open_log=simulated_log(),
            run_blocking=self.thread.run,
        ) as store:
            yield store

    async def generation(self) -> None:
        """Open, compare, work until something fails or enough is done, crash."""
        filesystem = self.filesystem
        dies_at = filesystem.call_count + self.chance.randint(1, self.chance.choice(CALLS_MAX))
        fault = self.chance.choice(FAULTS)
        quiet = self.chance.random() < QUIET_SHARE

        def plan(call: int, _: str) -> str | None:
            return fault if call == dies_at and not quiet else None

        filesystem.plan = plan
        self._stopped.clear()
        self.promise.spaces.setdefault(DEFAULT_SPACE, SpacePromise("perhaps new"))
        dies_open = self.chance.random() < 1 / 2
        keep_all = self.chance.random() < KEEP_ALL_SHARE
        try:
            async with self.opened() as store:
                await self.settle(store)
                await self._work(store)
                self._note_digests(store)
                if dies_open:
                    filesystem.plan = lambda *_: "power"
        except DurabilityError as error:
            check_injected(str(error))
        filesystem.plan = None
        filesystem.crash(keep_all=keep_all)

    async def end(self) -> None:
        """Open twice with no fault: both times everything must be there."""
        for _ in range(2):
            self.promise.spaces.setdefault(DEFAULT_SPACE, SpacePromise("perhaps new"))
            async with self.opened() as store:
                await self.settle(store)
                self._note_digests(store)
        left = [name for name in self.filesystem.list("") if name.startswith(".")]
        check(not left, "what a drop left behind is still there after a start")
        kept = sum(len(space.kept) for space in self.promise.spaces.values())
        self.facts.update(histories=1, memories=kept, calls=self.filesystem.call_count)

    async def settle(self, store: Engram) -> None:
        """Compare the store with what was promised."""
        infos = await store.spaces()
        failed = [info for info in infos if info.phase != "ready"]
        for info in failed:
            check_injected(str(info.reason))
            await store.space(info.id)  # a fault of the moment has passed, a power loss has not
        if failed:
            infos = await store.spaces()
        for info in infos:
            check(info.phase == "ready", f"{info.id!r} is {info.phase}: {info.reason}")
        self.promise.settle_names(info.id for info in infos)
        for name, promise in self.promise.spaces.items():
            engine = serving(store, name)
            was_certain, before = promise.is_certain, promise.digest
            promise.settle(contents(engine))
            promise.digest = None
            self.facts["associations"] += self.edges.settle(name, engine.view, set(promise.kept))
            after = await check_replay(engine, segments_of(store, name))
            check(not (was_certain and before) or before == after, "reopening changed the digest")
            promise.check_moments(engine.view)
        self.requests.settle(self.promise.spaces)

    def verbs(self) -> Sequence[tuple[Verb, int]]:
        """Return what may be done next, with how often."""
        return (
            (self._remember, 30),
            (self._remember_many, 20),
            (self._keyed, 20),
            (self._burst, 12),
            (self._again, 8),
            (self._forget, 16),
            (self._associate, 12),
            (self._recall, 6),
            (self._refused, 4),
            (self._create, 8),
            (self._drop, 8),
            (self._checkpoint, 8),
            (self._rest, 8),
            (self._look_back, 12),
        )

    async def _work(self, store: Engram) -> None:
        verbs = self.verbs()
        for _ in range(self.chance.randint(1, STEPS_MAX)):
            self._clock.advance(self.chance.choice([0, 1, 1_000_000, 10**12]))
            if self.chance.random() < 0.05:  # noqa: PLR2004 - now and then a clock is set back
                self._clock.set_wall_time(self._clock.now() - 10**10)
            (verb,) = self.chance.choices([v for v, _ in verbs], [weight for _, weight in verbs])
            name = self.chance.choice([name for name in SPACES if name not in self._stopped])
            try:
                await verb(store, name)
            except DurabilityError as error:
                check_injected(str(error))
                self._stopped.add(name)
                if not self._has_power() or len(self._stopped) == len(SPACES):
                    return

    def _has_power(self) -> bool:
        try:
            self.filesystem.list("")
        except DurabilityError:
            return False
        return True

    async def _remember(self, store: Engram, name: str) -> None:
        await self._remember_one(await store.space(name), await self._traces.make(name))

    async def _burst(self, store: Engram, name: str) -> None:
        """Several callers at once: their requests share a commit group."""
        space = await store.space(name)
        failures: list[DurabilityError] = []
        traces = [await self._traces.make(name) for _ in range(self.chance.randint(2, 5))]
        kept = self._kept(name)
        doomed = self.chance.choice(kept)[0] if kept else None

        async def call(verb: Awaitable[None]) -> None:
            try:
                await verb
            except DurabilityError as error:
                failures.append(error)

        async with anyio.create_task_group() as tasks:
            for trace in traces:
                tasks.start_soon(call, self._remember_one(space, trace))
            if doomed is not None:
                tasks.start_soon(call, self._forget_one(space, doomed))
        if failures:
            raise failures[0]

    async def _remember_one(self, space: Space, trace: Trace) -> None:
        promise = self._promised(space.id)
        promise.perhaps_remembered.append([trace])
        done = await space.remember(**fields_of(trace), embedding=given(space.id, [trace]))
        check(done.created, "a new memory was taken for a known one")
        promise.perhaps_remembered.remove([trace])
        promise.presence = "there"
        promise.keep(done.id, trace)
        memory = await space.get(done.id)
        check(memory.content == trace.content, "a write is not visible to the next read")

    async def _remember_many(self, store: Engram, name: str) -> None:
        """A batch of new memories, and one that is known already."""
        promise, space = self._promised(name), await store.space(name)
        traces = [await self._traces.make(name) for _ in range(self.chance.randint(1, 6))]
        known = self._kept_texts(name)
        again = self.chance.choice(known) if known else None
        items = traces if again is None else [*traces, again[1]]
        promise.perhaps_remembered.append(traces)
        if again is not None:
            promise.perhaps_seen.append(again[0])
        vectors = given(name, items)
        done = await space.remember_many(
            [cast("NewMemory", fields_of(each)) for each in items], embeddings=vectors
        )
        check(done.created_count == len(traces), "a batch counts what was new")
        promise.perhaps_remembered.remove(traces)
        promise.presence = "there"
        for memory_id, trace in zip(done.ids, traces, strict=False):
            promise.keep(memory_id, trace)
        if again is not None:
            check(done.ids[-1] == again[0], "a known memory has its id")
            promise.perhaps_seen.remove(again[0])
            promise.seen[again[0]] += 1

    async def _keyed(self, store: Engram, name: str) -> None:
        request, space = self.requests.choose(name, self.chance), await store.space(name)
        await self.requests.send(request, space, self._promised(name), self._traces.make, given)

    async def _again(self, store: Engram, name: str) -> None:
        known = self._kept_texts(name)
        if not known:
            return
        promise = self._promised(name)
        memory_id, trace = self.chance.choice(known)
        promise.perhaps_seen.append(memory_id)
        space = await store.space(name)
        done = await space.remember(**fields_of(trace), embedding=given(name, [trace]))
        check((done.id, done.created) == (memory_id, False), "a known memory was stored twice")
        promise.perhaps_seen.remove(memory_id)
        promise.seen[memory_id] += 1

    async def _forget(self, store: Engram, name: str) -> None:
        if kept := self._kept(name):
            await self._forget_one(await store.space(name), self.chance.choice(kept)[0])

    async def _forget_one(self, space: Space, memory_id: str) -> None:
        promise = self._promised(space.id)
        promise.perhaps_forgotten.add(memory_id)
        await space.forget(memory_id)
        promise.perhaps_forgotten.remove(memory_id)
        del promise.kept[memory_id], promise.seen[memory_id]

    async def _associate(self, store: Engram, name: str) -> None:
        ids = [memory_id for memory_id, _ in self._kept(name)]
        if len(ids) > 1:
            await self.edges.send(await store.space(name), ids, self.chance)

    async def _recall(self, store: Engram, name: str) -> None:
        if kept := self._kept_texts(name):
            await check_recalled(store, name, *self.chance.choice(kept))

    async def _refused(self, store: Engram, name: str) -> None:
        """A request that is refused leaves nothing behind."""
        if not self._kept(name):
            return
        try:
            await (await store.space(name)).remember("refused", embedding=[1.0] * (DIMENSIONS + 1))
        except DimensionMismatch:
            return
        check(condition=False, sentence="a vector of another length was taken")

    async def _create(self, store: Engram, name: str) -> None:
        if name in self.promise.spaces:
            return
        promise = self.promise.spaces[name] = SpacePromise("perhaps new")
        await store.create_space(name)
        promise.presence = "there"

    async def _checkpoint(self, store: Engram, name: str) -> None:
        """Take a snapshot; that it fails must harm nothing, so the history just goes on."""
        engine = engine_of(store, name)
        if engine is None or engine.checkpointer is None:
            return
        with suppress(StorageFailed):
            await engine.checkpointer.checkpoint()

    async def _rest(self, store: Engram, name: str) -> None:  # noqa: ARG002
        """Leave the turn to what goes on in the background."""
        for _ in range(self.chance.randrange(RESTS_MAX)):
            await lowlevel.checkpoint()

    async def _look_back(self, store: Engram, name: str) -> None:
        """Ask about the past, and remember the present to ask about it later."""
        engine, promise = engine_of(store, name), self.promise.spaces.get(name)
        if engine is not None and promise is not None and promise.is_certain:
            promise.check_moments(engine.view)
            promise.note_moment(engine.view)

    async def _drop(self, store: Engram, name: str) -> None:
        promise = self.promise.spaces.get(name)
        if promise is None or name == DEFAULT_SPACE:
            return
        promise.presence = "perhaps gone"
        await store.drop_space(name)
        del self.promise.spaces[name]
        self.requests.drop(name)
        self.edges.drop(name)

    def _promised(self, name: str) -> SpacePromise:
        """Return the promise of a space, which the first write to it may create."""
        return self.promise.spaces.setdefault(name, SpacePromise("perhaps new"))

    def _note_digests(self, store: Engram) -> None:
        for name, promise in self.promise.spaces.items():
            engine = engine_of(store, name)
            certain = promise.is_certain and name not in self._stopped
            # What records accesses in the background may be on its way: it is not in the view yet.
            at_rest = engine is not None and engine.queue.since is None
            promise.digest = digest(engine.view) if engine and certain and at_rest else None
            if engine is not None:
                self.facts.update(facts_of(store, engine), moments=len(promise.moments))

    def _kept(self, name: str) -> list[tuple[str, Trace]]:
        promise = self.promise.spaces.get(name)
        return [] if promise is None else list(promise.kept.items())

    def _kept_texts(self, name: str) -> list[tuple[str, Trace]]:
        return [(memory_id, trace) for memory_id, trace in self._kept(name) if trace.content]
