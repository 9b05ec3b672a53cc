"""Requests with a key in a history: what was asked under each, and what it was answered with.

Rule 1: a key has one answer, whatever fails between two tries.
Rule 2: a request whose outcome is unknown happened or not; trying again resolves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engram.model.errors import check
from engram.testing.store_ledger import fields_of

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from engram.service.space import Space
    from engram.testing.store_ledger import SpacePromise, Trace

_AGAIN_SHARE = 0.6


@dataclass(slots=True)
class RequestLedger:
    """What was asked, and the ids that were answered, by space and key."""

    asked: dict[tuple[str, str], Trace] = field(default_factory=dict)
    answered: dict[tuple[str, str], str] = field(default_factory=dict)

    def settle(self, spaces: Mapping[str, SpacePromise]) -> None:
        """Learn from what the reopened spaces hold which requests had happened."""
        for request, trace in list(self.asked.items()):
            promise = spaces.get(request[0])
            if promise is None:
                self._leave_out(request)
                continue
            for memory_id, kept in promise.kept.items():
                if kept.key == trace.key:
                    known = self.answered.setdefault(request, memory_id)
                    check(known == memory_id, "a request has two memories")

    def drop(self, name: str) -> None:
        """Forget the requests to a space that is gone."""
        for request in [each for each in self.asked if each[0] == name]:
            self._leave_out(request)

    def erase(self, name: str, erased: Mapping[str, Trace]) -> None:
        """Forget the requests that made memories which were erased: their answers went, too."""
        keys = {trace.key for trace in erased.values()}
        for request, trace in list(self.asked.items()):
            if request[0] == name and trace.key in keys:
                self._leave_out(request)

    def choose(self, name: str, chance: random.Random) -> tuple[str, str]:
        """Return a request to try again, or a new one."""
        earlier = [each for each in self.asked if each[0] == name]
        if earlier and chance.random() < _AGAIN_SHARE:
            return chance.choice(earlier)
        return name, f"request {len(self.asked)} of {name}, {chance.random()}"

    async def send(
        self,
        request: tuple[str, str],
        space: Space,
        promise: SpacePromise,
        make_trace: Callable[[str], Awaitable[Trace]],
        vectors_of: Callable[[str, list[Trace]], NDArray[np.float32] | None],
    ) -> None:
        """Send a request and check its answer against the first one.

        Raises:
            InvariantViolated: it was done twice, or answered otherwise than before.
        """
        if request not in self.asked:
            self.asked[request] = await make_trace(space.id)
        trace = self.asked[request]
        known = self.answered.get(request)
        if known is None:
            promise.perhaps_remembered.append([trace])
        done = await space.remember(
            **fields_of(trace), embedding=vectors_of(space.id, [trace]), request_key=request[1]
        )
        check(done.created, "a repeated request is answered as it was at first")
        if known is None:
            promise.perhaps_remembered.remove([trace])
            promise.presence = "there"
            promise.keep(done.id, trace)
        check(self.answered.setdefault(request, done.id) == done.id, "a request has two answers")

    def _leave_out(self, request: tuple[str, str]) -> None:
        del self.asked[request]
        self.answered.pop(request, None)
