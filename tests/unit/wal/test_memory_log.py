from __future__ import annotations

import pytest

from engram.model.errors import Closed, Conflict
from engram.wal.memory_log import MemoryLog
from engram.wal.protocol import Entry


async def _put(log: MemoryLog, payload: bytes) -> None:
    await log.sync(log.append([Entry(1, [payload])], expected_last_lsn=log.last_lsn))


@pytest.mark.anyio
async def test_reopening_keeps_what_was_synced_and_nothing_else() -> None:
    log = MemoryLog()
    await _put(log, b"kept")
    log.append([Entry(1, [b"dropped"])], expected_last_lsn=1)
    await log.aclose()
    again = log.reopened()
    assert again.last_lsn == again.durable_lsn == 1
    assert [bytes(record.payload) async for record in again.read(0)] == [b"kept"]


@pytest.mark.anyio
async def test_reading_what_was_trimmed_is_refused_also_after_reopening() -> None:
    log = MemoryLog()
    for payload in (b"1", b"2", b"3"):
        await _put(log, payload)
    await log.trim(2)
    for each in (log, log.reopened()):
        with pytest.raises(Conflict, match="begins at LSN 3"):
            [record async for record in each.read(1)]
        assert [record.lsn async for record in each.read(2)] == [3]


@pytest.mark.anyio
async def test_a_payload_is_copied_when_it_is_appended() -> None:
    log, payload = MemoryLog(), bytearray(b"as it was")
    lsn = log.append([Entry(1, [payload])], expected_last_lsn=0)
    payload[:] = b"otherwise"
    await log.sync(lsn)
    assert [record.payload async for record in log.read(0)] == [b"as it was"]


@pytest.mark.anyio
async def test_syncing_a_closed_log_is_refused_unless_it_was_durable_already() -> None:
    log = MemoryLog()
    await _put(log, b"durable")
    log.append([Entry(1, [])], expected_last_lsn=1)
    await log.aclose()
    await log.sync(1)
    with pytest.raises(Closed):
        await log.sync(2)
