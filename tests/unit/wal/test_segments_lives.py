from __future__ import annotations

import pytest

from engram.model.errors import (
    Closed,
    Conflict,
    LogCorrupted,
    LogPoisoned,
    StorageFailed,
    UnknownEvent,
)
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.histories import DIRECTORY, SIZES, STORE_ID, contents, open_simulated
from engram.wal.closed import ClosedSegment
from engram.wal.file_log import FileLog
from engram.wal.limits import BLOCK_BYTES, FILL_GROUP_BYTES_MAX, SPARES_MAX
from engram.wal.protocol import Entry, Record
from engram.wal.segment import LogIdentity
from engram.wal.verify import verify

IDENTITY = LogIdentity(STORE_ID, "default")
SMALL = 3_000
SECRET = b"nobody may ever read this again "


async def _put(log: FileLog, count: int, payload: bytes = bytes(SMALL)) -> None:
    for _ in range(count):
        await log.sync(log.append([Entry(1, [payload])], expected_last_lsn=log.last_lsn))


def _sizes(filesystem: SimulatedFilesystem, suffix: str = ".wal") -> list[int]:
    names = [name for name in filesystem.list(DIRECTORY) if name.endswith(suffix)]
    return [len(filesystem.content(f"{DIRECTORY}/{name}")) for name in names]


def _recycled(filesystem: SimulatedFilesystem) -> list[bool]:
    return [each.is_recycled for each in verify(filesystem, DIRECTORY, IDENTITY).segments]


async def _with_recycled_segment() -> tuple[SimulatedFilesystem, FileLog]:
    """Return a log whose last segment begins in a file that held secrets before."""
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await _put(log, 40, SECRET * 90)
    await log.trim(log.durable_lsn)
    await log.rotate()
    assert _recycled(filesystem)[-1]
    return filesystem, log


@pytest.mark.anyio
async def test_segments_double_up_to_the_longest() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await _put(log, 50)
    whole = _sizes(filesystem)[:-1]
    assert whole == sorted(whole)
    assert whole[0] == SIZES.first
    assert whole[-1] == SIZES.longest
    assert whole[1] == 2 * SIZES.first


@pytest.mark.anyio
async def test_a_small_group_never_changes_the_length_of_its_file() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    write = filesystem.write_durably
    grown: list[int] = []

    def watched(handle, offset, buffers, method) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        before = filesystem.size(handle)
        write(handle, offset, buffers, method)
        grown.append(filesystem.size(handle) - before)

    filesystem.write_durably = watched  # type: ignore[method-assign]
    await _put(log, 60)
    assert set(grown) == {0}
    assert len(grown) == 60
    grown.clear()
    await _put(log, 4, bytes(FILL_GROUP_BYTES_MAX))
    assert max(grown) >= FILL_GROUP_BYTES_MAX


@pytest.mark.anyio
async def test_a_disk_without_room_for_zeros_still_takes_the_group() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await _put(log, 1)
    writes = 0

    def plan(_: int, operation: str) -> str | None:
        nonlocal writes
        writes += operation == "write"
        return "ENOSPC" if operation == "write" and writes == 1 else None

    filesystem.plan = plan
    before = filesystem.call_count
    log._writer.fill_ahead()
    log._writer._filled_bytes = log._writer.segments[-1].end_offset
    log._writer._fill(0)
    assert filesystem.call_count > before
    filesystem.plan = None
    await _put(log, 1)
    assert log.durable_lsn == 2


@pytest.mark.anyio
async def test_trimmed_segments_come_back_with_a_new_header_and_few_are_kept() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await _put(log, 120)
    await log.trim(log.durable_lsn)
    assert len(_sizes(filesystem, ".spare")) == SPARES_MAX
    assert len(_sizes(filesystem)) == 1
    await log.rotate()
    await _put(log, 1)
    assert len(_sizes(filesystem, ".spare")) == SPARES_MAX - 1
    assert _recycled(filesystem) == [False, True]
    last = log.durable_lsn
    await log.aclose()
    again = await open_simulated(filesystem, 2)
    assert (again.last_lsn, again.recovery.cut_bytes) == (last, 0)
    await _put(again, 30)
    assert _recycled(filesystem)[:3] == [False, True, True]
    await again.aclose()


