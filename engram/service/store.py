"""An open store: its memory spaces and what they are served with."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import anyio

from engram.kernels.protocol import KernelBackend
from engram.model.errors import Closed, EngramError, SpaceNotFound
from engram.model.ids import DEFAULT_SPACE, check_space_id
from engram.model.memory import SpaceInfo
from engram.ports import Embedder
from engram.service.core import Core
from engram.service.space import Progress, Space
from engram.service.vectors import check_embedder

# Spaces opened at once when all are listed: recovery is bound by the disk and two cores.
_OPENING_MAX: Final = 4


class Engram:
    """A store that is open in this process; `engram.open` makes one."""

    def __init__(self, path: str, core: Core) -> None:
        self.path = path
        self._core = core

    def __repr__(self) -> str:
        """Return the store with its path."""
        return f"<Engram {self.path!r}>"

    @property
    def kernels(self) -> KernelBackend:
        """The kernel backend in use."""
        return self._core.kernels

    @property
    def embedder(self) -> Embedder | None:
        """Who makes the vectors of texts; None when words alone are compared."""
        return self._core.embedder

    async def space(self, space_id: str = DEFAULT_SPACE) -> Space:
        """Return the handle of a memory space; it is created by the first write to it.

        Raises:
            InvalidRequest: the id breaks the rule.
            EmbedderMismatch: the space holds vectors of another embedder than the store's.
            LogCorrupted, StorageFailed: the space cannot be recovered; the others still serve.
        """
        check_space_id(space_id)
        registry = self._core.registry
        if await registry.exists(space_id):
            engine = await registry.open(space_id)
            check_embedder(space_id, engine.view, self._core.embedder)
        return Space(space_id, self._core)

    async def create_space(self, space_id: str) -> Space:
        """Create a memory space and return its handle; SpaceAlreadyExists when it is there."""
        await self._core.registry.create(space_id)
        return Space(space_id, self._core)

    async def drop_space(self, space_id: str) -> None:
        """Delete a memory space with all its bytes; `default` cannot be deleted."""
        await self._core.registry.drop(space_id)

    async def reembed(self, space_id: str = DEFAULT_SPACE, progress: Progress | None = None) -> int:
        """Convert a space to the store's embedder; see `Space.reembed`."""
        check_space_id(space_id)
        return await Space(space_id, self._core).reembed(progress)

    async def spaces(self) -> list[SpaceInfo]:
        """Return every memory space, opening those that are not; damaged ones say why."""
        names = await self._core.registry.names()
        found: dict[str, SpaceInfo] = {}
        limiter = anyio.CapacityLimiter(_OPENING_MAX)

        async def look(name: str) -> None:
            async with limiter:
                with suppress(SpaceNotFound):  # dropped meanwhile
                    found[name] = await self._info(name)

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(look, name)
        return [found[name] for name in names if name in found]

    async def _info(self, name: str) -> SpaceInfo:
        try:
            view = (await self._core.registry.open(name)).view
        except (Closed, SpaceNotFound):
            raise
        except EngramError as error:
            return SpaceInfo(name, "unavailable", 0, str(error))
        return SpaceInfo(name, "ready", view.count - view.forgotten_count)
