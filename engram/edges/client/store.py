"""A store that a server has open."""

from __future__ import annotations

from typing import Any

from engram.edges.client.line import Asked, Line
from engram.edges.client.space import RemoteSpace
from engram.edges.client.values import Health, Spaces
from engram.model.health import StoreHealth
from engram.model.ids import DEFAULT_SPACE, check_space_id
from engram.model.memory import Checkpointed, Compacted, SpaceInfo


class RemoteEngram:
    """A store that a server has open; `engram.connect` makes one.

    What belongs to the process of the server, such as its kernels, and backups are not here.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    def __repr__(self) -> str:
        """Return the store with the address of its server."""
        return f"<RemoteEngram {self._line.url!r}>"

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._line.url

    async def space(self, space_id: str = DEFAULT_SPACE) -> RemoteSpace:
        """Return the handle of a memory space; it is created by the first write to it.

        The server is not asked: what is wrong with a space its verbs tell. Raises InvalidRequest
        when the id breaks the rule.
        """
        return RemoteSpace(check_space_id(space_id), self._line)

    async def create_space(self, space_id: str) -> RemoteSpace:
        """Create a memory space and return its handle; SpaceAlreadyExists when it is there."""
        space = RemoteSpace(check_space_id(space_id), self._line)
        await self._line.ask(Asked("POST", "/spaces"), dict[str, Any], {"id": space_id})
        return space

    async def drop_space(self, space_id: str) -> None:
        """Delete a memory space with all its bytes; `default` cannot be deleted."""
        path = f"/spaces/{check_space_id(space_id)}"
        await self._line.ask(Asked("DELETE", path), dict[str, Any])

    async def spaces(self) -> list[SpaceInfo]:
        """Return every memory space that one may ask; damaged ones say why."""
        return list((await self._line.ask(Asked("GET", "/spaces"), Spaces)).spaces)

    async def health(self) -> StoreHealth:
        """Return how the store and each of its spaces stand; none is opened for it."""
        return (await self._line.ask(Asked("GET", "/system/health"), Health)).value()

    async def checkpoint(self, space_id: str = DEFAULT_SPACE) -> Checkpointed:
        """Write a snapshot of a space; see `engram.Space.checkpoint`."""
        return await (await self.space(space_id)).checkpoint()

    async def compact(self, space_id: str = DEFAULT_SPACE) -> Compacted:
        """Let go of what a space forgot long ago; see `engram.Space.compact`."""
        return await (await self.space(space_id)).compact()
