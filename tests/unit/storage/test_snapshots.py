from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from engram.engine.opener import open_no_segment
from engram.model.collecting import collect
from engram.model.commands import Forget, Remember
from engram.model.errors import DurabilityError, StorageFailed
from engram.model.ids import MemoryId
from engram.state.columns import PAGE_ROWS
from engram.state.digest import digest
from engram.state.space import SpaceState
from engram.storage.ahead import in_threads
from engram.storage.snapshots import Snapshots
from engram.testing.filesystem import SimulatedFilesystem
from engram.testing.snapshots import IDENTITY, SPACE, RecordedSpace

NOW = 1_700_000_000_000_000_000


def memory(number: int, dimensions: int = 2) -> Remember:
    text = f"memory {number}".encode()
    vector = np.full(dimensions, number + 1, "<f4").tobytes()
    chance = bytes(2) + number.to_bytes(8, "little")
    tags = (f"tag {number % 3}",)
    return Remember(text, number + 1, 0, 1.0, None, None, None, tags, b"", vector, 1.0, "", chance)


def space_of(count: int, filesystem: SimulatedFilesystem | None = None) -> RecordedSpace:
    space = RecordedSpace(filesystem)
    add(space, count)
    return space


def add(space: RecordedSpace, count: int) -> None:
    first = space.state.count
    if count:
        items = [memory(number) for number in range(first, first + count)]
        space.commit([collect(items, "", 2)], NOW)


def forget(space: RecordedSpace, row: int) -> None:
    columns = space.state.columns
    high, low = (int(columns[name].value(row)) for name in ("id_high", "id_low"))
    space.commit([Forget(MemoryId(high, low))], NOW)


def check_present(space: RecordedSpace) -> None:
    """Check that the disk and the records lead to the state as it is."""
    _, loaded = space.reopened()
    state = SpaceState() if loaded is None else loaded.state
    assert digest(space.replayed(state)) == digest(space.state)


def test_parts_read_in_several_threads_make_the_same_state() -> None:
    space = space_of(PAGE_ROWS + 9)
    space.checkpoint()
    found = Snapshots(space.filesystem, IDENTITY)
    found.read()
    with in_threads() as begin:
        loaded = found.load(open_no_segment(SPACE), begin)
    assert loaded is not None
    assert digest(loaded.state) == digest(space.state)


@pytest.mark.parametrize("count", [0, 1, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1])
def test_a_space_of_any_size_comes_back(count: int) -> None:
    space = space_of(count)
    space.checkpoint()
    _, loaded = space.reopened()
    assert loaded is not None
    assert digest(loaded.state) == digest(space.state)
    add(space, 3)
    assert digest(space.replayed(loaded.state)) == digest(space.state)


def test_pages_that_did_not_change_are_named_again() -> None:
    space = space_of(PAGE_ROWS)
    first = space.checkpoint()
    assert first.bytes_shared == 0
    again = space.checkpoint()
    assert again.bytes_written < 1_000
    assert again.bytes_shared > 0.99 * first.bytes_written
    add(space, 10)
    assert space.checkpoint().bytes_written < 0.2 * first.bytes_written
    check_present(space)


def test_forgetting_rewrites_the_columns_that_change_and_no_vector() -> None:
    space = space_of(PAGE_ROWS)
    before = space.checkpoint()
    forget(space, 7)
    after = space.checkpoint()
    assert after.parts_written == 2
    assert after.bytes_written < 0.4 * before.bytes_written
    check_present(space)


def test_what_was_loaded_is_shared_with_the_next_snapshot() -> None:
    space = space_of(PAGE_ROWS + 5)
    space.checkpoint()
    snapshots, loaded = space.reopened()
    assert loaded is not None
    space.snapshots, space.state = snapshots, loaded.state
    assert space.checkpoint().bytes_written < 0.2 * loaded.bytes_count
    check_present(space)


def test_a_text_that_was_wiped_is_in_no_file_after_two_more_snapshots() -> None:
    space = space_of(3_000)
    add(space, 9_000)
    space.checkpoint()
    space.state.wipe_body(5)
    space.checkpoint()
    space.checkpoint()
    found = b"".join(space.hot_files().values())
    assert b"memory 6" in found
    assert b"memory 5memory 6" not in found
    assert b"\0" * len("memory 5") + b"memory 6" in found


def test_only_the_files_of_two_snapshots_stay() -> None:
    space = space_of(10)
    for number in range(5):
        add(space, number)
        space.checkpoint()
    names = space.hot_files()
    assert sum(name.endswith(".snapshot") for name in names) == 2
    assert set(names) == {file for each in space.snapshots.retained for file in each.files()}
    assert space.snapshots.trim_lsn == space.snapshots.retained[0].name.lsn


def test_a_pinned_snapshot_stays_until_it_is_let_go() -> None:
    space = space_of(10)
    space.checkpoint()
    pin = space.snapshots.pin()
    held = {name: space.filesystem.content(f"{SPACE}/{name}") for name, _ in pin.files}
    assert [len(content) for content in held.values()] == [size for _, size in pin.files]
    for _ in range(3):
        add(space, 1)
        space.checkpoint()
    assert {n: space.filesystem.content(f"{SPACE}/{n}") for n, _ in pin.files} == held
    assert space.snapshots.trim_lsn == pin.lsn
    space.snapshots.unpin(pin)
    space.snapshots.sweep()
    assert space.snapshots.trim_lsn > pin.lsn
    assert sum(name.endswith(".snapshot") for name in space.hot_files()) == 2


