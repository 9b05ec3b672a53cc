"""Backups over a wire: out of an open store as they are made, and into it once all is there."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import anyio
import anyio.from_thread

from engram.backup.sending import OutgoingArchive
from engram.backup.tar import END, Member, head_of, padding_of
from engram.model.errors import (
    ArchiveCorrupted,
    BackupNotFound,
    InvalidRequest,
    Overloaded,
    SpaceForbidden,
)
from engram.ports import ArchiveStore
from engram.service.backups import BackupMade, Backups, Restored, RestoreRequest
from engram.service.store import Engram

Take = Callable[[bytes], Awaitable[None]]
"""Takes some bytes of an archive, as fast as they can go."""

AT_ONCE_MAX: Final = 2
"""2 backups and restores over a wire: each keeps some chunks of 16 MiB, and reads and hashes whole
spaces beside what is asked of them."""


class Transfers:
    """What carries backups of one open store over a wire, a few at once."""

    def __init__(
        self,
        db: Engram,
        keep: Callable[[ArchiveStore], Backups],
        stage: Callable[[], AbstractAsyncContextManager[Backups]],
    ) -> None:
        """Take the store, what keeps backups in a place, and what lends an empty place for one."""
        self._db, self._keep, self._stage = db, keep, stage
        self._count = 0

    async def send(self, spaces: Sequence[str] | None, take: Take) -> BackupMade:
        """Back up spaces, all by default, into an archive that `take` is given as it is made.

        An archive that was not finished has no end, and no manifest. Raises what `Engram.backup`
        does, and what `take` does.
        """
        turn = anyio.Lock()

        async def sent(member: Member) -> None:
            async with turn:
                await take(head_of(member.name, len(member.data)))
                await take(member.data + padding_of(len(member.data)))

        def hand_on(member: Member) -> None:
            anyio.from_thread.run(sent, member)

        async with self._one_more():
            made = await self._db.backup(self._keep(OutgoingArchive(hand_on)), spaces=spaces)
            await take(END)
        return made

    async def receive(
        self,
        chunks: AsyncIterable[bytes],
        request: RestoreRequest,
        *,
        replace: bool,
        may_ask: Callable[[str], bool],
    ) -> Sequence[Restored]:
        """Restore spaces from an archive, all of which is there and sound before one is touched.

        Raises:
            InvalidRequest: the archive is damaged or cut off, does not hold the space, or no backup
                of it leads to the goal.
            SpaceForbidden: a space is not to be asked by who sends it.
            What `Engram.restore` raises.
        """
        async with self._one_more(), self._stage() as staged:
            try:
                await staged.receive(chunks)
                for plan in await staged.plans(request, None):
                    target = request.into or plan.entry.space
                    if not may_ask(target):
                        raise SpaceForbidden(target)
                await staged.check(request)
                return await self._db.restore(
                    staged,
                    request.backup_id,
                    space=request.space,
                    into=request.into,
                    to_lsn=request.to_lsn,
                    to_time=request.to_time,
                    replace=replace,
                    check=False,
                )
            except ArchiveCorrupted as error:
                said = f"the archive is damaged: {error.name}: {error.reason}"
                raise InvalidRequest(f"{said}; nothing was changed, send it again") from error
            except BackupNotFound as error:
                # Where it was staged is no business of a caller, and nothing is left there.
                raise InvalidRequest(
                    f"the archive holds no {error.what}; name a space that it holds, or none to "
                    "restore all of them"
                ) from error

    @asynccontextmanager
    async def _one_more(self) -> AsyncIterator[None]:
        if self._count >= AT_ONCE_MAX:
            raise Overloaded("transfers_at_once_max", AT_ONCE_MAX)
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
