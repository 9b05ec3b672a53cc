from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest

from engram.adapters.local.filesystem import LocalFilesystem
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.durable_writers import DeferredWriters
from engram.testing.failing import FailingFilesystem, FailingMemoryLog
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.log import check_log
from engram.wal.file_log import FileLog
from engram.wal.writer import SegmentSizes

if TYPE_CHECKING:
    from pathlib import Path

    from engram.ports import Filesystem
    from engram.wal.protocol import Log


class _MemoryLogs:
    """Makes logs in RAM; opens the last one again on its medium."""

    def __init__(self) -> None:
        self._last = FailingMemoryLog(record_bytes_max=100_000)

    async def __call__(self, previous: Log | None) -> Log:
        fresh = FailingMemoryLog(record_bytes_max=100_000)
        self._last = fresh if previous is None else self._last.reopened()
        return self._last

    def fail_next_sync(self, share: float) -> None:
        self._last.fail_next_sync(share)


class _FileLogs:
    """Makes logs in numbered directories of one filesystem; reopens the last one."""

    def __init__(
        self, filesystem: Filesystem, *, inline: bool = False, beside: bool = False
    ) -> None:
        self._numbers = count()
        self._filesystem = FailingFilesystem(filesystem)
        self.writers = DeferredWriters(self._filesystem) if beside else None
        self._directory = ""
        self._open = partial(
            FileLog.open,
            self._filesystem,
            store_id=b"conformance test",
            space_id="default",
            entropy=SeededEntropy(1),
            clock=FakeClock(),
            sizes=SegmentSizes(8192, 65536, 8192),
            record_bytes_max=100_000,
            inline=inline,
            writers=self.writers,
        )

    async def __call__(self, previous: Log | None) -> Log:
        if previous is None:
            self._directory = f"log-{next(self._numbers)}/wal"
        return await self._open(directory=self._directory)

    def fail_next_sync(self, share: float) -> None:
        self._filesystem.fail_next_write(share)


@pytest.mark.anyio
async def test_memory_log_keeps_the_contract() -> None:
    await check_log(_MemoryLogs())


@pytest.mark.anyio
async def test_file_log_keeps_the_contract(tmp_path: Path) -> None:
    await check_log(_FileLogs(LocalFilesystem(tmp_path), inline=False))


@pytest.mark.anyio
@pytest.mark.parametrize("inline", [False, True])
async def test_file_log_on_a_simulated_disk_keeps_the_contract(*, inline: bool) -> None:
    await check_log(_FileLogs(SimulatedFilesystem(), inline=inline))


@pytest.mark.anyio
async def test_file_log_with_durable_writers_keeps_the_contract() -> None:
    logs = _FileLogs(SimulatedFilesystem(), beside=True)
    await check_log(logs)
    assert logs.writers is not None
    assert logs.writers.writes_count
