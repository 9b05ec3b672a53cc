"""One short story of a store, told again with the n-th call on the disk failing.

It writes in batches and one by one, forgets, seals, cools, takes snapshots until the log is
trimmed, and asks about the past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.model.errors import DurabilityError, InvariantViolated, check
from engram.model.ids import DEFAULT_SPACE
from engram.state.digest import digest
from engram.testing.store_histories import StoreHistory
from engram.testing.store_insides import check_injected, engine_of
from engram.testing.store_ledger import SpacePromise

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from engram.service.store import Engram
    from engram.testing.filesystem import Fault

    Verb = Callable[[Engram, str], Awaitable[None]]

SEED: Final = 11
SPACE: Final = DEFAULT_SPACE


class ScriptedHistory(StoreHistory):
    """The story on a disk of its own; `digests` holds every state that was acknowledged."""

    digests: set[str]

    async def tell(self, fault: Fault | None, number: int, *, keep_all: bool) -> int:
        """Tell it with one call failing, then crash; return how many calls it made.

        A "lie" is told by syncs alone: a write that fails may have happened, which is no lie.
        """

        def plan(call: int, operation: str) -> Fault | None:
            can_lie = operation.startswith("sync")
            return fault if call == number and (fault != "lie" or can_lie) else None

        self.digests = set()
        self.promise.spaces.setdefault(SPACE, SpacePromise("perhaps new"))
        self.filesystem.plan = plan
        with self.thread.installed():
            try:
                async with self.opened() as store:
                    await self.settle(store)
                    await self._tell(store)
            except DurabilityError as error:
                check_injected(str(error))
        calls = self.filesystem.call_count
        self.filesystem.plan = None
        self.filesystem.crash(keep_all=keep_all)
        return calls

    async def look_after(self) -> None:
        """Open twice and compare with what was promised.

        Raises:
            InvariantViolated: a promise was broken.
        """
        with self.thread.installed():
            await self.end()

    async def look_after_lie(self) -> bool:
        """Open after a sync that lied; return whether the space refused, with a reason.

        Raises:
            InvariantViolated: it serves a state that it never had.
        """
        with self.thread.installed():
            try:
                async with self.opened() as store:
                    (info,) = await store.spaces()
                    if info.phase != "ready":
                        check(info.reason, "what cannot be opened says why")
                        return True
                    engine = engine_of(store, SPACE)
                    if engine is None:
                        raise InvariantViolated("a space is listed as ready and does not serve")
                    was = not engine.view.lsn or digest(engine.view) in self.digests
                    check(was, "a space shows a state that it never had")
            except DurabilityError:
                return True
        return False

    async def _tell(self, store: Engram) -> None:
        write, many, forget = self._remember, self._remember_many, self._forget
        snapshot, rest, past = self._checkpoint, self._rest, self._look_back
        for verb in (many, write, rest, many, forget, past, snapshot, many, rest, self._keyed):
            await self._step(store, verb)
        for verb in (snapshot, forget, rest, self._keyed, many, snapshot, rest, past, write):
            await self._step(store, verb)

    async def _step(self, store: Engram, verb: Verb) -> None:
        await verb(store, SPACE)
        engine = engine_of(store, SPACE)
        if engine is not None:
            self.digests.add(digest(engine.view))
