"""Backups on a wire: a repository as the members of a tar archive (POSIX ustar), one by one.

Rule 1: nothing is allocated by a length that was not bounded before.
Rule 2: an archive that stops before its two empty blocks was cut off, whatever it held.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Callable
from tarfile import (
    BLOCKSIZE,
    REGTYPE,
    USTAR_FORMAT,
    HeaderError,
    TarInfo,
)
from typing import Final, NamedTuple

from engram.model.errors import ArchiveCorrupted

END: Final = bytes(2 * BLOCKSIZE)
"""What an archive ends with."""

_LOCATION: Final = "the archive"
_MODE: Final = 0o600
_FOLDER: Final = b"5"


class Member(NamedTuple):
    """One object of a repository."""

    name: str
    data: bytes


def head_of(name: str, bytes_count: int) -> bytes:
    """Return what stands before the bytes of a member."""
    info = TarInfo(name)
    info.size, info.mode = bytes_count, _MODE
    return info.tobuf(USTAR_FORMAT)


def padding_of(bytes_count: int) -> bytes:
    """Return what stands behind the bytes of a member."""
    return bytes(-bytes_count % BLOCKSIZE)


async def members(
    chunks: AsyncIterable[bytes], bytes_max: Callable[[str], int]
) -> AsyncGenerator[Member, None]:
    """Iterate over the members of an archive that comes in chunks of any size.

    Folders are passed over, and what follows the end: `tar` packs the ones, and fills up the other.

    Args:
        chunks: the bytes of the archive.
        bytes_max: tells how long a member of a name may be; 0 when there is to be none.

    Raises:
        ArchiveCorrupted: it is no such archive, is cut off, or has a member that may not be.
    """
    taken = _Taken(chunks)
    while True:
        head = await taken.take(BLOCKSIZE)
        if not any(head):
            await taken.take(BLOCKSIZE)
            await taken.rest()
            return
        try:
            info = TarInfo.frombuf(head, "utf-8", "surrogateescape")
        except HeaderError as error:
            raise ArchiveCorrupted(_LOCATION, "a head", str(error)) from error
        name = info.name.removeprefix("./")
        if info.type == _FOLDER and info.size == 0:
            continue
        if info.type != REGTYPE or not 0 <= info.size <= bytes_max(name):
            reason = f"there is no place for it in a backup ({info.size:,} bytes)"
            raise ArchiveCorrupted(_LOCATION, repr(name), reason)
        data = await taken.take(info.size)
        await taken.take(-info.size % BLOCKSIZE)
        yield Member(name, data)


class _Taken:
    """Takes so many bytes of a stream of chunks."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = aiter(chunks)
        self._rest = memoryview(b"")

    async def take(self, bytes_count: int) -> bytes:
        parts: list[memoryview] = []
        missing = bytes_count
        while missing:
            if not self._rest:
                try:
                    self._rest = memoryview(await anext(self._chunks))
                except StopAsyncIteration:
                    raise ArchiveCorrupted(_LOCATION, "its end", "it is cut off") from None
            parts.append(self._rest[:missing])
            self._rest = self._rest[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    async def rest(self) -> None:
        async for _ in self._chunks:
            pass
