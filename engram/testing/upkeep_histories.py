"""Histories in which operators are at work as well: they erase, compact, convert and back up.

Rule 1: an erasure that returned left nothing of the memory in any file of its space, for ever.
Rule 2: compacting and converting change no answer.
Rule 3: a backup made while writes go on is restored to the digest it was made with, and holds what
        was acknowledged before it began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
import msgspec

from engram.backup.repository import Repository
from engram.model.errors import DurabilityError, InvariantViolated, Overloaded, check
from engram.service.backups import Backups
from engram.testing.archives import MemoryArchive
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.store_histories import StoreHistory
from engram.testing.store_insides import check_injected, engine_of
from engram.testing.store_ledger import Trace, contents
from engram.testing.store_traces import is_given
from engram.testing.tiered_store import files_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram.service.backups import BackupMade
    from engram.service.store import Engram
    from engram.testing.store_histories import OpenStore, Verb

RETENTIONS_S: Final = (0, 2_000, 7 * 86_400)
ERASED_AT_ONCE_MAX: Final = 3
_MARK_CHARACTERS: Final = 4
"""Of the first word after a text's number; with the number no other text has them."""

Kept = dict[str, dict[str, Trace]]


class UpkeepHistory(StoreHistory):
    """A history with operators; their backups are in a place that never fails."""

    def __init__(self, seed: int, open_store: OpenStore) -> None:
        super().__init__(seed, open_store)
        retention = self.chance.choice(RETENTIONS_S)
        self._settings = msgspec.structs.replace(self._settings, history_retention=retention)
        self._backups = Backups(Repository(MemoryArchive(), self._clock, self._entropy))

    def verbs(self) -> list[tuple[Verb, int]]:
        """Return what may be done next, with how often."""
        upkeep: list[tuple[Verb, int]] = [
            (self._erase, 14),
            (self._compact, 10),
            (self._reembed, 6),
            (self._back_up, 5),
        ]
        return [*super().verbs(), *upkeep]

    async def settle(self, store: Engram) -> None:
        """Compare the store with what was promised, and look for what was erased.

        Raises:
            InvariantViolated: a promise was broken.
        """
        await super().settle(store)
        for name, promise in self.promise.spaces.items():
            self.requests.erase(name, promise.erased)
        self._scan(store)

    async def _erase(self, store: Engram, name: str) -> None:
        """Erase some memories; when that returns no file holds anything of them."""
        promise, kept = self.promise.spaces.get(name), self._kept(name)
        if promise is None or not kept:
            return
        count = min(len(kept), self.chance.randint(1, ERASED_AT_ONCE_MAX))
        ids = {memory_id for memory_id, _ in self.chance.sample(kept, count)}
        promise.perhaps_forgotten |= ids
        promise.perhaps_erased |= ids
        await (await store.space(name)).forget_many(sorted(ids), mode="erase")
        promise.perhaps_forgotten -= ids
        promise.perhaps_erased -= ids
        for memory_id in ids:
            promise.note_erased(memory_id)
            del promise.kept[memory_id], promise.seen[memory_id]
        self.requests.erase(name, promise.erased)
        self.facts.update(erased=count)
        self._scan(store)

    async def _compact(self, store: Engram, name: str) -> None:
        """Drop the rows of what was forgotten long ago; every answer stays."""
        engine, promise = engine_of(store, name), self.promise.spaces.get(name)
        if engine is None or promise is None:
            return
        before = contents(engine)
        try:
            done = await store.compact(name)
        except Overloaded:  # an erasure was under way all the time
            return
        self.facts.update(compacted=done.rows_dropped)
        check(contents(engine) == before, "a compaction changed what the space holds")
        promise.check_moments(engine.view)

    async def _reembed(self, store: Engram, name: str) -> None:
        """Convert a space to the embedder that it has: every vector is made again as it was."""
        engine = engine_of(store, name)
        if engine is None or is_given(name) or name not in self.promise.spaces:
            return
        before = contents(engine)
        self.facts.update(reembedded=await store.reembed(name))
        check(contents(engine) == before, "a conversion to the same embedder changed something")

    async def _back_up(self, store: Engram, name: str) -> None:
        """Back up all spaces while one is written, restore it elsewhere, and compare."""
        before = {
            each: dict(promise.kept)
            for each, promise in self.promise.spaces.items()
            if promise.is_certain and engine_of(store, each) is not None
        }
        made: list[BackupMade] = []
        failures: list[DurabilityError] = []

        async def write() -> None:
            try:
                for _ in range(self.chance.randint(1, 4)):
                    await self._remember(store, name)
            except DurabilityError as error:
                failures.append(error)

        async def back_up() -> None:
            try:
                made.append(await store.backup(self._backups))
            except DurabilityError as error:
                check_injected(str(error))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            tasks.start_soon(back_up)
        for each in made:
            await self._compare(each, before)
        if failures:
            raise failures[0]

    async def _compare(self, made: BackupMade, before: Kept) -> None:
        """Restore a backup into a store of its own and compare what is there."""
        digests = {each.space: each.digest for each in made.backup.spaces}
        async with self.opened(SimulatedFilesystem()) as other:
            restored = await other.restore(self._backups, made.backup.id, replace=True)
            check({each.space for each in restored} == digests.keys(), "all spaces are restored")
            for each in restored:
                check(each.digest == digests[each.space], "a restored space is another")
                engine = engine_of(other, each.space)
                if engine is None:
                    raise InvariantViolated("a restored space does not serve")
                found = {memory_id: one.trace for memory_id, one in contents(engine).items()}
                kept = before.get(each.space, {})
                check(kept.items() <= found.items(), "a backup lacks what was acknowledged")
        self.facts.update(backups=1)

    def _scan(self, store: Engram) -> None:
        """Look for what was erased in the files of spaces whose erasures are over.

        Raises:
            InvariantViolated: something is left of it.
        """
        for name, promise in self.promise.spaces.items():
            engine = engine_of(store, name)
            if engine is None or engine.eraser is None or engine.eraser.pending:
                continue
            needles = [each for trace in promise.erased.values() for each in _marks(name, trace)]
            for path in files_of(self.filesystem, name) if needles else ():
                data = self.filesystem.content(path)
                for needle in needles:
                    check(needle not in data, f"{path} holds what was erased")


def _marks(name: str, trace: Trace) -> Iterator[bytes]:
    """Give what of a memory no other has, and only its own bytes hold."""
    if is_given(name):
        yield trace.vector
    number, space, rest = trace.content.partition(" ")
    if len(rest) > _MARK_CHARACTERS:
        yield (number + space + rest[:_MARK_CHARACTERS]).encode()