@pytest.mark.anyio
async def test_a_torn_write_in_a_recycled_file_is_cut_where_the_former_life_begins() -> None:
    filesystem, log = await _with_recycled_segment()
    await _put(log, 2)
    await log.aclose()
    path = f"{DIRECTORY}/{[n for n in filesystem.list(DIRECTORY) if n.endswith('.wal')][-1]}"
    end = verify(filesystem, DIRECTORY, IDENTITY).segments[-1].end_offset
    filesystem.damage(path, lambda data: data.__setitem__(slice(end, end + 4), b"torn"))
    again = await open_simulated(filesystem, 2)
    assert 0 < again.recovery.cut_bytes < 20 * BLOCK_BYTES
    assert filesystem.content(str(again.recovery.cut_to)).startswith(b"torn")
    assert len(await contents(again, again.first_lsn - 1)) == again.last_lsn - again.first_lsn + 1
    await again.aclose()


@pytest.mark.anyio
async def test_a_later_group_in_a_recycled_file_is_never_taken_for_the_former_life() -> None:
    filesystem, log = await _with_recycled_segment()
    await _put(log, 4)
    await log.aclose()
    path = f"{DIRECTORY}/{[n for n in filesystem.list(DIRECTORY) if n.endswith('.wal')][-1]}"
    filesystem.damage(path, lambda data: data.__setitem__(2 * BLOCK_BYTES + 90, 255))
    filesystem.remove(f"{DIRECTORY}/durable.lsn")
    with pytest.raises(LogCorrupted, match="a later group begins"):
        await open_simulated(filesystem, 2)


@pytest.mark.anyio
async def test_purging_leaves_no_byte_of_what_was_before() -> None:
    filesystem, log = await _with_recycled_segment()
    await _put(log, 2)
    assert any(SECRET in filesystem.content(f"{DIRECTORY}/{n}") for n in filesystem.list(DIRECTORY))
    kept = log.durable_lsn
    await log.purge(kept - 2)
    disk = {n: filesystem.content(f"{DIRECTORY}/{n}") for n in filesystem.list(DIRECTORY)}
    assert [name for name, data in disk.items() if SECRET in data] == []
    assert len(await contents(log, kept - 2)) == 2
    await _put(log, 1)
    await log.aclose()
    again = await open_simulated(filesystem, 3)
    assert again.last_lsn == kept + 1
    await again.aclose()


@pytest.mark.anyio
async def test_rotating_an_empty_segment_does_nothing() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await log.rotate()
    await _put(log, 1)
    await log.rotate()
    names = filesystem.list(DIRECTORY)
    await log.rotate()
    assert filesystem.list(DIRECTORY) == names
    assert len(_sizes(filesystem)) == 2
    await log.aclose()


@pytest.mark.anyio
async def test_a_segment_is_archived_before_it_goes_and_stays_when_that_fails() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    for number in range(30):
        await _put(log, 1, bytes([number]) * SMALL)
    archive: dict[str, bytes] = {}
    records: list[Record] = []

    async def archived(segment: ClosedSegment) -> None:
        if len(archive) == 2:
            raise StorageFailed("copy", "the archive", "it is full", "make room")
        archive[segment.name] = b"".join(segment.chunks())
        records.extend(segment.records())
        assert records[-1].lsn == segment.last_lsn

    log.on_trim = archived
    first = log.first_lsn
    with pytest.raises(StorageFailed, match="the archive"):
        await log.trim(log.durable_lsn)
    assert log.first_lsn == records[-1].lsn + 1 > first
    assert [record.lsn for record in records] == list(range(1, log.first_lsn))
    await _put(log, 1)
    await log.aclose()
    restored = SimulatedFilesystem()
    for name, data in archive.items():
        restored.write_at(restored.create_exclusive(f"{DIRECTORY}/{name}"), 0, [data])
    again = await open_simulated(restored, 4)
    assert again.last_lsn == records[-1].lsn
    assert [payload for _, _, payload in await contents(again)] == [
        bytes([number]) * SMALL for number in range(again.last_lsn)
    ]
    await again.aclose()


@pytest.mark.anyio
async def test_opening_after_a_snapshot_reads_only_what_follows() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await _put(log, 60)
    closed = log.closed_segments
    await log.aclose()
    damaged = f"{DIRECTORY}/{closed[1].name}"
    filesystem.damage(damaged, lambda data: data.__setitem__(slice(0, 9000), bytes(9000)))
    with pytest.raises(LogCorrupted):
        await open_simulated(filesystem, 2)
    after = closed[-1].first_lsn + 2
    replayed: list[int] = []
    again = await open_simulated(
        filesystem, 2, after=after, replay=lambda records: replayed.extend(r.lsn for r in records)
    )
    assert replayed == list(range(after + 1, 61))
    assert again.recovery.entries == 60 - after
    assert len(await contents(again, after)) == 60 - after
    with pytest.raises(LogCorrupted):
        await contents(again, closed[1].first_lsn)
    await again.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("after", [61, 5])
