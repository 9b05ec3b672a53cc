from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from engram.adapters.local.filesystem import LocalFilesystem
from engram.model.errors import StorageFailed, StoreInUse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture
def filesystem(tmp_path: Path) -> LocalFilesystem:
    return LocalFilesystem(tmp_path / "store")


def test_a_file_is_created_in_missing_directories(filesystem: LocalFilesystem) -> None:
    filesystem.create_exclusive("space/wal/a").close()
    assert filesystem.list("space/wal") == ["a"]


def test_creating_a_file_twice_is_an_answer_not_a_failure(filesystem: LocalFilesystem) -> None:
    filesystem.create_exclusive("a").close()
    with pytest.raises(FileExistsError):
        filesystem.create_exclusive("a")


def test_opening_a_missing_file_is_an_answer_not_a_failure(filesystem: LocalFilesystem) -> None:
    with pytest.raises(FileNotFoundError):
        filesystem.open("a")


def test_what_was_written_is_read_back(filesystem: LocalFilesystem) -> None:
    handle = filesystem.create_exclusive("a")
    filesystem.write_at(handle, 2, [b"ab", bytearray(b"cd"), memoryview(b"ef"), b""])
    filesystem.sync(handle)
    assert filesystem.read_at(handle, 0, 100) == b"\0\0abcdef"
    assert filesystem.read_at(handle, 4, 2) == b"cd"
    assert filesystem.size(handle) == 8
    handle.close()


def test_expecting_a_read_changes_nothing_and_never_fails(filesystem: LocalFilesystem) -> None:
    handle = filesystem.create_exclusive("a/b")
    filesystem.write_at(handle, 0, [b"hello"])
    filesystem.expect(handle, 0, 5)
    filesystem.expect(handle, 1 << 40, 5)
    assert filesystem.read_at(handle, 0, 9) == b"hello"
    handle.close()
    filesystem.expect(handle, 0, 5)


def test_a_resized_file_reads_as_zero_beyond_its_old_end(filesystem: LocalFilesystem) -> None:
    handle = filesystem.create_exclusive("a")
    filesystem.write_at(handle, 0, [b"abcd"])
    filesystem.set_size(handle, 2)
    filesystem.set_size(handle, 4)
    assert filesystem.read_at(handle, 0, 10) == b"ab\0\0"
    handle.close()


def test_more_buffers_than_one_call_takes_are_all_written(filesystem: LocalFilesystem) -> None:
    handle = filesystem.create_exclusive("a")
    filesystem.write_at(handle, 0, [bytes([number % 251]) for number in range(3000)])
    assert filesystem.read_at(handle, 0, 4000) == bytes(number % 251 for number in range(3000))
    handle.close()


def test_short_writes_are_continued(
    filesystem: LocalFilesystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_three(descriptor: int, buffers: Sequence[memoryview], offset: int, _: int) -> int:
        return os.pwrite(descriptor, b"".join(buffers)[:3], offset)

    monkeypatch.setattr(os, "pwritev", write_three)
    handle = filesystem.create_exclusive("a")
    filesystem.write_at(handle, 1, [b"ab", b"cdef", b"g", b"hi"])
    assert filesystem.read_at(handle, 1, 100) == b"abcdefghi"
    handle.close()


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "free space"),
        (errno.EIO, "check the disk"),
        (errno.EROFS, "mount it writable"),
        (errno.EACCES, "permission"),
        (errno.EXDEV, "documentation"),
    ],
)
def test_a_refused_write_names_the_file_and_the_remedy(
    filesystem: LocalFilesystem, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    handle = filesystem.create_exclusive("a")
    monkeypatch.setattr(os, "pwritev", refuse)
    with pytest.raises(StorageFailed, match=remedy) as caught:
        filesystem.write_at(handle, 0, [b"a"])
    assert str(filesystem.root / "a") in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)
    handle.close()


def test_a_rename_replaces_the_target(filesystem: LocalFilesystem) -> None:
    for name in "ab":
        handle = filesystem.create_exclusive(name)
        filesystem.write_at(handle, 0, [name.encode()])
        handle.close()
    filesystem.rename("a", "b")
    filesystem.sync_directory("")
    assert filesystem.list("") == ["b"]
    handle = filesystem.open("b")
    assert filesystem.read_at(handle, 0, 9) == b"a"
    handle.close()


def test_files_and_empty_directories_are_removed(filesystem: LocalFilesystem) -> None:
    filesystem.create_exclusive("d/a").close()
    with pytest.raises(StorageFailed, match="look at them"):
        filesystem.remove("d")
    filesystem.remove("d/a")
    filesystem.remove("d")
    assert filesystem.list("") == []
    assert filesystem.list("d") == []


def test_a_second_lock_names_its_holder(filesystem: LocalFilesystem) -> None:
    held = filesystem.lock("STORE")
    with pytest.raises(StoreInUse, match="one process per store") as caught:
        LocalFilesystem(filesystem.root).lock("STORE")
    assert caught.value.holder in {"", f" (pid {os.getpid()})"}
    held.close()
    filesystem.lock("STORE").close()


@pytest.mark.parametrize("path", ["/etc", "../a", "a/../../b"])
def test_paths_stay_inside_the_store(filesystem: LocalFilesystem, path: str) -> None:
    with pytest.raises(ValueError, match="no path inside the store"):
        filesystem.list(path)


def test_closing_a_handle_twice_is_harmless(filesystem: LocalFilesystem) -> None:
    handle = filesystem.create_exclusive("a")
    handle.close()
    handle.close()
    with pytest.raises(StorageFailed):
        filesystem.size(handle)


def test_files_opened_to_read_cannot_be_written(tmp_path: Path) -> None:
    """So a medium that is mounted read-only can be read from."""
    reading = LocalFilesystem(tmp_path, open_to_read=True)
    handle = reading.create_exclusive("a")
    reading.write_at(handle, 0, [b"kept"])
    opened = reading.open("a")
    assert reading.read_at(opened, 0, 9) == b"kept"
    with pytest.raises(StorageFailed):
        reading.write_at(opened, 0, [b"lost"])


def test_a_place_where_no_directory_can_be_made_says_so(tmp_path: Path) -> None:
    """No disk failed: the path is that of something else."""
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(StorageFailed, match=r"a file stands .* choose another path"):
        LocalFilesystem(tmp_path / "file").lock("STORE")
