from __future__ import annotations

import pytest

from engram.model.errors import Conflict, LogCorrupted, StorageFailed
from engram.testing.clock import SeededEntropy
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.histories import DIRECTORY, STORE_ID, contents, open_simulated
from engram.wal.limits import BLOCK_BYTES
from engram.wal.protocol import Entry
from engram.wal.record import GROUP_HEADER_BYTES
from engram.wal.salvage import Salvaged, salvage
from engram.wal.segment import LogIdentity
from engram.wal.verify import LogReport, verify

IDENTITY = LogIdentity(STORE_ID, "default")
RECORDS = 12
PAYLOAD_BYTES = 7_000
"""Two blocks a group: one, two, then four groups fit the segments of 16, 32 and 64 KiB."""


async def _filled(records: int = RECORDS) -> SimulatedFilesystem:
    """Return a disk with a log of one record a group, in several segments."""
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    for number in range(1, records + 1):
        entry = Entry(number, [bytes([number]) * PAYLOAD_BYTES])
        await log.sync(log.append([entry], expected_last_lsn=number - 1))
    await log.aclose()
    return filesystem


def _segments(filesystem: SimulatedFilesystem) -> list[str]:
    names = [name for name in filesystem.list(DIRECTORY) if name.endswith(".wal")]
    return [f"{DIRECTORY}/{name}" for name in names]


def _flip(filesystem: SimulatedFilesystem, path: str, offset: int) -> None:
    def flip(data: bytearray) -> None:
        data[offset] ^= 1

    filesystem.damage(path, flip)


def _verified(filesystem: SimulatedFilesystem, after: int = 0) -> LogReport:
    return verify(filesystem, DIRECTORY, IDENTITY, after=after)


def _salvaged(filesystem: SimulatedFilesystem, after: int = 0) -> Salvaged:
    return salvage(filesystem, SeededEntropy(7), DIRECTORY, IDENTITY, after=after)


async def _kinds(filesystem: SimulatedFilesystem) -> list[int]:
    log = await open_simulated(filesystem, 9)
    kinds = [kind for kind, _, _ in await contents(log)]
    await log.aclose()
    return kinds


@pytest.mark.anyio
async def test_a_sound_log_is_described_and_nothing_is_changed() -> None:
    filesystem = await _filled()
    calls = filesystem.call_count
    report = _verified(filesystem)
    assert report.is_sound
    assert filesystem.call_count == calls
    assert [each.path for each in report.segments] == _segments(filesystem)
    assert report.segments[0].first_lsn == 1
    assert report.segments[-1].last_lsn == report.durable_lsn == RECORDS
    assert sum(each.groups_count for each in report.segments) == RECORDS
    assert {each.epoch for each in report.segments} == {1}
    assert report.other_names == ["durable.lsn"]


@pytest.mark.anyio
async def test_every_damage_is_found_and_not_only_the_first() -> None:
    filesystem = await _filled()
    paths = _segments(filesystem)
    assert len(paths) == 4
    _flip(filesystem, paths[1], BLOCK_BYTES + GROUP_HEADER_BYTES)
    _flip(filesystem, paths[2], BLOCK_BYTES + 2 * BLOCK_BYTES)
    _flip(filesystem, paths[2], BLOCK_BYTES + 6 * BLOCK_BYTES + 100)
    report = _verified(filesystem)
    first = [each.first_lsn for each in report.segments]
    assert [(each.path, each.offset, each.lsn_first, each.lsn_last) for each in report.damage] == [
        (paths[1], BLOCK_BYTES, first[1], first[1]),
        (paths[2], 3 * BLOCK_BYTES, first[2] + 1, first[2] + 1),
        (paths[2], 7 * BLOCK_BYTES, first[2] + 3, first[2] + 3),
    ]
    assert all(each.reason for each in report.damage)


@pytest.mark.anyio
async def test_missing_segments_and_headers_and_tails_are_damage() -> None:
    filesystem = await _filled()
    paths = _segments(filesystem)
    filesystem.remove(paths[1])
    _flip(filesystem, paths[2], 60)
    filesystem.damage(paths[3], lambda data: data.__delitem__(slice(BLOCK_BYTES, None)))
    report = _verified(filesystem)
    starts = [int(path[-24:-4]) for path in paths]
    assert [(each.lsn_first, each.lsn_last) for each in report.damage] == [
        (starts[1], starts[2] - 1),
        (starts[2], starts[3] - 1),
        (starts[3], RECORDS),
    ]


