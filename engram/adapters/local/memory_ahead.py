"""Memory that the system provides before it is written to, beside whoever writes. Linux only.

The system clears a page when it is touched first: the event loop would stand still for that.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Final

# MADV_POPULATE_WRITE of Linux 5.14 and later, which `mmap` does not name.
_POPULATE_WRITE: Final = 23


def provide(buffers: Sequence[memoryview]) -> None:
    """Begin to have the pages of writable buffers provided; what they hold stays as it is.

    Returns at once: a thread waits for the system and ends. Where there is no way to ask, or the
    system refuses, nothing happens, and each page is provided when it is touched.
    """
    advise = _advise()
    if advise is not None:
        # One thread for all: it holds them until the system has done what it was asked for.
        threading.Thread(
            target=_provide, args=(advise, buffers), name="memory ahead", daemon=True
        ).start()


def _provide(advise: Callable[[int, int, int], int], buffers: Sequence[memoryview]) -> None:
    for buffer in buffers:
        if len(buffer):
            start = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
            first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
            last = (start + len(buffer)) // mmap.PAGESIZE * mmap.PAGESIZE
            if first < last:
                advise(first, last - first, _POPULATE_WRITE)


@cache
def _advise() -> Callable[[int, int, int], int] | None:
    """Return the C library's `madvise`, which lets go of the interpreter's lock meanwhile."""
    if sys.platform != "linux":
        return None
    found = ctypes.CDLL(None).madvise
    found.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    found.restype = ctypes.c_int
    advise: Callable[[int, int, int], int] = found
    return advise
