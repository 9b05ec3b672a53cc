"""What Linux and macOS have for files: positioned reads and writes, flock, directories to sync."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engram.ports import ReadableBuffer

BUFFERS_PER_CALL_MAX: Final = 1024
"""Buffers of one pwritev: IOV_MAX of Linux and macOS."""

OPEN_FLAGS: Final = 0
"""What every open asks for on top; Python closes its files in child processes already."""

FULL_SYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)
"""The command that reaches the medium on macOS, where fsync does not; None elsewhere."""


def read_some(descriptor: int, position: Lock, bytes_count: int, offset: int) -> bytes:  # noqa: ARG001
    """Return up to `bytes_count` bytes from `offset`, at least one unless the file ends there."""
    return os.pread(descriptor, bytes_count, offset)


def expect(descriptor: int, offset: int, bytes_count: int) -> None:
    """Let Linux begin to read these bytes; macOS has no call for it."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, offset, bytes_count, os.POSIX_FADV_WILLNEED)


def write_some(
    descriptor: int,
    position: Lock,  # noqa: ARG001 - there is no position to share here
    buffers: Sequence[ReadableBuffer],
    offset: int,
    flags: int = 0,
) -> int:
    """Write a part of the buffers from `offset` and return its length in bytes."""
    return os.pwritev(descriptor, buffers[:BUFFERS_PER_CALL_MAX], offset, flags)


def sync(descriptor: int) -> None:
    """Return once the file's bytes are on the medium: fdatasync on Linux, F_FULLFSYNC on macOS."""
    if FULL_SYNC is not None:
        fcntl.fcntl(descriptor, FULL_SYNC)
    elif hasattr(os, "fdatasync"):
        os.fdatasync(descriptor)
    else:
        os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Return once the names in a directory are on the medium."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def take_lock(descriptor: int) -> bool:
    """Lock a file for this descriptor alone; False when another one holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def release_lock(descriptor: int) -> None:
    """Do nothing: closing the descriptor lets go of its lock."""


def lock_holder(descriptor: int) -> str:
    """Return " (pid 123)" when Linux tells who holds the lock of this file, else ""."""
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return ""
    number = str(os.fstat(descriptor).st_ino)
    for line in lines:
        fields = line.split()
        if "FLOCK" in fields and fields[5].rpartition(":")[2] == number:
            return f" (pid {fields[4]})"
    return ""