async def test_a_log_that_does_not_reach_its_snapshot_is_refused(after: int) -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await _put(log, 60)
    await log.trim(40)
    assert log.first_lsn > 6
    await log.aclose()
    with pytest.raises(LogCorrupted):
        await open_simulated(filesystem, 2, after=after)


@pytest.mark.anyio
async def test_a_reader_keeps_what_it_reads_from_being_written_over() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await _put(log, 60)
    reader = log.read(0)
    first = await anext(reader)
    await log.trim(log.durable_lsn)
    await _put(log, 60, bytes([9]) * SMALL)
    found = [first]
    with pytest.raises(Conflict, match="trimmed away"):
        found.extend([record async for record in reader])
    assert {bytes(record.payload) for record in found} == {bytes(SMALL)}
    await log.aclose()


@pytest.mark.anyio
async def test_a_replay_that_fails_leaves_the_log_closed_and_as_it_was() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await _put(log, 3)
    await log.aclose()
    before = {n: filesystem.content(f"{DIRECTORY}/{n}") for n in filesystem.list(DIRECTORY)}

    def replay(_: object) -> None:
        raise UnknownEvent(99)

    with pytest.raises(UnknownEvent):
        await open_simulated(filesystem, 2, replay=replay)
    after = {n: filesystem.content(f"{DIRECTORY}/{n}") for n in filesystem.list(DIRECTORY)}
    assert after == before
    again = await open_simulated(filesystem, 3)
    assert again.last_lsn == 3
    await again.aclose()


@pytest.mark.anyio
async def test_a_rotation_that_fails_poisons_the_log() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await _put(log, 1)
    filesystem.plan = lambda _, what: "EIO" if what == "create" else None
    with pytest.raises(StorageFailed):
        await log.rotate()
    filesystem.plan = None
    with pytest.raises(LogPoisoned):
        log.append([Entry(1, [])], expected_last_lsn=1)
    with pytest.raises(LogPoisoned):
        await log.rotate()
    await log.aclose()
    with pytest.raises(Closed):
        await log.rotate()


@pytest.mark.anyio
async def test_a_trim_that_fails_leaves_the_log_working_and_no_gap() -> None:
    filesystem = SimulatedFilesystem()
    log = await open_simulated(filesystem, 1)
    await _put(log, 60)
    for operation in ("rename", "remove", "sync_directory"):
        failed = False

        def plan(_: int, what: str, operation: str = operation) -> str | None:
            nonlocal failed
            if what != operation or failed:
                return None
            failed = True
            return "EIO"

        filesystem.plan = plan
        try:
            await log.trim(log.durable_lsn)
        except StorageFailed:
            await _put(log, 1)
        filesystem.plan = None
    await log.trim(log.durable_lsn)
    await _put(log, 20)
    last = log.durable_lsn
    await log.aclose()
    again = await open_simulated(filesystem, 2)
    assert again.last_lsn == last
    assert again.first_lsn > 40
    await again.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(12))
async def test_a_spare_whose_name_never_became_durable_is_not_written_over(seed: int) -> None:
    filesystem = SimulatedFilesystem(seed)
    log = await open_simulated(filesystem, 1)
    await _put(log, 60)
    await log.trim(log.durable_lsn)
    await _put(log, 60)  # in segments of the longest size, as those to come
    filesystem.plan = lambda _, operation: "EIO" if operation == "sync_directory" else None
    with pytest.raises(StorageFailed):
        await log.trim(log.durable_lsn)
    filesystem.plan = None
    filesystem.crash(keep_all=True)  # the process died: names are as it left them, durable or not
    again = await open_simulated(filesystem, 2)
    written = again.durable_lsn
    filesystem.plan = lambda _, operation: "power" if operation == "rename" else None
    with pytest.raises(LogPoisoned):
        await _put(again, 60)
    filesystem.plan = None
    filesystem.crash()
    assert (await open_simulated(filesystem, 3)).durable_lsn >= written