def test_any_damaged_byte_of_the_newest_snapshot_is_noticed_and_the_older_one_serves() -> None:
    def built() -> RecordedSpace:
        space = space_of(3)
        space.checkpoint()
        add(space, 2)
        forget(space, 0)
        space.checkpoint()
        return space

    space = built()
    older, newest = space.snapshots.retained
    files = newest.files() - older.files()
    for name in sorted(files):
        for at in range(len(space.hot_files()[name])):
            path = f"{SPACE}/hot/{name}"
            space.filesystem.damage(path, _flipping(at))
            snapshots, loaded = space.reopened()
            assert [each.file for each in snapshots.damaged] == [newest.name.file]
            assert loaded is not None
            assert loaded.body.lsn == older.name.lsn
            assert snapshots.trim_lsn == 0, "one snapshot is no reason to trim the log"
            space.filesystem.damage(path, _flipping(at))
    check_present(space)


def _flipping(at: int) -> Callable[[bytearray], None]:
    def flip(data: bytearray) -> None:
        data[at] ^= 0x40

    return flip


def test_a_missing_or_shortened_part_is_noticed() -> None:
    space = space_of(3)
    space.checkpoint()
    (part,) = (name for name in space.hot_files() if name.endswith(".part"))
    space.filesystem.damage(f"{SPACE}/hot/{part}", lambda data: data.__delitem__(slice(-1, None)))
    snapshots, loaded = space.reopened()
    assert loaded is None
    assert "bytes" in str(snapshots.damaged[0].error)
    space.filesystem.remove(f"{SPACE}/hot/{part}")
    snapshots, loaded = space.reopened()
    assert loaded is None
    assert "it is missing" in str(snapshots.damaged[0].error)


def test_what_is_damaged_is_not_removed_before_another_snapshot_counts() -> None:
    space = space_of(3)
    space.checkpoint()
    add(space, 1)
    space.checkpoint()
    newest = space.snapshots.retained[-1]
    space.filesystem.damage(f"{SPACE}/hot/{newest.name.file}", _flipping(30))
    snapshots, loaded = space.reopened()
    assert loaded is not None
    before = set(space.hot_files())
    snapshots.sweep_at_opening()
    assert set(space.hot_files()) == before
    space.snapshots, space.state = snapshots, space.replayed(loaded.state)
    space.checkpoint()
    assert newest.name.file not in space.hot_files()
    check_present(space)


def test_without_a_readable_manifest_the_snapshots_vouch_for_themselves() -> None:
    space = space_of(3)
    space.checkpoint()
    space.filesystem.damage(f"{SPACE}/MANIFEST", lambda data: data.__setitem__(slice(None), b""))
    snapshots, loaded = space.reopened()
    assert loaded is not None
    assert snapshots.durable_lsn == space.state.lsn
    snapshots.sweep_at_opening()
    check_present(space)


def test_the_files_of_another_space_are_not_taken_for_its_own() -> None:
    space = space_of(3)
    space.checkpoint()
    store = IDENTITY._replace(store_id=b"another store id")
    other = type(space.snapshots)(space.filesystem, store)
    other.read()
    assert other.load(open_no_segment(SPACE)) is None
    assert "another space" in str(other.damaged[0].error)


@pytest.mark.parametrize("fault", ["power", "EIO", "ENOSPC", "short"])
@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_fault_at_any_call_of_a_checkpoint_loses_nothing_and_leaves_nothing(
    fault: str, before: int
) -> None:
    def prepared(seed: int) -> RecordedSpace:
        space = space_of(2, SimulatedFilesystem(seed=seed))
        for _ in range(before):
            space.checkpoint()
            add(space, 1)
        return space

    space = prepared(0)
    first = space.filesystem.call_count
    space.checkpoint()
    calls = space.filesystem.call_count - first
    assert calls > 8
    for call in range(1, calls + 1):
        space = prepared(call)
        filesystem = space.filesystem
        filesystem.plan = lambda n, _, at=first + call: fault if n == at else None
        with suppress(StorageFailed):
            space.checkpoint()
        filesystem.plan = None
        filesystem.crash(keep_all=call % 3 == 0)
        check_present(space)
        snapshots, _ = space.reopened()
        assert not snapshots.damaged
        snapshots.sweep_at_opening()
        wanted = {file for each in snapshots.retained for file in each.files()}
        assert set(space.hot_files()) == wanted
        filesystem.crash()
        check_present(space)


def test_a_checkpoint_that_failed_is_tried_again_and_counts() -> None:
    space = space_of(2)
    space.checkpoint()
    for operation in ("create", "write", "sync", "sync_directory"):
        space.filesystem.plan = lambda _, name, op=operation: "EIO" if name == op else None
        with pytest.raises(DurabilityError):
            space.checkpoint()
        space.filesystem.plan = None
        add(space, 1)
        space.checkpoint()
        space.filesystem.crash()
        check_present(space)
        assert not space.reopened()[0].damaged


def test_rows_without_vectors_and_texts_come_back() -> None:
    space = RecordedSpace()
    space.commit(
        [Remember(b"", 0, 1, 0.5, None, None, None, (), b"", b"", math.nan, "", bytes(10))], NOW
    )
    space.checkpoint()
    check_present(space)
