from __future__ import annotations

import random
from typing import TYPE_CHECKING

import anyio
import pytest

from engram.model.errors import LogCorrupted, LogPoisoned, StorageFailed
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.histories import (
    DIRECTORY,
    STORE_ID,
    TENDING,
    Promise,
    contents,
    open_simulated,
    reopen,
    tend,
    write_some,
)
from engram.wal.limits import BLOCK_BYTES
from engram.wal.protocol import Entry
from engram.wal.segment import LogIdentity
from engram.wal.verify import verify
from engram.wal.writer import SegmentSizes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engram.wal.file_log import FileLog
    from engram.wal.protocol import Record

STEPS = 3
SIZES = SegmentSizes(first=16_384, longest=16_384, fill_step=16_384)
IDENTITY = LogIdentity(STORE_ID, "default")


def _fail_at(number: int, fault: str) -> Callable[[int, str], str | None]:
    return lambda call, _: fault if call == number else None


async def _work(filesystem: SimulatedFilesystem, promise: Promise) -> None:
    """Open the log, write, rotate, trim, recycle, purge; stop at the first failure, if it is named.

    Only a named one is caught.
    """
    try:
        chance = random.Random(5)  # noqa: S311 - repeatable is the point
        log = await open_simulated(filesystem, 1)
        for what in (*TENDING, *TENDING):
            await write_some(log, promise, chance, STEPS)
            await tend(log, promise, chance, filesystem, what)
        await log.aclose()
    except (StorageFailed, LogPoisoned):
        return


def _calls_of_workload() -> int:
    filesystem = SimulatedFilesystem()
    anyio.run(_work, filesystem, Promise())
    return filesystem.call_count


CALLS = _calls_of_workload()


@pytest.mark.parametrize("fault", ["EIO", "ENOSPC", "short", "power"])
@pytest.mark.parametrize("keep_all", [True, False])
def test_failing_any_one_call_loses_nothing_acknowledged(fault: str, *, keep_all: bool) -> None:
    async def run() -> None:
        for number in range(1, CALLS + 1):
            promise = Promise()
            filesystem = SimulatedFilesystem(number, _fail_at(number, fault))
            await _work(filesystem, promise)
            filesystem.plan = None
            filesystem.crash(keep_all=keep_all)
            await reopen(filesystem, promise, random.Random(number), 2)  # noqa: S311
            promise.check_purged(filesystem)

    anyio.run(run)


def test_after_a_lying_sync_the_log_is_a_prefix_or_refuses() -> None:
    async def run() -> int:
        refusals = 0
        for number in range(1, CALLS + 1):
            filesystem = SimulatedFilesystem(number, _fail_at(number, "lie"))
            promise = Promise()
            await _work(filesystem, promise)
            filesystem.crash()
            given = (promise.kept + promise.pending)[promise.trimmed :]
            try:
                log = await open_simulated(filesystem, 2, after=promise.trimmed)
                found = await contents(log, promise.trimmed)
            except LogCorrupted:
                refusals += 1
            else:
                assert found == given[: len(found)]
        return refusals

    assert anyio.run(run) > 0


class _SmallLog:
    """A log of one closed segment and one in a recycled file that reaches into its former life."""

    def __init__(self) -> None:
        filesystem = SimulatedFilesystem()
        anyio.run(self._fill, filesystem)
        names = filesystem.list(DIRECTORY)
        self.files = {name: filesystem.content(f"{DIRECTORY}/{name}") for name in names}
        report = verify(filesystem, DIRECTORY, IDENTITY)
        self.ends = {each.path[-24:]: each.end_offset for each in report.segments}
        assert [each.is_recycled for each in report.segments] == [False, True]
        last = max(self.ends)
        assert any(self.files[last][self.ends[last] + BLOCK_BYTES :])

    async def _fill(self, filesystem: SimulatedFilesystem) -> None:
        log = await open_simulated(filesystem, 1, sizes=SIZES)
        for count in (3, 2, 1):
            await self._put(log, count)
            await log.rotate()
        await log.trim(3)
        await self._put(log, 3)
        await log.rotate()
        await self._put(log, 1)
        await log.trim(6)
        self.content = await contents(log, 6)
        await log.aclose()

    async def _put(self, log: FileLog, count: int) -> None:
        for _ in range(count):
            lsn = log.last_lsn + 1
            await log.sync(
                log.append([Entry(lsn, [bytes([lsn]) * 900])], expected_last_lsn=lsn - 1)
            )

    def disk(self, name: str, content: bytes) -> SimulatedFilesystem:
        """Return a disk with one file changed."""
        filesystem = SimulatedFilesystem()
        for each, data in {**self.files, name: content}.items():
            handle = filesystem.create_exclusive(f"{DIRECTORY}/{each}")
            filesystem.write_at(handle, 0, [data])
            filesystem.sync(handle)
        filesystem.sync_directory(DIRECTORY)
        return filesystem

    async def refuses(self, name: str, content: bytes) -> bool:
        """Tell whether a log with one file changed is refused; otherwise all must be there."""
        found: list[tuple[int, int, bytes]] = []

        def replay(records: Sequence[Record]) -> None:
            found.extend((each.kind, each.flags, bytes(each.payload)) for each in records)

        try:
            await open_simulated(self.disk(name, content), 2, replay=replay)
        except LogCorrupted:
            return True
        assert found == self.content
        return False


@pytest.mark.parametrize("position", [0, 1])
def test_flipping_any_byte_of_a_segment_is_harmless_or_refused(position: int) -> None:
    log = _SmallLog()
    name = sorted(log.ends)[position]
    content = log.files[name]

    async def run() -> None:
        for offset in range(len(content)):
            damaged = bytearray(content)
            damaged[offset] ^= 1 << (offset % 8)
            refused = await log.refuses(name, bytes(damaged))
            assert refused or offset >= log.ends[name]

    anyio.run(run)


@pytest.mark.parametrize("position", [0, 1])
def test_cutting_a_segment_at_any_byte_is_refused_where_it_held_something(position: int) -> None:
    log = _SmallLog()
    name = sorted(log.ends)[position]

    async def run() -> None:
        for length in range(len(log.files[name])):
            refused = await log.refuses(name, log.files[name][:length])
            assert refused == (length < log.ends[name])

    anyio.run(run)


def test_flipping_any_byte_of_the_mark_is_harmless_or_refused() -> None:
    log = _SmallLog()
    content = log.files["durable.lsn"]

    async def run() -> None:
        for bit in range(len(content) * 8):
            damaged = bytearray(content)
            damaged[bit // 8] ^= 1 << (bit % 8)
            assert not await log.refuses("durable.lsn", bytes(damaged))

    anyio.run(run)
