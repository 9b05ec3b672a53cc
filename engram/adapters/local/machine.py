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


@cache
def _trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim


def _physical_bytes() -> int:
    if not hasattr(os, "sysconf"):
        return _UNKNOWN_BYTES
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return _UNKNOWN_BYTES
