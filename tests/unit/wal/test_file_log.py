from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from engram.adapters.local.filesystem import LocalFilesystem
from engram.model.errors import Conflict, LogCorrupted, LogPoisoned, StoreTooNew
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.wal.file_log import FileLog
from engram.wal.limits import BLOCK_BYTES, RECORD_BYTES_MAX
from engram.wal.protocol import Entry
from engram.wal.writer import SegmentSizes

if TYPE_CHECKING:
    from pathlib import Path

FIRST = "w/00000000000000000001.wal"


async def _open(filesystem: SimulatedFilesystem, store_id: bytes = b"0123456789abcdef") -> FileLog:
    return await FileLog.open(
        filesystem,
        "w",
        store_id=store_id,
        space_id="s",
        entropy=SeededEntropy(1),
        clock=FakeClock(),
    )


async def _put(log: FileLog, payload: bytes) -> None:
    await log.sync(log.append([Entry(1, [payload])], expected_last_lsn=log.last_lsn))


@pytest.mark.anyio
@pytest.mark.parametrize("operation", ["write", "sync"])
async def test_a_failed_write_or_sync_poisons_every_waiter_and_is_not_retried(
    operation: str,
) -> None:
    filesystem = SimulatedFilesystem()
    log = await _open(filesystem)
    await _put(log, b"kept")
    filesystem.plan = lambda _, what: "EIO" if what == operation else None
    refused: list[int] = []

    async def write(number: int) -> None:
        with pytest.raises(LogPoisoned):
            await _put(log, b"lost")
        refused.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(write, number)
    filesystem.plan = None
    assert len(refused) == 5
    with pytest.raises(LogPoisoned):
        log.append([Entry(1, [])], expected_last_lsn=log.last_lsn)
    await log.sync(1)
    await log.aclose()
    again = await _open(filesystem)
    payloads = [bytes(r.payload) async for r in again.read(0)]
    assert payloads[:1] == [b"kept"]
    await again.aclose()


@pytest.mark.anyio
async def test_what_gathers_while_one_sync_runs_shares_the_next() -> None:
    filesystem = SimulatedFilesystem()
    log = await _open(filesystem)
    before = filesystem.sync_count
    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(_put, log, b"x")
    assert log.durable_lsn == 50
    assert filesystem.sync_count - before < 50
    await log.aclose()


@pytest.mark.anyio
async def test_records_of_the_largest_size_are_split_into_groups() -> None:
    filesystem = SimulatedFilesystem()
    log = await _open(filesystem)
    big = memoryview(bytearray(b"v") * RECORD_BYTES_MAX)
    await log.sync(log.append([Entry(1, [big]), Entry(2, [big])], expected_last_lsn=0))
    assert [(r.kind, len(r.payload)) async for r in log.read(0)] == [
        (1, RECORD_BYTES_MAX),
        (2, RECORD_BYTES_MAX),
    ]
    await log.aclose()


@pytest.mark.anyio
async def test_a_torn_tail_is_cut_and_its_bytes_are_kept() -> None:
    filesystem = SimulatedFilesystem()
    log = await _open(filesystem)
    await _put(log, b"kept")
    await log.aclose()
    end = slice(2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 400)
    filesystem.damage(FIRST, lambda data: data.__setitem__(end, b"torn" * 100))
    again = await _open(filesystem)
    assert (again.recovery.entries, again.recovery.cut_bytes) == (1, BLOCK_BYTES)
    assert filesystem.content(str(again.recovery.cut_to)).rstrip(b"\0") == b"torn" * 100
    assert again.durable_lsn == 1
    await again.aclose()


@pytest.mark.anyio
async def test_a_damaged_middle_is_refused_with_its_place() -> None:
    filesystem = SimulatedFilesystem()
    log = await _open(filesystem)
    for number in range(3):
        await _put(log, bytes([number]))
    await log.aclose()

    def flip(data: bytearray) -> None:
        data[2 * BLOCK_BYTES + 70] ^= 1

    filesystem.damage(FIRST, flip)
    with pytest.raises(LogCorrupted) as caught:
        await _open(filesystem)
    error = caught.value
    assert (error.path, error.offset, error.lsn_first) == (FIRST, 2 * BLOCK_BYTES, 2)


@pytest.mark.anyio
async def test_a_log_of_another_store_is_refused() -> None:
    filesystem = SimulatedFilesystem()
    log = await _open(filesystem)
    await _put(log, b"mine")
    await log.aclose()
    with pytest.raises(LogCorrupted, match="another log"):
        await _open(filesystem, b"fedcba9876543210")


@pytest.mark.anyio
async def test_missing_segments_are_not_taken_for_a_new_log() -> None:
    filesystem = SimulatedFilesystem()
    log = await _open(filesystem)
    await _put(log, b"mine")
    await log.aclose()
    filesystem.remove(FIRST)
    with pytest.raises(LogCorrupted, match="missing"):
        await _open(filesystem)


@pytest.mark.anyio
async def test_a_newer_format_is_refused() -> None:
    filesystem = SimulatedFilesystem()
    await (await _open(filesystem)).aclose()

    def upgrade(data: bytearray) -> None:
        data[8:16] = (2).to_bytes(4, "little") + (2 ^ 0xFFFFFFFF).to_bytes(4, "little")

    filesystem.damage(FIRST, upgrade)
    with pytest.raises(StoreTooNew):
        await _open(filesystem)


@pytest.mark.anyio
async def test_a_log_may_be_read_rotated_trimmed_and_purged_while_it_is_written(
    tmp_path: Path,
) -> None:
    opening = partial(
        FileLog.open,
        LocalFilesystem(tmp_path),
        "w",
        store_id=b"0123456789abcdef",
        space_id="s",
        entropy=SeededEntropy(1),
        clock=FakeClock(),
        sizes=SegmentSizes(16_384, 65_536, 16_384),
    )
    log = await opening()
    done = anyio.Event()

    async def write(number: int) -> None:
        for _ in range(100):
            await _put(log, b"%d" % number * 500)

    async def tend() -> None:
        while not done.is_set():
            for work in (log.trim, log.purge):
                await log.rotate()
                await work(log.durable_lsn // 2)
                try:
                    async for record in log.read(log.first_lsn - 1):
                        assert len(record.payload) == 500
                except Conflict:
                    continue

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tend)
        async with anyio.create_task_group() as writers:
            for number in range(8):
                writers.start_soon(write, number)
        done.set()
    assert log.durable_lsn == 800
    await log.aclose()
    again = await opening()
    kept = [r.lsn async for r in again.read(again.first_lsn - 1)]
    assert kept == list(range(again.first_lsn, 801))
    assert again.first_lsn > 1
    await again.aclose()
