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
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import anyio
import numpy as np
from anyio import lowlevel

from engram.adapters.local.filesystem import LocalHandle, storage_failed
from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.zig_library import loaded_libraries, process_library
from engram.model.errors import BackendUnavailable, check

if TYPE_CHECKING:
    from engram.model.errors import StorageFailed
    from engram.ports import DurableWrite, WriteEnded

_METHODS: Final = {"sync": abi.DURABLE_SYNC, "dsync": abi.DURABLE_DSYNC}
_JOB: Final = abi.DURABLE_JOB
_FINISHED_BYTES: Final = ctypes.sizeof(ctypes.c_uint32)  # the last field


# Where the bytes of a `bytes` lie; of other buffers numpy tells it, which takes longer.
_bytes_address: Final = ctypes.PYFUNCTYPE(ctypes.c_size_t, ctypes.py_object)(
    ("PyBytes_AsString", ctypes.pythonapi)
)


class _UnderWay(NamedTuple):
    """What must live until a job has ended, and whom to tell."""

    write: DurableWrite
    ended: WriteEnded
    pairs: bytes


class _Writer:
    """One thread and the job it is at."""

    def __init__(self, library: ctypes.CDLL, number: int, done: int) -> None:
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        self._job = ctypes.create_string_buffer(_JOB.size)
        self._finished = ctypes.c_uint32.from_buffer(self._job, _JOB.size - _FINISHED_BYTES)
        self.under_way: _UnderWay | None = None
        self._thread = threading.Thread(
            target=library.engram_durable_serve,
            args=(ctypes.addressof(self._job), self._wake, done),
            name=f"durable writer {number}",
            daemon=True,
        )
        self._thread.start()

    def begin(self, write: DurableWrite, ended: WriteEnded) -> None:
        """Give the thread a job; it must be at none."""
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
            _descriptor(write.handle),
            _descriptor(write.mark_handle),
            _METHODS[write.method],
            0,
            0,
            0,
        )
        self.under_way = _UnderWay(write, ended, pairs)
        os.eventfd_write(self._wake, 1)

    def ended(self) -> tuple[_UnderWay, int, int] | None:
        """Return the job that has ended and the numbers of its errors; None when none has."""
        if self.under_way is None:
            return None
        if not self._finished.value:
            return None
        # Only now: what is read before it may be from before the thread wrote it.
        *_, failure, mark_failure, _ = _JOB.unpack(self._job)
        job, self.under_way = self.under_way, None
        return job, failure, mark_failure

    def close(self) -> None:
        """End the thread; it must be at no job."""
        check(self.under_way is None, "a durable writer ends its job before it is closed")
        _JOB.pack_into(self._job, 0, 0, 0, 0, 0, 0, 0, 0, abi.DURABLE_CLOSE, 0, 0, 0)
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        os.close(self._wake)


class LocalDurableWriters:
    """Up to `count` threads, begun as they are needed. Belongs to one event loop."""

    def __init__(self, library: ctypes.CDLL, count: int) -> None:
        self._library, self._count = library, count
        self._writers: list[_Writer] = []
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
        """Begin a write; False, and nothing is done, when all threads are at work."""
        for writer in self._writers:
            if writer.under_way is None:
                break
        else:
            if len(self._writers) >= self._count:
                return False
            writer = _Writer(self._library, len(self._writers), self._done)
            self._writers.append(writer)
        writer.begin(write, ended)
        return True

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
        is_idle = all(writer.under_way is None for writer in self._writers)
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
            if found is not None:
                job, failure, mark_failure = found
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
    check(isinstance(handle, LocalHandle), "durable writers write to files of this machine")
    return handle.descriptor  # type: ignore[attr-defined, no-any-return]


def _error(handle: object, number: int) -> StorageFailed | None:
    if not number:
        return None
    check(isinstance(handle, LocalHandle), "durable writers write to files of this machine")
    path = handle.path  # type: ignore[attr-defined]
    return storage_failed("write to", path, OSError(number, os.strerror(number)))
