from __future__ import annotations

import random
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.adapters.local.filesystem import LocalFilesystem
from engram.wal.file_log import FileLog
from engram.wal.writer import SegmentSizes
from tests.simulation.prove_histories import tell

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 20
ROUNDS_LONG = 200
TOLD = 20
SEED = 9

CHILD = """
import sys
import anyio
from engram.adapters.local.clock import SystemClock
from engram.adapters.local.entropy import SystemEntropy
from engram.adapters.local.filesystem import LocalFilesystem
from engram.wal.file_log import FileLog
from engram.wal.writer import SegmentSizes
from engram.wal.protocol import Entry

async def main():
    log = await FileLog.open(
        LocalFilesystem(sys.argv[1]), "default/wal", store_id=b"killed at random",
        space_id="default", entropy=SystemEntropy(), clock=SystemClock(),
        sizes=SegmentSizes(1 << 16, 1 << 18, 1 << 16),
    )

    async def write():
        while True:
            lsn = log.last_lsn + 1
            log.append([Entry(1, [b"record %d " % lsn * (1 + lsn % 300)])],
                       expected_last_lsn=lsn - 1)
            await log.sync(lsn)
            sys.stdout.write(f"{lsn}\\n")
            sys.stdout.flush()

    async def trim():
        while True:
            before = log.durable_lsn
            while log.durable_lsn < before + 300:
                await anyio.sleep(0)
            await log.rotate()
            await log.trim(before)

    async with anyio.create_task_group() as tasks:
        for _ in range(16):
            tasks.start_soon(write)
        tasks.start_soon(trim)

anyio.run(main)
"""


def _killed_while_writing(root: Path, acknowledgements: int) -> int:
    """Run a writer, kill it after that many acknowledgements, return the highest one."""
    child = subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", CHILD, str(root)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    highest = 0
    try:
        for count, line in enumerate(child.stdout):
            if count == acknowledgements:
                child.send_signal(signal.SIGKILL)
            if line.endswith("\n"):
                highest = max(highest, int(line))
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert child.returncode == -signal.SIGKILL
    return highest


async def _reopened(root: Path) -> tuple[int, int]:
    """Return the first LSN and the last of what is there, after checking each record."""
    log = await FileLog.open(
        LocalFilesystem(root),
        "default/wal",
        store_id=b"killed at random",
        space_id="default",
        entropy=SystemEntropy(),
        clock=SystemClock(),
        sizes=SegmentSizes(1 << 16, 1 << 18, 1 << 16),
    )
    count = log.first_lsn - 1
    async for record in log.read(count):
        count += 1
        assert record.lsn == count
        assert record.payload == b"record %d " % count * (1 + count % 300)
    await log.aclose()
    return log.first_lsn, count


def _rounds(root: Path, rounds: int) -> None:
    chance = random.Random(SEED)  # noqa: S311 - repeatable is the point
    highest_first = 0
    for number in range(rounds):
        directory = root / str(number // 4)
        acknowledged = _killed_while_writing(directory, chance.randrange(2000))
        first, last = anyio.run(_reopened, directory)
        assert last >= acknowledged
        highest_first = max(highest_first, first)
        if not (number + 1) % TOLD:
            tell(f"logs killed {number + 1} times of {rounds}: nothing acknowledged is lost")
    assert highest_first > 1, "nothing was trimmed, so nothing recycled"


def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path) -> None:
    _rounds(tmp_path, ROUNDS)


@pytest.mark.prove
def test_nothing_acknowledged_is_lost_by_many_kills(tmp_path: Path) -> None:
    _rounds(tmp_path, ROUNDS_LONG)
