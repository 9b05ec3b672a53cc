"""Groups that are made durable beside the event loop."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from engram.adapters.local.durable_writers import LocalDurableWriters, make_durable_writers
from engram.adapters.local.filesystem import LocalFilesystem, LocalHandle
from engram.kernels.zig_library import process_library
from engram.model.errors import BackendUnavailable, LogPoisoned, StorageFailed
from engram.ports import DurableWrite, DurableWriters, Filesystem
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.durable_writers import DeferredWriters
from engram.testing.filesystem import SimulatedFilesystem
from engram.wal.evidence import read_mark
from engram.wal.file_log import FileLog
from engram.wal.protocol import Entry
from engram.wal.writer import SegmentSizes

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

_STORE = b"of durable write"
_PROCESS = os.pidfd_open(os.getpid()) if hasattr(os, "pidfd_open") else None


async def _open(
    filesystem: Filesystem, writers: DurableWriters | None, sizes: SegmentSizes | None = None
) -> FileLog:
    return await FileLog.open(
        filesystem,
        "wal",
        store_id=_STORE,
        space_id="default",
        entropy=SeededEntropy(1),
        clock=FakeClock(),
        sync_method="sync",
        sizes=sizes,
        writers=writers,
    )


async def _put(log: FileLog, payload: bytes) -> None:
    await log.sync(log.append([Entry(1, [payload])], expected_last_lsn=log.last_lsn))


async def _payloads(log: FileLog) -> list[bytes]:
    return [bytes(record.payload) async for record in log.read(0)]


@asynccontextmanager
async def _local(count: int) -> AsyncIterator[LocalDurableWriters]:
    with suppress(BackendUnavailable):
        process_library()
    writers = make_durable_writers(count)
    if writers is None:
        pytest.skip("there are no durable writers without Linux and the Zig library")
    async with anyio.create_task_group() as tasks:
        if writers.needs_run:
            tasks.start_soon(writers.run)
        try:
            yield writers
        finally:
            writers.close()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no eventfd elsewhere")
async def test_what_a_thread_without_the_interpreter_wrote_is_there_after_reopening(
    tmp_path: Path,
) -> None:
    filesystem = LocalFilesystem(tmp_path)
    payloads = [bytes([number]) * (1 + 4_000 * number) for number in range(40)]
    async with _local(2) as writers:
        log = await _open(filesystem, writers, SegmentSizes(1 << 16, 1 << 17, 1 << 14))
        for payload in payloads:
            await _put(log, payload)
        assert await _payloads(log) == payloads
        assert read_mark(filesystem, "wal", _STORE + b"default") == len(payloads)
        await log.aclose()
    again = await _open(filesystem, None)
    assert again.durable_lsn == len(payloads)
    assert await _payloads(again) == payloads
    await again.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no eventfd elsewhere")
async def test_more_logs_than_threads_write_at_once(tmp_path: Path) -> None:
    async with _local(1) as writers, anyio.create_task_group() as tasks:

        async def fill(number: int) -> None:
            filesystem = LocalFilesystem(tmp_path / str(number))
            log = await _open(filesystem, writers)
            for payload in (b"a", b"b", b"c"):
                await _put(log, payload)
            assert await _payloads(log) == [b"a", b"b", b"c"]
            await log.aclose()

        for number in range(5):
            tasks.start_soon(fill, number)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no eventfd elsewhere")
async def test_a_write_the_system_refuses_is_told_with_its_reason(tmp_path: Path) -> None:
    filesystem = LocalFilesystem(tmp_path)
    filesystem.create_exclusive("f").close()
    ends: list[tuple[StorageFailed | None, StorageFailed | None]] = []
    async with _local(1) as writers:
        refusing = LocalFilesystem(tmp_path, open_to_read=True).open("f")
        sound = filesystem.open("f")
        for handle, mark_handle in ((refusing, sound), (sound, refusing), (sound, sound)):
            came = anyio.Event()

            def ended(
                failure: StorageFailed | None,
                mark_failure: StorageFailed | None,
                tell: Callable[[], object] = came.set,
            ) -> None:
                ends.append((failure, mark_failure))
                tell()

            assert writers.begin(
                DurableWrite(handle, 8, [b"ab", b"", b"c" * 70_000], "dsync", mark_handle, b"mark"),
                ended,
            )
            await came.wait()
    (refused, _), (none, mark_refused), sound_ends = ends
    assert refused is not None
    assert os.strerror(9) in str(refused)
    assert none is None
    assert mark_refused is not None
    assert sound_ends == (None, None)
    assert (tmp_path / "f").read_bytes() == b"mark" + bytes(4) + b"ab" + b"c" * 70_000
    refusing.close()
    sound.close()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no eventfd elsewhere")
async def test_what_comes_while_all_threads_are_at_work_is_written_in_the_order_it_came(
    tmp_path: Path,
) -> None:
    filesystem, ends = LocalFilesystem(tmp_path), list[int]()
    handle, mark = filesystem.create_exclusive("f"), filesystem.create_exclusive("m")
    all_came = anyio.Event()

    def begin(writers: LocalDurableWriters, number: int) -> None:
        def ended(failure: StorageFailed | None, mark_failure: StorageFailed | None) -> None:
            assert (failure, mark_failure) == (None, None)
            ends.append(number)
            if number == 2:  # behind those that wait already
                begin(writers, 50)
            if len(ends) == 51:
                all_came.set()

        write = DurableWrite(handle, 0, [b"%04d" % number], "sync", mark, b"mark")
        assert writers.begin(write, ended)

    async with _local(1) as writers:
        for number in range(50):
            begin(writers, number)
        with anyio.fail_after(30):
            await all_came.wait()
        assert len(writers._writers) == 1
    assert ends == [*range(51)]
    assert (tmp_path / "f").read_bytes() == b"0050"
    handle.close()
    mark.close()


class _Refusing(LocalHandle):
    """A file on a medium without writes past the cache: a process is no file to write to either."""

    @property
    def past_the_cache(self) -> int | None:
        return _PROCESS


@pytest.mark.skipif(_PROCESS is None, reason="there is no such thing elsewhere")
async def test_what_a_medium_refuses_past_the_cache_goes_through_it(tmp_path: Path) -> None:
    marks = LocalFilesystem(tmp_path).create_exclusive("mark")
    path, blocks = tmp_path / "f", [os.urandom(40_960) for _ in range(8)]
    handle = _Refusing(os.open(path, os.O_RDWR | os.O_CREAT), path)
    async with _local(1) as writers:
        for number, block in enumerate(blocks):
            came = anyio.Event()
            failures: list[StorageFailed | None] = []

            def ended(
                failure: StorageFailed | None,
                mark_failure: StorageFailed | None,
                tell: Callable[[], object] = came.set,
                found: list[StorageFailed | None] = failures,
            ) -> None:
                found += [failure, mark_failure]
                tell()

            write = DurableWrite(handle, number * len(block), [block], "sync", marks, b"mark")
            assert writers.begin(write, ended)
            await came.wait()
            assert failures == [None, None]
    assert path.read_bytes() == b"".join(blocks)
    handle.close()
    marks.close()


@pytest.mark.parametrize("what", ["write", "sync"])
async def test_a_failed_write_poisons_the_log_and_nothing_is_written_again(what: str) -> None:
    filesystem = SimulatedFilesystem()
    writers = DeferredWriters(filesystem)
    log = await _open(filesystem, writers)
    await _put(log, b"kept")
    filesystem.plan = lambda _, call: "EIO" if call == what else None
    with pytest.raises(LogPoisoned):
        await _put(log, b"lost")
    filesystem.plan = None
    begun = writers.writes_count
    with pytest.raises(LogPoisoned):
        await _put(log, b"later")
    assert writers.writes_count == begun
    assert log.durable_lsn == 1
    await log.aclose()


async def test_a_mark_that_cannot_be_written_fails_nobody_who_waited_but_all_later() -> None:
    filesystem = SimulatedFilesystem()
    log = await _open(filesystem, DeferredWriters(filesystem))
    await _put(log, b"first")
    writes = []

    def second_fails(_: int, call: str) -> str | None:
        writes.append(call)
        return "EIO" if call == "write" and writes.count("write") > 1 else None

    filesystem.plan = second_fails
    await _put(log, b"durable")
    filesystem.plan = None
    with pytest.raises(LogPoisoned):
        await _put(log, b"later")
    await log.aclose()


async def test_closing_waits_for_the_write_under_way() -> None:
    filesystem = SimulatedFilesystem()
    writers = DeferredWriters(filesystem)
    log = await _open(filesystem, writers)
    lsn = log.append([Entry(1, [b"kept"])], expected_last_lsn=0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(log.sync, lsn))
        while not writers.writes_count:
            await anyio.lowlevel.checkpoint()
        await log.aclose()
    again = await _open(filesystem, None)
    assert await _payloads(again) == [b"kept"]
    await again.aclose()
