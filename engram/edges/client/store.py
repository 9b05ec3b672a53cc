"""A store that a server has open."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from engram.edges.client.arguments import query_of
from engram.edges.client.batches import Progress
from engram.edges.client.line import Asked, Line
from engram.edges.client.space import RemoteSpace
from engram.edges.client.values import Health, RestoredSpaces, Spaces, Verified
from engram.model.health import StoreHealth
from engram.model.ids import DEFAULT_SPACE, check_space_id
from engram.model.memory import Checkpointed, Compacted, SpaceInfo
from engram.service.backups import BackupMade, Restored, RestoreRequest

if TYPE_CHECKING:
    from engram.engine.verification import SpaceReport
    from engram.service.backups import Backups


class RemoteEngram:
    """A store that a server has open; `engram.connect` makes one.

    What belongs to the process of the server, such as its kernels, is not here.
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

    async def checkpoint(
        self, space_id: str = DEFAULT_SPACE, progress: Progress | None = None
    ) -> Checkpointed:
        """Write a snapshot of a space; see `engram.Space.checkpoint`."""
        return await (await self.space(space_id)).checkpoint(progress)

    async def compact(self, space_id: str = DEFAULT_SPACE) -> Compacted:
        """Let go of what a space forgot long ago; see `engram.Space.compact`."""
        return await (await self.space(space_id)).compact()

    async def reembed(self, space_id: str = DEFAULT_SPACE, progress: Progress | None = None) -> int:
        """Convert a space to the embedder of the server's store; see `engram.Space.reembed`."""
        return await (await self.space(space_id)).reembed(progress)

    async def verify(
        self, space_id: str = DEFAULT_SPACE, progress: Progress | None = None
    ) -> SpaceReport:
        """Read a space again, all its files, and say what is damaged; see `engram.Engram.verify`.

        `progress` is called once, when all is read.
        """
        asked = Asked("POST", "/maintenance/verify", check_space_id(space_id), is_safe=True)
        report = (await self._line.ask(asked, Verified)).value()
        if progress is not None:
            progress(report.bytes_read, report.bytes_read)
        return report

    async def backup(
        self,
        backups: Backups,
        *,
        spaces: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> BackupMade:
        """Back up the spaces named, all by default, into a place of this machine.

        The server sends them while they go on; see `engram.Engram.backup`. `progress` is called
        with the bytes that came, twice: how many there will be is not known before. The timeout of
        the client does not end it.
        """
        query = query_of({"spaces": None if spaces is None else [*map(check_space_id, spaces)]})
        async with self._line.carried(Asked("POST", "/backup", query=query)) as answer:
            kept = await backups.receive(_counted(answer.aiter_raw(), progress))
        (made,) = kept.backups
        return BackupMade(made, kept.objects_stored, kept.bytes_stored)

    async def restore(
        self,
        backups: Backups,
        backup_id: str | None = None,
        *,
        space: str | None = None,
        into: str | None = None,
        to_lsn: int | None = None,
        to_time: datetime | None = None,
        replace: bool = False,
        check: bool = True,
        progress: Progress | None = None,
    ) -> list[Restored]:
        """Restore spaces of the server from a backup of this machine; see `engram.Engram.restore`.

        The backup is sent whole, and verified there before anything is touched. `progress` and the
        timeout are as for `backup`.
        """
        request = RestoreRequest(backup_id, space, into, to_lsn, to_time)
        if check:
            await backups.check(request)
        fields = {"space": space, "into": into, "to_lsn": to_lsn, "to_time": to_time}
        query = query_of({**fields, "replace": replace or None})
        sent = _counted(backups.pack(request), progress)
        asked = Asked("POST", "/restore", query=query)
        async with self._line.carried(asked, sent, "application/x-tar") as answer:
            found = self._line.read(await answer.aread(), RestoredSpaces)
        return [Restored(*msgspec.structs.astuple(each)) for each in found.spaces]


async def _counted(chunks: AsyncIterable[bytes], progress: Progress | None) -> AsyncIterator[bytes]:
    """Iterate over the chunks of an archive, and tell how many bytes went by."""
    count = 0
    async for chunk in chunks:
        count += len(chunk)
        if progress is not None:
            progress(count, count)
        yield chunk
