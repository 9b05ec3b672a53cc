from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING

import pytest

from engram.adapters.local.filesystem import LocalFilesystem
from engram.model.errors import check
from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.log import check_log
from engram.wal.file_log import FileLog
from engram.wal.memory_log import MemoryLog
from engram.wal.writer import SegmentSizes

if TYPE_CHECKING:
    from pathlib import Path

    from engram.ports import Filesystem
    from engram.wal.protocol import Log


async def _make_memory_log(previous: Log | None) -> Log:
    if previous is None:
        return MemoryLog(record_bytes_max=100_000)
    check(isinstance(previous, MemoryLog), "a log is reopened by its own maker")
    return previous.reopened() if isinstance(previous, MemoryLog) else previous


class _FileLogs:
    """Makes logs in numbered directories of one filesystem; reopens the last one."""

    def __init__(self, filesystem: Filesystem, *, inline: bool) -> None:
        self._numbers = count()
        self._directory = ""
        self._open = partial(
            FileLog.open,
            filesystem,
            store_id=b"conformance test",
            space_id="default",
            entropy=SeededEntropy(1),
            clock=FakeClock(),
            sizes=SegmentSizes(8192, 65536, 8192),
            record_bytes_max=100_000,
            inline=inline,
        )

    async def __call__(self, previous: Log | None) -> Log:
        if previous is None:
            self._directory = f"log-{next(self._numbers)}/wal"
        return await self._open(directory=self._directory)


@pytest.mark.anyio
async def test_memory_log_keeps_the_contract() -> None:
    await check_log(_make_memory_log)


@pytest.mark.anyio
async def test_file_log_keeps_the_contract(tmp_path: Path) -> None:
    await check_log(_FileLogs(LocalFilesystem(tmp_path), inline=False))


@pytest.mark.anyio
@pytest.mark.parametrize("inline", [False, True])
async def test_file_log_on_a_simulated_disk_keeps_the_contract(*, inline: bool) -> None:
    await check_log(_FileLogs(SimulatedFilesystem(), inline=inline))
