"""What Windows has for files, behind the same functions as `posix`; never run there by us.

It has no call that reads or writes at an offset by itself, so both seek first, under the lock of
that file: several threads share a descriptor and with it the position. A file that is open cannot
be renamed or removed there, nor a directory above it.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engram.ports import ReadableBuffer

if sys.platform == "win32":
    import msvcrt

OPEN_FLAGS: Final[int] = getattr(os, "O_BINARY", 0)
"""Without it line ends would be translated. Python makes descriptors that no child inherits."""

LOCK_OFFSET: Final = 1 << 30
"""The byte that is locked: beyond the file, since a locked one cannot be read by others, and below
2 GiB, since the C library keeps this offset in 32 bits."""

CALL_BYTES_MAX: Final = 1 << 20
"""Bytes of one write: buffers are put together for it, so that a record costs one call."""

# What `locking` reports when another process holds the byte.
_HELD: Final = frozenset({errno.EACCES, errno.EDEADLK})


def read_some(descriptor: int, position: Lock, bytes_count: int, offset: int) -> bytes:
    """Return up to `bytes_count` bytes from `offset`, at least one unless the file ends there."""
    with position:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.read(descriptor, bytes_count)


def expect(descriptor: int, offset: int, bytes_count: int) -> None:
    """Do nothing: Windows has no such call."""


def write_some(
    descriptor: int,
    position: Lock,
    buffers: Sequence[ReadableBuffer],
    offset: int,
    flags: int = 0,  # noqa: ARG001 - Linux alone has flags of a single write
) -> int:
    """Write a part of the buffers from `offset` and return its length in bytes."""
    parts: list[memoryview] = []
    room = CALL_BYTES_MAX
    for buffer in buffers:
        parts.append(memoryview(buffer).cast("B")[:room])
        room -= len(parts[-1])
        if not room:
            break
    block = parts[0] if len(parts) == 1 else b"".join(parts)
    with position:
        os.lseek(descriptor, offset, os.SEEK_SET)
        return os.write(descriptor, block)


def sync(descriptor: int) -> None:
    """Return once the file is on the medium: os.fsync is FlushFileBuffers there."""
    os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Do nothing: Windows opens no directory to be synced; NTFS keeps names in its own journal."""


def take_lock(descriptor: int) -> bool:
    """Lock the file's byte at LOCK_OFFSET; False when another descriptor holds it."""
    try:
        _locking(descriptor, is_locking=True)
    except OSError as exc:
        if exc.errno in _HELD:
            return False
        raise
    return True


def release_lock(descriptor: int) -> None:
    """Let go of the lock: when Windows does so after a close is not said."""
    _locking(descriptor, is_locking=False)


def lock_holder(descriptor: int) -> str:  # noqa: ARG001
    """Return "": Windows does not tell who holds a lock."""
    return ""


def _locking(descriptor: int, *, is_locking: bool) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, LOCK_OFFSET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK if is_locking else msvcrt.LK_UNLCK, 1)
