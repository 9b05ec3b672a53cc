from __future__ import annotations

import anyio
import pytest

from engram.model.errors import Closed, LogPoisoned
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.histories import open_simulated
from engram.wal.appender import _groups
from engram.wal.limits import GROUP_BYTES_MAX, RECORD_BYTES_MAX
from engram.wal.protocol import Entry
from engram.wal.record import GROUP_HEADER_BYTES, encoded_bytes


def test_entries_are_split_into_groups_in_order_and_none_is_too_large() -> None:
    sizes = [RECORD_BYTES_MAX, 1, RECORD_BYTES_MAX, RECORD_BYTES_MAX, 5, 6]
    entries = [(Entry(number, []), size) for number, size in enumerate(sizes)]
    groups = list(_groups(entries))
    assert [entry for group in groups for entry in group] == entries
    for group in groups:
        assert group
        used = sum(encoded_bytes(size) for _, size in group)
        assert GROUP_HEADER_BYTES + used <= GROUP_BYTES_MAX
    assert list(_groups([])) == []


@pytest.mark.anyio
async def test_what_failed_is_not_written_again_by_later_waiters() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    filesystem.plan = lambda _, what: "EIO" if what == "sync" else None
    lsn = log.append([Entry(1, [b"lost"])], expected_last_lsn=0)
    with pytest.raises(LogPoisoned):
        await log.sync(lsn)
    filesystem.plan = None
    calls = filesystem.call_count
    with pytest.raises(LogPoisoned):
        await log.sync(lsn)
    assert filesystem.call_count == calls
    assert log.durable_lsn == 0


@pytest.mark.anyio
async def test_an_append_that_nobody_waits_for_is_not_written_by_closing() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    log.append([Entry(1, [b"buffered"])], expected_last_lsn=0)
    await log.aclose()
    again = await open_simulated(filesystem, 2)
    assert again.last_lsn == 0
    with pytest.raises(Closed):
        await log.sync(1)


@pytest.mark.anyio
async def test_a_waiter_that_was_cancelled_does_not_undo_the_write() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    lsn = log.append([Entry(1, [b"kept"])], expected_last_lsn=0)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await log.sync(lsn)
    await log.sync(lsn)
    assert log.durable_lsn == lsn
    await log.aclose()
