from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from engram.adapters.local import filesystem as module
from engram.adapters.local import posix
from engram.adapters.local.filesystem import LocalFilesystem
from engram.model.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from engram.ports import SyncMethod

METHODS: tuple[SyncMethod, ...] = ("sync", "dsync")


@pytest.fixture
def filesystem(tmp_path: Path) -> LocalFilesystem:
    return LocalFilesystem(tmp_path)


class _Calls:
    """Notes each pwritev with its flags and each fdatasync, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, bytes_max: int | None = None) -> None:
        self.seen: list[tuple[str, int]] = []
        self._bytes_max = bytes_max
        monkeypatch.setattr(os, "pwritev", self._pwritev)
        monkeypatch.setattr(posix, "sync", self._sync)

    def _pwritev(
        self, descriptor: int, buffers: Sequence[memoryview], offset: int, flags: int = 0
    ) -> int:
        self.seen.append(("write", flags))
        return os.pwrite(descriptor, b"".join(buffers)[: self._bytes_max], offset)

    def _sync(self, _: int) -> None:
        self.seen.append(("sync", 0))


@pytest.mark.parametrize("method", METHODS)
def test_what_was_written_durably_is_read_back(
    filesystem: LocalFilesystem, method: SyncMethod
) -> None:
    handle = filesystem.create_exclusive("a")
    data = [bytes([number % 251]) * 3 for number in range(3000)]
    filesystem.write_durably(handle, 5, [*data, bytearray(b"x"), memoryview(b"y"), b""], method)
    assert filesystem.read_at(handle, 5, 10_000) == b"".join(data) + b"xy"
    handle.close()


@pytest.mark.skipif(not hasattr(os, "RWF_DSYNC"), reason="only Linux has RWF_DSYNC")
def test_each_method_makes_the_calls_it_promises(
    filesystem: LocalFilesystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tuple(filesystem.sync_methods) == METHODS
    handle = filesystem.create_exclusive("a")
    calls = _Calls(monkeypatch)
    filesystem.write_durably(handle, 0, [b"ab"], "sync")
    filesystem.write_durably(handle, 0, [b"ab"], "dsync")
    assert calls.seen == [("write", 0), ("sync", 0), ("write", os.RWF_DSYNC)]
    handle.close()


@pytest.mark.parametrize("method", METHODS)
def test_short_durable_writes_are_continued(
    filesystem: LocalFilesystem, monkeypatch: pytest.MonkeyPatch, method: SyncMethod
) -> None:
    handle = filesystem.create_exclusive("a")
    calls = _Calls(monkeypatch, bytes_max=3)
    filesystem.write_durably(handle, 1, [b"ab", b"cdef", b"g", b"hi"], method)
    assert filesystem.read_at(handle, 1, 100) == b"abcdefghi"
    assert len([what for what, _ in calls.seen if what == "write"]) == 3
    handle.close()


def test_where_there_is_no_flag_for_it_a_durable_write_is_a_write_and_a_sync(
    filesystem: LocalFilesystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DSYNC", 0)
    handle = filesystem.create_exclusive("a")
    calls = _Calls(monkeypatch)
    filesystem.write_durably(handle, 0, [b"ab"], "dsync")
    assert tuple(filesystem.sync_methods) == ("sync",)
    assert calls.seen == [("write", 0), ("sync", 0)]
    handle.close()


@pytest.mark.parametrize("method", METHODS)
def test_a_refused_durable_write_names_the_file_and_the_remedy(
    filesystem: LocalFilesystem, monkeypatch: pytest.MonkeyPatch, method: SyncMethod
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    handle = filesystem.create_exclusive("a")
    monkeypatch.setattr(os, "pwritev", refuse)
    with pytest.raises(StorageFailed, match="free space") as caught:
        filesystem.write_durably(handle, 0, [b"a"], method)
    assert str(filesystem.root / "a") in str(caught.value)
    handle.close()


def test_a_durable_write_that_goes_nowhere_ends(
    filesystem: LocalFilesystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = filesystem.create_exclusive("a")
    _Calls(monkeypatch, bytes_max=0)
    for method in METHODS:
        with pytest.raises(StorageFailed, match="check the disk"):
            filesystem.write_durably(handle, 0, [b"a"], method)
    handle.close()
