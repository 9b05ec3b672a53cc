"""Logs of format version 1, opened for ever: never rewrite these files."""

from __future__ import annotations

from pathlib import Path

import pytest

from engram.testing.clock import FakeClock, SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.wal.file_log import FileLog
from engram.wal.protocol import Entry
from engram.wal.segment import LogIdentity
from engram.wal.verify import verify

V1 = Path(__file__).parent / "v1"
STORE_ID = b"golden log of v1"
FIRST = [(1, b"first", 0), (2, b"", 255), (255, b"\x00\xff" * 300, 7)]
LONG = [(3, b"x" * 5000, 1)]
LAST = [(4, b"last", 0)]

# `log` has two segments without zeros ahead; `log_recycled` begins with LSN 4, and its last
# segment's file held LSN 1 to 3 before.
LOGS = {"log": (0, FIRST + LONG + LAST), "log_recycled": (3, FIRST + LAST)}


def _disk(directory: str) -> SimulatedFilesystem:
    disk = SimulatedFilesystem()
    for file in (V1 / directory).iterdir():
        handle = disk.create_exclusive(f"{directory}/{file.name}")
        disk.write_at(handle, 0, [file.read_bytes()])
    return disk


@pytest.mark.anyio
@pytest.mark.parametrize("directory", LOGS)
async def test_a_log_of_version_1_is_read_and_goes_on(directory: str) -> None:
    after, expected = LOGS[directory]
    disk = _disk(directory)
    log = await FileLog.open(
        disk,
        directory,
        store_id=STORE_ID,
        space_id="golden",
        entropy=SeededEntropy(1),
        clock=FakeClock(),
    )
    assert log.recovery.cut_bytes == 0
    assert log.first_lsn == after + 1
    found = [(r.kind, bytes(r.payload), r.flags) async for r in log.read(after)]
    assert found == expected
    end = after + len(expected)
    await log.sync(log.append([Entry(8, [b"more"])], expected_last_lsn=end))
    assert [r.kind async for r in log.read(end)] == [8]
    await log.aclose()


@pytest.mark.parametrize("directory", LOGS)
def test_a_log_of_version_1_is_sound(directory: str) -> None:
    report = verify(_disk(directory), directory, LogIdentity(STORE_ID, "golden"))
    assert report.is_sound
    assert report.segments[-1].is_recycled == (directory == "log_recycled")
    assert report.segments[-1].last_lsn == report.durable_lsn
