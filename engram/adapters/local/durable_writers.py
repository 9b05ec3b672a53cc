"""Threads that make writes durable without the interpreter's lock.

Between the moment that a job is given and its end such a thread runs no Python: it needs nothing of
the event loop, which prepares the next group meanwhile. Linux alone has what it takes (eventfd).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import anyio
import numpy as np
from anyio import lowlevel

from engram.adapters.local.filesystem import LocalHandle, storage_failed
from engram.adapters.local.long_writes import BLOCK_BYTES, REFUSALS, Ways
from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.zig_library import loaded_libraries, process_library
from engram.model.errors import BackendUnavailable, check

if TYPE_CHECKING:
    from engram.model.errors import StorageFailed
    from engram.ports import DurableWrite, WriteEnded

_METHODS: Final = {"sync": abi.DURABLE_SYNC, "dsync": abi.DURABLE_DSYNC}
_JOB: Final = abi.DURABLE_JOB
_PAST_BYTES_MIN: Final = 32 * 1024
"""Bytes. What is shorter lands on bytes that were written before, which the cache has."""
_OUTCOME_BYTES: Final = ctypes.sizeof(ctypes.c_uint32)  # the last field
_ERROR_MASK: Final = 0xFFF

# Where the bytes of a `bytes` lie; of other buffers numpy tells it, which takes longer.
_bytes_address: Final = ctypes.PYFUNCTYPE(ctypes.c_size_t, ctypes.py_object)(
    ("PyBytes_AsString", ctypes.pythonapi)
)


class _UnderWay(NamedTuple):
    """What must live until a job has ended, and whom to tell.

    It began at a monotonic time with so many bytes; `is_past`: on its way past the cache.
    """

    write: DurableWrite
    ended: WriteEnded
    pairs: bytes
    began: int
    bytes_count: int
    is_past: bool


class _Writer:
    """One thread and the job it is at."""

    def __init__(self, library: ctypes.CDLL, number: int, done: int) -> None:
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._job = ctypes.create_string_buffer(_JOB.size)
        self._outcome = ctypes.c_uint32.from_buffer(self._job, _JOB.size - _OUTCOME_BYTES)
        self.under_way: _UnderWay | None = None
        self._thread = threading.Thread(
            target=library.engram_write_durably,
            args=(ctypes.addressof(self._job), self._wake, done),
            name=f"durable writer {number}",
            daemon=True,
        )
        self._thread.start()

    def begin(self, write: DurableWrite, ended: WriteEnded, past: int | None) -> None:
        """Give the thread a job; it must be at none. `past` is open for writes past the cache."""
        check(self.under_way is None, "a durable writer has one job at a time")
        buffers = [each for each in write.buffers if len(each)]
        pairs = struct.pack(
            f"@{2 * len(buffers)}N", *[n for each in buffers for n in (_address(each), len(each))]
        )
        _JOB.pack_into(
            self._job,
            0,
            _address(pairs),
            _address(write.mark),
            len(buffers),
            len(write.mark),
            write.offset,
            _descriptor(write.handle) if past is None else past,
            _descriptor(write.mark_handle),
            _METHODS[write.method] if past is None else abi.DURABLE_PAST,
            0,
        )
        bytes_count = sum(map(len, buffers))
        self.under_way = _UnderWay(
            write, ended, pairs, time.monotonic_ns(), bytes_count, past is not None
        )
        os.eventfd_write(self._wake, 1)

    def ended(self) -> tuple[_UnderWay, int, int] | None:
        """Return the job that has ended and the numbers of its errors; None when none has."""
        if self.under_way is None:
            return None
        outcome = self._outcome.value
        if not outcome:
            return None
        job, self.under_way = self.under_way, None
        failure = outcome >> abi.DURABLE_FAILURE_SHIFT & _ERROR_MASK
        return job, failure, outcome >> abi.DURABLE_MARK_FAILURE_SHIFT & _ERROR_MASK

    def close(self) -> None:
        """End the thread; it must be at no job."""
        check(self.under_way is None, "a durable writer ends its job before it is closed")
        _JOB.pack_into(self._job, 0, 0, 0, 0, 0, 0, 0, 0, abi.DURABLE_CLOSE, 0)
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        os.close(self._wake)


class LocalDurableWriters:
    """Up to `count` threads, begun as they are needed. Belongs to one event loop.

    What comes while all are at work waits in line: it is written in the order it came.
    """

    def __init__(self, library: ctypes.CDLL, count: int) -> None:
        self._library, self._count = library, count
        self._writers: list[_Writer] = []
        self._idle: list[_Writer] = []
        self._waiting: deque[tuple[DurableWrite, WriteEnded]] = deque()
        self._ways = Ways()
        self._done = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._scope = anyio.CancelScope()
        native = lowlevel.current_token().native_token
        # asyncio's loop calls when something can be read; elsewhere `run` waits for that.
        self._add_reader: Callable[[int, Callable[[], None]], object] | None
        self._add_reader = getattr(native, "add_reader", None)
        self._remove_reader: Callable[[int], object] | None
        self._remove_reader = getattr(native, "remove_reader", None)
        if self._add_reader is not None:
            self._add_reader(self._done, self._look)

    @property
    def needs_run(self) -> bool:
        """Whether `run` must be running for an end to be told."""
        return self._add_reader is None

    def begin(self, write: DurableWrite, ended: WriteEnded) -> bool:
        """Begin a write, or have it wait in line for the next thread; always True."""
        if self._idle:
            writer = self._idle.pop()
        elif len(self._writers) < self._count:
            writer = _Writer(self._library, len(self._writers), self._done)
            self._writers.append(writer)
        else:
            # A thread of Python would take it at once, and the interpreter's lock from all others.
            self._waiting.append((write, ended))
            return True
        writer.begin(write, ended, self._past(write))
        return True

    def _past(self, write: DurableWrite) -> int | None:
        """Return what is open for this write past the cache, if it is to go there."""
        bytes_count = sum(map(len, write.buffers))
        if bytes_count < _PAST_BYTES_MIN or (write.offset | bytes_count) % BLOCK_BYTES:
            return None
        past = _local(write.handle).past_the_cache
        return past if past is not None and self._ways.chosen(bytes_count) else None

    async def run(self) -> None:
        """Tell the ends of writes until closed."""
        with self._scope:
            while True:
                await anyio.wait_readable(self._done)
                self._look()

    def close(self) -> None:
        """End the threads. One whose write is under way still is left to the end of the process."""
        if self._remove_reader is not None:
            self._remove_reader(self._done)
        self._scope.cancel()
        is_idle = len(self._idle) == len(self._writers)
        for writer in self._writers if is_idle else ():
            writer.close()
        if is_idle:
            os.close(self._done)

    def _look(self) -> None:
        """Tell whose write has ended."""
        try:
            os.eventfd_read(self._done)
        except BlockingIOError:
            return
        for writer in self._writers:
            found = writer.ended()
            if found is None:
                continue
            job, failure, mark_failure = found
            if job.is_past and failure in REFUSALS:
                writer.begin(job.write, job.ended, None)
                continue
            if self._waiting:
                write, ended = self._waiting.popleft()
                writer.begin(write, ended, self._past(write))
            else:
                self._idle.append(writer)
            self._ways.note(job.bytes_count, time.monotonic_ns() - job.began, is_past=job.is_past)
            job.ended(
                _error(job.write.handle, failure), _error(job.write.mark_handle, mark_failure)
            )


def make_durable_writers(count: int) -> LocalDurableWriters | None:
    """Return what makes writes durable beside the event loop, None where there is no such thing.

    To be called on the event loop that it will belong to. Where no kernel is taken from the Zig
    library, nothing else is: an operator may want it out of the process.
    """
    if sys.platform != "linux" or not hasattr(os, "eventfd") or not loaded_libraries():
        return None
    try:
        return LocalDurableWriters(process_library(), count)
    except BackendUnavailable:
        return None


def _address(buffer: bytes | memoryview) -> int:
    if type(buffer) is bytes:
        return int(_bytes_address(buffer))
    return int(address(np.frombuffer(buffer, np.uint8)))


def _descriptor(handle: object) -> int:
    return _local(handle).descriptor


def _error(handle: object, number: int) -> StorageFailed | None:
    if not number:
        return None
    return storage_failed("write to", _local(handle).path, OSError(number, os.strerror(number)))


def _local(handle: object) -> LocalHandle:
    check(isinstance(handle, LocalHandle), "durable writers write to files of this machine")
    return cast("LocalHandle", handle)
