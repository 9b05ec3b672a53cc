"""Who writes to a repository at the moment: backups side by side, or one that prunes.

Rule 1: a lock is put first and the others are looked at afterwards, so of two that exclude each
        other at least one sees the other.
Rule 2: a backup looks after its lock was written last: if the lock is gone, objects it counts on
        may be gone too, and its manifest is taken back. Who breaks a lock reads the manifests after
        breaking it, so a manifest whose lock outlived it is always seen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, Literal, NamedTuple

import anyio

from engram.backup.limits import LOCK_REFRESH_NS, LOCK_STALE_NS
from engram.backup.repository import Repository
from engram.model.errors import Conflict, EngramError

FOLDER: Final = "locks"
_SUFFIX: Final = ".lock"
_TOKEN_BYTES: Final = 8
_TIME_BYTES_MAX: Final = 32

Kind = Literal["backup", "prune"]


class _Found(NamedTuple):
    name: str
    kind: str
    seen_at: int


class Lock:
    """A lock that is held; `refresh` now and then says that its holder lives."""

    def __init__(self, repository: Repository, name: str) -> None:
        self._repository = repository
        self._name = name
        self._written_at = 0

    async def refresh(self) -> None:
        """Give a sign of life if the last one is a while ago."""
        now = self._repository.clock.now()
        if now - self._written_at >= LOCK_REFRESH_NS:
            await self.write_if_held()
            self._written_at = now

    async def write(self) -> None:
        """Give a sign of life."""
        now = self._repository.clock.now()
        await self._repository.run(
            self._repository.archive.put, self._name, [str(now).encode("ascii")]
        )
        self._written_at = now

    async def write_if_held(self) -> None:
        """Give a sign of life unless the lock is gone; a broken lock must not come back."""
        if await self.is_held():
            await self.write()

    async def is_held(self) -> bool:
        """Whether nobody took it for left over and broke it."""
        return await self._repository.run(self._repository.archive.exists, self._name)

    async def release(self) -> None:
        """Take it away."""
        await self._repository.run(self._repository.archive.delete, self._name)


@asynccontextmanager
async def locked(repository: Repository, kind: Kind) -> AsyncIterator[Lock]:
    """Hold a lock until the block is left; Conflict while someone is at work that excludes it."""
    token = repository.entropy.token(_TOKEN_BYTES).hex()
    lock = Lock(repository, f"{FOLDER}/{token}.{kind}{_SUFFIX}")
    try:
        await lock.write()
        await _look_around(repository, token, kind)
        yield lock
    finally:
        # What was done, or went wrong, is the answer; a lock that stays is left over in an hour.
        with anyio.CancelScope(shield=True), suppress(EngramError):
            await lock.release()


async def _look_around(repository: Repository, token: str, kind: Kind) -> None:
    """Break locks that are left over; raise Conflict for one that excludes this kind."""
    for other in await _others(repository, token):
        if repository.clock.now() - other.seen_at > LOCK_STALE_NS:
            await repository.run(repository.archive.delete, other.name)
        elif "prune" in (kind, other.kind):
            raise Conflict(
                f"a {other.kind} is at work in {repository.location}; try again when it has "
                f"ended. If its process died, delete {other.name} there; after an hour it counts "
                "as left over by itself"
            )


async def _others(repository: Repository, token: str) -> list[_Found]:
    found = []
    for name in await repository.run(repository.archive.list, FOLDER):
        own, _, rest = name.removeprefix(f"{FOLDER}/").partition(".")
        if own == token or not rest.endswith(_SUFFIX):
            continue
        try:
            text = await repository.run(repository.archive.get, name, _TIME_BYTES_MAX)
        except FileNotFoundError:
            continue  # it has just ended
        found.append(_Found(name, rest.removesuffix(_SUFFIX), int(text) if text.isdigit() else 0))
    return found
