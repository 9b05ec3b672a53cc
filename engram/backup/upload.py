"""Objects on their way to a repository: only what it lacks, a few at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from engram.backup.limits import TRANSFERS_MAX
from engram.backup.objects import address_of
from engram.model.errors import EngramError

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from engram.backup.locking import Lock
    from engram.backup.repository import Repository

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all); the second is an estimate until the end."""


class Upload:
    """Stores what is not there yet and counts; made by `uploading`."""

    def __init__(
        self,
        repository: Repository,
        lock: Lock,
        known: set[str],
        tasks: TaskGroup,
        progress: Progress | None,
    ) -> None:
        self.repository = repository
        self.known = known
        self.bytes_expected = 0
        self.objects_stored = 0
        self.bytes_stored = 0
        self._lock = lock
        self._tasks = tasks
        self._progress = progress
        self._bytes_done = 0
        self._limiter = anyio.Semaphore(TRANSFERS_MAX)
        self._failure: EngramError | None = None

    async def add(self, data: bytes) -> str:
        """Return the address of the bytes once they are on their way, or there already.

        Raises what an earlier transfer failed with.
        """
        await self._lock.refresh()
        address = await self.repository.run(address_of, data)
        if address in self.known:
            self.advance(len(data))
        else:
            self.known.add(address)
            await self._limiter.acquire()
            self._tasks.start_soon(self._send, address, data)
        self.check()
        return address

    def advance(self, bytes_count: int) -> None:
        """Count bytes that the repository has."""
        self._bytes_done += bytes_count
        self._report(max(self.bytes_expected, self._bytes_done))

    def finish(self) -> None:
        """Say that everything is done."""
        self._report(self._bytes_done)

    def check(self) -> None:
        """Raise what a transfer failed with, if one has."""
        if self._failure is not None:
            raise self._failure

    def _report(self, total: int) -> None:
        if self._progress is not None:
            self._progress(self._bytes_done, total)

    async def _send(self, address: str, data: bytes) -> None:
        try:
            stored = await self.repository.put_object(address, data)
            self.bytes_stored += stored
            self.objects_stored += 1
            self.advance(len(data))
        except EngramError as error:
            self._failure = self._failure or error
        finally:
            self._limiter.release()


@asynccontextmanager
async def uploading(
    repository: Repository, lock: Lock, known: set[str], progress: Progress | None
) -> AsyncIterator[Upload]:
    """Lend an Upload; when the block is left, everything added is stored, or its failure raised."""
    failure: EngramError | None = None
    async with anyio.create_task_group() as tasks:
        upload = Upload(repository, lock, known, tasks, progress)
        try:
            yield upload
        except EngramError as error:
            failure = error
    # Out here the caller meets its own exception and not a group of one.
    if failure is not None:
        raise failure
    upload.check()
