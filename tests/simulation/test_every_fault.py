from __future__ import annotations

import random
from typing import TYPE_CHECKING

import anyio
import pytest

from engram.model.errors import LogCorrupted, LogPoisoned, StorageFailed
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.histories import DIRECTORY, Promise, contents, open_simulated, write_some
from engram.wal.protocol import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = 8


def _fail_at(number: int, fault: str) -> Callable[[int, str], str | None]:
    return lambda call, _: fault if call == number else None


async def _work(filesystem: SimulatedFilesystem, promise: Promise) -> None:
    """Open the log, write a little, and stop at the first failure, which must be a named one."""
    try:
        log = await open_simulated(filesystem, 1)
        await write_some(log, promise, random.Random(5), STEPS)  # noqa: S311
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
            promise.settle(await contents(await open_simulated(filesystem, 2)))

    anyio.run(run)


def test_after_a_lying_sync_the_log_is_a_prefix_or_refuses() -> None:
    async def run() -> int:
        refusals = 0
        for number in range(1, CALLS + 1):
            filesystem = SimulatedFilesystem(number, _fail_at(number, "lie"))
            promise = Promise()
            await _work(filesystem, promise)
            filesystem.crash()
            given = promise.kept + promise.pending
            try:
                found = await contents(await open_simulated(filesystem, 2))
            except LogCorrupted:
                refusals += 1
            else:
                assert found == given[: len(found)]
        return refusals

    assert anyio.run(run) > 0


def _small_log() -> tuple[SimulatedFilesystem, Promise, str]:
    filesystem, promise = SimulatedFilesystem(), Promise()

    async def fill() -> None:
        log = await open_simulated(filesystem, 1)
        for number in range(1, 4):
            entries = [Entry(number, [bytes([number]) * 900 * n]) for n in range(3)]
            await log.sync(log.append(entries, expected_last_lsn=log.last_lsn))
        promise.kept = await contents(log)
        await log.aclose()

    anyio.run(fill)
    (name,) = [name for name in filesystem.list(DIRECTORY) if name.endswith(".wal")]
    return filesystem, promise, f"{DIRECTORY}/{name}"


async def _check_all_or_refused(filesystem: SimulatedFilesystem, promise: Promise) -> bool:
    """Tell whether it was refused; otherwise everything must be there."""
    try:
        log = await open_simulated(filesystem, 2)
    except LogCorrupted:
        return True
    assert await contents(log) == promise.kept
    return False


def test_flipping_any_byte_of_a_segment_is_harmless_or_refused() -> None:
    original, promise, path = _small_log()
    content = original.content(path)
    marks = original.content(f"{DIRECTORY}/durable.lsn")

    async def run() -> int:
        refusals = 0
        for offset in range(len(content)):
            damaged = bytearray(content)
            damaged[offset] ^= 1 << (offset % 8)
            refusals += await _check_all_or_refused(_disk(path, bytes(damaged), marks), promise)
        return refusals

    assert anyio.run(run) > len(content) // 8


def test_cutting_a_segment_at_any_byte_is_refused() -> None:
    original, promise, path = _small_log()
    content = original.content(path)
    marks = original.content(f"{DIRECTORY}/durable.lsn")

    async def run() -> None:
        for length in range(len(content)):
            assert await _check_all_or_refused(_disk(path, content[:length], marks), promise)

    anyio.run(run)


def _disk(path: str, content: bytes, marks: bytes) -> SimulatedFilesystem:
    filesystem = SimulatedFilesystem()
    for name, data in ((path, content), (f"{DIRECTORY}/durable.lsn", marks)):
        handle = filesystem.create_exclusive(name)
        filesystem.write_at(handle, 0, [data])
        filesystem.sync(handle)
    filesystem.sync_directory(DIRECTORY)
    return filesystem
