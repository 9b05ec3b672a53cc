"""A memory space, as far as memories gain and lose strength in it. `Space` adds the others."""

from __future__ import annotations

from typing import Unpack

from engram.model.commands import Configure, Request
from engram.model.ids import parse_id
from engram.model.memory import Lability, Reviewed, Unsuppressed
from engram.model.space_settings import SettingArguments, SpaceSettings, check_settings
from engram.service import strengthening
from engram.service.linked_space import LinkedSpace
from engram.service.requests import body_of, check_request_key, request_of
from engram.service.strengthening import check_verdict


class StrengthenedSpace(LinkedSpace):
    """One memory space, as far as the strength of its memories goes."""

    async def unsuppress(self, memory_id: str, *, request_key: str | None = None) -> Unsuppressed:
        """Bring a suppressed memory back; MemoryNotFound when there is none with this id."""
        check_request_key(request_key)
        memory = parse_id(memory_id)
        request = self._request(request_key, body_of("unsuppress", *memory))
        return await strengthening.unsuppress(await self._engine(), [memory], request)

    async def feedback(
        self, memory_id: str, verdict: str, *, request_key: str | None = None
    ) -> Reviewed:
        """Say that a recalled memory was `useful` or `wrong`: a review, which changes its strength.

        Useful makes it last longer, the more so the less was left of it; wrong makes it fade
        sooner, and rank lower until it is found useful. Two reviews within a minute count once.

        Args:
            memory_id: as `remember` returned it.
            verdict: `useful` (FSRS's Good) or `wrong` (Again).
            request_key: as in `remember`.

        Raises:
            InvalidRequest: there is no such verdict.
            MemoryNotFound: there is no memory with this id.
            Conflict: the request key came with another request before.
        """
        check_request_key(request_key)
        check_verdict(verdict)
        memory = parse_id(memory_id)
        request = self._request(request_key, body_of("feedback", *memory, verdict))
        return await strengthening.review(await self._engine(), memory, verdict, request)

    async def lability(self, memory_id: str) -> Lability:
        """Return whether a recall has made a memory labile; MemoryNotFound when it is not there."""
        engine = await self._engine()
        return strengthening.lability(engine, parse_id(memory_id), self._core.clock.now())

    async def configure(
        self, *, request_key: str | None = None, **settings: Unpack[SettingArguments]
    ) -> SpaceSettings:
        """Change how the space forgets, durably; a space that is not there yet is made.

        Args:
            request_key: as in `remember`.
            **settings: `forgetting` (fsrs, exponential, power, two_component, savings or none) and
                the numbers of the curves: `weights` of FSRS-6 (21), `beta`, `fast_hours`,
                `slow_hours`, `fast_share`; `interference` and `priming` switch these on or off.
                What is left out stays as it is. A curve holds for all memories at once, for what
                was remembered before, too; `weights` for reviews and memories from then on.

        Raises:
            InvalidRequest: a setting breaks a rule; every violation is listed.
        """
        check_request_key(request_key)
        changes = check_settings(settings)
        request = self._request(request_key, body_of("configure", sorted(changes.items())))
        engine = await self._core.open_to_write(self.id)
        await engine.submit(Configure(changes, request))
        return engine.view.settings

    async def settings(self) -> SpaceSettings:
        """Return the settings of the space."""
        return (await self._engine()).view.settings

    def _request(self, key: str | None, body: bytes) -> Request | None:
        return None if key is None else request_of(self._principal, key, body)
