from __future__ import annotations

import pytest

from engram.model.errors import LogCorrupted
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.histories import DIRECTORY, STORE_ID, contents, open_simulated
from engram.wal.limits import BLOCK_BYTES
from engram.wal.protocol import Entry
from engram.wal.recovery import survey
from engram.wal.segment import LogIdentity

IDENTITY = LogIdentity(STORE_ID, "default")
FIRST = f"{DIRECTORY}/00000000000000000001.wal"
MARK = f"{DIRECTORY}/durable.lsn"


async def _filled(records: int, payload_bytes: int = 100) -> SimulatedFilesystem:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    for number in range(records):
        entry = Entry(number, [bytes([number]) * payload_bytes])
        await log.sync(log.append([entry], expected_last_lsn=number))
    await log.aclose()
    return filesystem


@pytest.mark.anyio
async def test_an_empty_directory_holds_nothing_and_must_begin_a_segment() -> None:
    found = survey(SimulatedFilesystem(), DIRECTORY, IDENTITY, 0)
    assert (found.entries, found.last_lsn, found.segments) == (0, 0, [])
    assert not found.is_clean


@pytest.mark.anyio
async def test_a_log_closed_in_order_is_clean_and_surveying_changes_nothing() -> None:
    filesystem = await _filled(3)
    calls = filesystem.call_count
    found = survey(filesystem, DIRECTORY, IDENTITY, 3)
    assert (found.entries, found.last_lsn, found.cut_bytes) == (3, 3, 0)
    assert found.is_clean
    assert filesystem.call_count == calls


@pytest.mark.anyio
async def test_the_last_group_is_a_suffix_unless_evidence_says_it_was_durable() -> None:
    filesystem = await _filled(3)
    suffix = survey(filesystem, DIRECTORY, IDENTITY, 2).suffix
    assert suffix is not None
    assert suffix.header.first_lsn == 3
    assert survey(filesystem, DIRECTORY, IDENTITY, 3).suffix is None


@pytest.mark.anyio
async def test_a_suffix_is_written_again_under_a_new_epoch() -> None:
    filesystem = await _filled(3)
    before = survey(filesystem, DIRECTORY, IDENTITY, 3).head
    filesystem.remove(MARK)
    log = await open_simulated(filesystem, 2)
    assert [kind for kind, _, _ in await contents(log)] == [0, 1, 2]
    await log.aclose()
    found = survey(filesystem, DIRECTORY, IDENTITY, 3)
    assert [segment.first_lsn for segment in found.segments] == [1, 3]
    assert before is not None
    assert found.head is not None
    assert found.head.header.epoch == before.header.epoch + 1


@pytest.mark.anyio
async def test_a_missing_segment_in_the_middle_is_refused_with_its_lsns() -> None:
    filesystem = await _filled(6, payload_bytes=12_000)
    names = [name for name in filesystem.list(DIRECTORY) if name.endswith(".wal")]
    assert len(names) > 2
    filesystem.remove(f"{DIRECTORY}/{names[1]}")
    with pytest.raises(LogCorrupted) as caught:
        survey(filesystem, DIRECTORY, IDENTITY, 6)
    assert caught.value.lsn_first <= int(names[1][:20]) <= caught.value.lsn_last


@pytest.mark.anyio
async def test_a_tail_that_evidence_covers_is_never_cut() -> None:
    filesystem = await _filled(3)
    filesystem.damage(FIRST, lambda data: data.__delitem__(slice(3 * BLOCK_BYTES, None)))
    with pytest.raises(LogCorrupted, match="LSN 3 is known to be durable"):
        survey(filesystem, DIRECTORY, IDENTITY, 3)