@pytest.mark.anyio
async def test_a_torn_tail_is_no_damage() -> None:
    filesystem = await _filled()
    path = _segments(filesystem)[-1]
    end = _verified(filesystem).segments[-1].end_offset
    filesystem.damage(path, lambda data: data.__setitem__(slice(end, end + 9), b"torn tail"))
    assert _verified(filesystem).is_sound


@pytest.mark.anyio
@pytest.mark.parametrize("lsn", range(1, RECORDS + 1))
@pytest.mark.parametrize("what", ["header", "body"])
async def test_salvage_keeps_all_before_the_first_damage_and_says_what_goes(
    lsn: int, what: str
) -> None:
    filesystem = await _filled()
    found = _verified(filesystem).segments
    segment = next(each for each in found if each.first_lsn <= lsn <= each.last_lsn)
    offset = BLOCK_BYTES + (lsn - segment.first_lsn) * 2 * BLOCK_BYTES
    _flip(filesystem, segment.path, offset + (9 if what == "header" else 900))
    before = {path: filesystem.content(path) for path in _segments(filesystem)}
    with pytest.raises(LogCorrupted):
        await open_simulated(filesystem, 5)
    done = _salvaged(filesystem)
    assert (done.kept_lsn, done.lost_first, done.lost_last) == (lsn - 1, lsn, RECORDS)
    assert done.lost_bytes >= (RECORDS + 1 - lsn) * 2 * BLOCK_BYTES
    assert {filesystem.content(path) for path in done.moved_to} <= set(before.values())
    assert len(done.moved_to) == len([each for each in found if each.last_lsn >= lsn])
    assert await _kinds(filesystem) == list(range(1, lsn))
    assert _verified(filesystem).segments[-1].epoch > segment.epoch


@pytest.mark.anyio
async def test_salvaging_a_sound_log_changes_nothing() -> None:
    filesystem = await _filled()
    calls = filesystem.call_count
    assert _salvaged(filesystem) == Salvaged(RECORDS, 0, 0, 0, [], [])
    assert filesystem.call_count == calls


@pytest.mark.anyio
async def test_an_open_log_is_not_salvaged() -> None:
    filesystem = await _filled()
    log = await open_simulated(filesystem, 3)
    with pytest.raises(Conflict):
        _salvaged(filesystem)
    await log.aclose()


@pytest.mark.anyio
async def test_damage_that_a_snapshot_covers_costs_no_record_after_it() -> None:
    filesystem = await _filled()
    paths = _segments(filesystem)
    after = int(paths[2][-24:-4]) - 1
    _flip(filesystem, paths[1], BLOCK_BYTES + 900)
    assert len(_verified(filesystem, after).damage) == 1
    assert _salvaged(filesystem, after).lost_first == 0
    log = await open_simulated(filesystem, 5, after=after)
    assert len(await contents(log, after)) == RECORDS - after
    await log.aclose()


@pytest.mark.anyio
async def test_salvage_behind_a_snapshot_goes_on_right_after_it() -> None:
    filesystem = await _filled()
    paths = _segments(filesystem)
    after = int(paths[2][-24:-4]) + 1
    _flip(filesystem, paths[2], BLOCK_BYTES + 9)
    with pytest.raises(LogCorrupted):
        await open_simulated(filesystem, 5, after=after)
    assert _salvaged(filesystem, after)[:3] == (after, after + 1, RECORDS)
    log = await open_simulated(filesystem, 5, after=after)
    assert (log.last_lsn, await contents(log, after)) == (after, [])
    await log.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("fault", ["power", "EIO"])
async def test_a_salvage_that_fails_at_any_call_can_be_done_again(fault: str) -> None:
    lsn, number, finished = 5, 0, False
    while not finished:
        number += 1
        filesystem = await _filled()
        path = next(each.path for each in _verified(filesystem).segments if each.last_lsn >= lsn)
        first = int(path[-24:-4])
        _flip(filesystem, path, BLOCK_BYTES + (lsn - first) * 2 * BLOCK_BYTES + 900)
        at = filesystem.call_count + number
        filesystem.plan = lambda call, _, at=at: fault if call == at else None
        try:
            _salvaged(filesystem)
            finished = filesystem.call_count < at
        except StorageFailed:
            pass
        filesystem.plan = None
        filesystem.crash()
        _salvaged(filesystem)
        assert await _kinds(filesystem) == list(range(1, lsn))
    assert number > 10
