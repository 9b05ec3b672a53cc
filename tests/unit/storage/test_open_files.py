from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from engram.model.errors import Closed, FileCorrupted
from engram.ports import Handle
from engram.storage.open_files import OpenFiles
from engram.testing.filesystem import SimulatedFilesystem, SimulatedHandle


class CountingHandle(SimulatedHandle):
    """A handle that notices when it is closed, and used afterwards."""

    is_open = True

    def close(self) -> None:
        """Close once."""
        assert self.is_open
        self.is_open = False


class CountingDisk(SimulatedFilesystem):
    """A disk that keeps the handles it gave out; reads of `slow_path` wait for `may_end`."""

    def __init__(self) -> None:
        super().__init__()
        self.handles: list[CountingHandle] = []
        self.slow_path = ""
        self.is_reading, self.may_end = Event(), Event()
        for number in range(10):
            handle = self.create_exclusive(f"d{number % 2}/f{number}")
            self.write_at(handle, 0, [str(number).encode() * 4])

    def open(self, path: str) -> CountingHandle:
        """Open a file and keep the handle."""
        opened = super().open(path)
        self.handles.append(CountingHandle(opened.file, path, self))
        return self.handles[-1]

    def read_at(self, handle: Handle, offset: int, bytes_count: int) -> bytes:
        """Read from a handle that is open."""
        assert isinstance(handle, CountingHandle)
        if handle.path == self.slow_path:
            self.is_reading.set()
            self.may_end.wait()
        assert handle.is_open
        return super().read_at(handle, offset, bytes_count)

    @property
    def open_count(self) -> int:
        """Handles not closed yet."""
        return sum(handle.is_open for handle in self.handles)


def test_a_file_is_opened_once() -> None:
    disk = CountingDisk()
    files = OpenFiles(disk)
    assert [files.read_at("d1/f3", offset, 2) for offset in range(4)] == [b"33", b"33", b"33", b"3"]
    assert len(disk.handles) == 1


def test_the_least_recently_read_is_closed_beyond_the_limit() -> None:
    disk = CountingDisk()
    files = OpenFiles(disk, files_max=2)
    for number in (1, 3, 1, 5):
        files.read_at(f"d1/f{number}", 0, 4)
    assert {handle.path for handle in disk.handles if handle.is_open} == {"d1/f1", "d1/f5"}
    assert files.open_count == 2
    assert files.read_at("d1/f3", 0, 4) == b"3333"


def test_a_missing_file_is_damage_and_names_the_path() -> None:
    with pytest.raises(FileCorrupted, match="d1/f99 is damaged at byte 0: it is missing"):
        OpenFiles(CountingDisk()).read_at("d1/f99", 0, 1)


def test_letting_a_directory_go_closes_its_files_and_no_others() -> None:
    disk = CountingDisk()
    files = OpenFiles(disk)
    for number in range(10):
        files.read_at(f"d{number % 2}/f{number}", 0, 4)
    files.let_go("d0")
    assert {handle.path[:2] for handle in disk.handles if handle.is_open} == {"d1"}
    assert files.read_at("d0/f4", 0, 1) == b"4"


def test_a_file_being_read_is_closed_when_the_read_is_over() -> None:
    disk = CountingDisk()
    files = OpenFiles(disk, files_max=1)
    disk.slow_path = "d1/f1"
    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(files.read_at, "d1/f1", 0, 4)
        disk.is_reading.wait()
        files.read_at("d1/f3", 0, 4)
        assert disk.open_count == 2
        disk.may_end.set()
        assert slow.result() == b"1111"
    assert disk.open_count == files.open_count == 1


def test_closing_closes_everything_for_good() -> None:
    disk = CountingDisk()
    files = OpenFiles(disk)
    for number in range(4):
        files.read_at(f"d{number % 2}/f{number}", 0, 4)
    files.close()
    assert disk.open_count == 0
    with pytest.raises(Closed):
        files.read_at("d1/f1", 0, 1)
    assert disk.open_count == 0


def test_threads_share_few_files_without_reading_a_closed_one() -> None:
    disk = CountingDisk()
    files = OpenFiles(disk, files_max=3)

    def work(seed: int) -> None:
        for step in range(300):
            number = (seed * 7 + step * step) % 10
            assert files.read_at(f"d{number % 2}/f{number}", 1, 2) == str(number).encode() * 2

    with ThreadPoolExecutor(4) as threads:
        for each in [threads.submit(work, seed) for seed in range(4)]:
            each.result()
    assert disk.open_count == files.open_count <= 3
