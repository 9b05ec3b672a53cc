"""Long writes past the system's cache, where the disk at hand is quicker with them. Linux only.

What goes through the cache is copied into pages that have to be found and cleared first, and only
then does the disk hear of it. Past it, the first piece is on its way at once.

Rule 1: a write is durable by the same sync as any other; this only chooses the way to the disk.
Rule 2: where the system refuses, the whole is written as any other.
"""

from __future__ import annotations

import errno
import mmap
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from statistics import median
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from engram.ports import ReadableBuffer

LONG_BYTES_MIN: Final = 1 << 20
"""Bytes. Of 16 MiB in a new file a virtual disk took 14 ms past the cache and 22 through it; of
what is much shorter a sync is most."""

BLOCK_BYTES: Final = 4096
"""Bytes: where such writes begin and end, as Linux demands of them; a page of memory."""

REFUSALS: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP})
"""Numbers of errors that say that a medium takes no such write, or not this one."""

_PIECE_BYTES: Final = 2 << 20
# A median of this many: one that had to wait for something else does not count.
_COSTS_KEPT: Final = 9
_TRIED_FIRST: Final = 6
_TRIED_AGAIN: Final = 32
# Of bursts that go past the cache one in a thousand stops for the other way then, not one in 32.
_TRIED_AGAIN_MAX: Final = 1_024
# Less is noise: an end is noticed late when the event loop is busy.
_QUICKER: Final = 0.95


class Ways:
    """Which of two ways took less of late: past the cache, or through it.

    Writes of about one size are compared with each other. Both ways are tried in turns, then the
    quicker one is taken and the other one now and then, the more seldom the longer it is slower.
    """

    def __init__(self) -> None:
        self._sizes: dict[int, _Size] = {}  # by the power of two below the size

    def chosen(self, bytes_count: int) -> bool:
        """Whether the next write of so many bytes goes past the cache."""
        return self._of(bytes_count).chosen()

    def note(self, bytes_count: int, duration_ns: int, *, is_past: bool) -> None:
        """Note what a write took that went one way."""
        self._of(bytes_count).costs[is_past].append(duration_ns / bytes_count)

    def _of(self, bytes_count: int) -> _Size:
        return self._sizes.setdefault(bytes_count.bit_length(), _Size())


class _Size:
    """Writes of about one size: what a byte took of the last few, in nanoseconds, for each way."""

    __slots__ = ("_count", "_interval", "_is_past", "_next_trial", "costs")

    def __init__(self) -> None:
        kept = partial[deque[float]](deque, maxlen=_COSTS_KEPT)
        self.costs: dict[bool, deque[float]] = {False: kept(), True: kept()}
        self._count, self._is_past = 0, False
        self._interval = self._next_trial = _TRIED_AGAIN

    def chosen(self) -> bool:
        number = self._count
        self._count = number + 1
        if number < _TRIED_FIRST:
            return bool(number % 2)
        if number == self._next_trial:
            self._interval = min(2 * self._interval, _TRIED_AGAIN_MAX)
            self._next_trial = number + self._interval
            return not self._is_past
        if self._is_other_quicker():
            self._is_past = not self._is_past
            self._interval = _TRIED_AGAIN
            self._next_trial = (number // _TRIED_AGAIN + 1) * _TRIED_AGAIN
        return self._is_past

    def _is_other_quicker(self) -> bool:
        mine, other = self.costs[self._is_past], self.costs[not self._is_past]
        return bool(mine and other) and median(other) < _QUICKER * median(mine)


class LongWrites:
    """Chooses the way of each long write by what those before it took. Safe to use from threads."""

    def __init__(self, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._staging: memoryview | None = None
        self._ways = Ways()

    def write(
        self,
        descriptor: int,
        offset: int,
        buffers: Sequence[ReadableBuffer],
        otherwise: Callable[[], None],
    ) -> None:
        """Write the buffers from `offset`, or have `otherwise` do so, and sync; raises OSError.

        `descriptor` is open for writes past the cache.
        """
        if not self._lock.acquire(blocking=False):
            otherwise()  # another one has the memory that such a write goes out from
            os.fdatasync(descriptor)
            return
        try:
            bytes_count = sum(map(_bytes_count, buffers))
            is_past = self._ways.chosen(bytes_count)
            began = self._monotonic()
            if not is_past or not self._past_the_cache(descriptor, offset, buffers):
                is_past = False
                otherwise()
            os.fdatasync(descriptor)
            self._ways.note(bytes_count, self._monotonic() - began, is_past=is_past)
        finally:
            self._lock.release()

    def _past_the_cache(
        self, descriptor: int, offset: int, buffers: Sequence[ReadableBuffer]
    ) -> bool:
        """Write piece after piece from memory that begins where a page does; False when refused."""
        if self._staging is None:
            self._staging = memoryview(mmap.mmap(-1, _PIECE_BYTES))
        try:
            for piece in _pieces(self._staging, buffers):
                left = piece
                while left:
                    written = os.pwrite(descriptor, left, offset)
                    offset += written
                    left = left[written:]
        except OSError as refusal:
            if refusal.errno not in REFUSALS:
                raise
            return False
        return True


def takes(offset: int, buffers: Sequence[ReadableBuffer]) -> bool:
    """Whether such a write is long, and begins and ends with blocks."""
    bytes_count = sum(map(_bytes_count, buffers))
    return bytes_count >= LONG_BYTES_MIN and not (offset | bytes_count) % BLOCK_BYTES


def open_past_the_cache(descriptor: int) -> int | None:
    """Return another descriptor of an open file for such writes; None where there are none."""
    flag: int = getattr(os, "O_DIRECT", 0)
    if flag:
        with suppress(OSError):
            return os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | flag)
    return None


def _pieces(staging: memoryview, buffers: Iterable[ReadableBuffer]) -> Iterable[memoryview]:
    """Yield the bytes of the buffers, copied into `staging`, whenever it is full, and the rest."""
    filled = 0
    for buffer in buffers:
        view = memoryview(buffer).cast("B") if _bytes_count(buffer) else memoryview(b"")
        while len(view):
            taken = min(len(view), len(staging) - filled)
            staging[filled : filled + taken] = view[:taken]
            view, filled = view[taken:], filled + taken
            if filled == len(staging):
                yield staging
                filled = 0
    if filled:
        yield staging[:filled]


def _bytes_count(buffer: ReadableBuffer) -> int:
    return memoryview(buffer).nbytes
