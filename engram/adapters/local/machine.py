"""What this machine gives a process: how much RAM, and a way to hand RAM back."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

# The limits of a control group (version 2, version 1); "max" or a huge number means none.
_CGROUP_LIMITS: Final = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
# What is assumed where the system does not tell: the least that machines of today have.
_UNKNOWN_BYTES: Final = 4 << 30
# Below a budget of 1 GiB what the allocator holds back is worth the time that giving it back takes.
LEAN_BYTES: Final = 1 << 30
_MMAP_THRESHOLD: Final = -3  # M_MMAP_THRESHOLD of glibc's malloc.h
_BLOCK_BYTES: Final = 1 << 20
_BUDGET_BYTES_MIN: Final = 256 << 20


def memory_bytes(cgroup_limits: tuple[str, ...] = _CGROUP_LIMITS) -> int:
    """Return the bytes of RAM that this process may have: the machine's, or its group's limit."""
    found = [_physical_bytes()]
    for path in cgroup_limits:
        with suppress(OSError, ValueError):
            found.append(int(Path(path).read_text(encoding="ascii")))
    return min(found)


def memory_budget_default() -> int:
    """Return half of the RAM this process may have, at least 256 MiB."""
    return max(_BUDGET_BYTES_MIN, memory_bytes() // 2)


def give_back() -> None:
    """Hand RAM that is free inside the process back to the system, where there is a way.

    glibc keeps freed blocks below 32 MiB for later; after bodies moved they would count for nobody.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


def take_blocks_from_system() -> None:
    """Let every block of 1 MiB and more come from the system and go back to it when freed.

    For the rest of the life of this process, where it has glibc. glibc would raise that bound to 32
    MiB, and what is freed below it stays: loading 140 MiB under a budget of 64 MiB held 88 MiB
    beyond what was accounted for, and 22 MiB with this. Taking pages anew costs time.
    """
    option = _option()
    if option is not None:
        option(_MMAP_THRESHOLD, _BLOCK_BYTES)


@cache
def _option() -> Callable[[int, int], int] | None:
    return _glibc("mallopt")


def allow_open_files() -> None:
    """Let this process have as many files and connections open as the system lets it ask for.

    A limit that cannot be raised stays; without one to raise, on Windows, nothing is done.
    """
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not there on Windows

        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if now != most:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@cache
def _trim() -> Callable[[int], int] | None:
    return _glibc("malloc_trim")


def _glibc(name: str) -> Callable[..., int] | None:
    """Return a function of the C library where it is glibc, None elsewhere."""
    found: Callable[..., int] | None = None
    if sys.platform == "linux":
        found = getattr(ctypes.CDLL(None), name, None)
    return found


def _physical_bytes() -> int:
    if sys.platform != "win32":
        with suppress(OSError, ValueError):
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return _UNKNOWN_BYTES
