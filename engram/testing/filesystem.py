"""A simulated disk: what was not synced may be lost, reordered or torn when the power fails.

Assumptions, the weakest a journaling filesystem gives: sectors of 512 bytes are written whole or
not at all, in any order; names created, renamed or removed are durable only after their
directory was synced, each change whole or not at all, in any order; a failed sync leaves bytes
readable that never reach the medium and that no later sync brings there.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from engram.model.errors import StorageFailed, StoreInUse

if TYPE_CHECKING:
    from engram.ports import Handle, ReadableBuffer, SyncMethod

SECTOR_BYTES = 512

Fault: TypeAlias = str
"""What a call does instead of working: "EIO", "ENOSPC", "short" (a write stops part-way),
"lie" (a sync or sync_directory returns without having done anything), "power" (the machine dies:
this call happens in part, and every later one fails)."""


@dataclass(slots=True, eq=False)
class _File:
    visible: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    dirty_sectors: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class _Directory:
    visible: dict[str, _File | _Directory] = field(default_factory=dict)
    durable: dict[str, _File | _Directory] = field(default_factory=dict)


@dataclass(slots=True)
class _NameChange:
    directory: _Directory
    removed: str | None
    added: str | None
    node: _File | _Directory


class SimulatedHandle:
    """An open file of a SimulatedFilesystem."""

    __slots__ = ("file", "is_lock", "path", "store")

    def __init__(self, file: _File, path: str, store: SimulatedFilesystem) -> None:
        self.file = file
        self.path = path
        self.store = store
        self.is_lock = False

    def close(self) -> None:
        """Release the file and, when it is the lock, the lock."""
        if self.is_lock:
            self.store.locked.discard(self.path)


class SimulatedFilesystem:
    """Filesystem in RAM with a power switch; the same seed and calls give the same disk.

    `plan(call_number, operation)` is asked before each changing call (numbered from 1) for a
    fault, or None.
    """

    def __init__(
        self, seed: int = 0, plan: Callable[[int, str], Fault | None] | None = None
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311 - repeatable is the point
        self.plan = plan
        self.call_count = 0
        self.sync_count = 0
        self.locked: set[str] = set()
        self.sync_methods: tuple[SyncMethod, ...] = ("sync",)
        self._root = _Directory()
        self._changes: list[_NameChange] = []
        self._has_power = True

    def crash(self, *, keep_all: bool = False) -> None:
        """Lose power and start again: unsynced sectors and names survive or not, by the seed.

        With `keep_all` only the process died, and everything written is still there.
        """
        self.locked.clear()
        self._has_power = True
        if keep_all:
            return
        keep = self.random.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for change in self._changes:
            if self.random.random() < keep:
                _apply(change.directory.durable, change)
        self._changes.clear()
        _forget_what_is_not_durable(self._root)
        keep = self.random.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for file in _files(self._root):
            self._settle(file, keep)

    def create_exclusive(self, path: str) -> SimulatedHandle:
        """Create and open a file that must not exist yet (FileExistsError otherwise)."""
        directory = self._make_directory(_parent(path))
        self._step("create", path)
        if _name(path) in directory.visible:
            raise FileExistsError(path)
        file = _File()
        self._change(_NameChange(directory, None, _name(path), file))
        return SimulatedHandle(file, path, self)

    def open(self, path: str) -> SimulatedHandle:
        """Open an existing file (FileNotFoundError otherwise)."""
        self._check_power("open", path)
        file = self._find(path)
        if not isinstance(file, _File):
            raise FileNotFoundError(path)
        return SimulatedHandle(file, path, self)

    def read_at(self, handle: Handle, offset: int, bytes_count: int) -> bytes:
        """Return what a reader sees, durable or not."""
        file = self._file(handle, "read")
        return bytes(file.visible[offset : offset + bytes_count])

    def expect(self, handle: Handle, offset: int, bytes_count: int) -> None:
        """Do nothing: what is in RAM need not be fetched."""

    def write_at(self, handle: Handle, offset: int, buffers: Sequence[ReadableBuffer]) -> None:
        """Change what readers see; durable only after `sync`."""
        data = b"".join(buffers)
        path = self._path(handle)
        fault = self._fault("write")
        file = self._file(handle, "write")
        if fault is not None:
            written = self.random.randrange(len(data) + 1)
            self._write(file, offset, data[:written])
            self._fail(fault if fault != "short" else "EIO", "write", path)
        self._write(file, offset, data)

    def sync(self, handle: Handle) -> None:
        """Make the file's bytes durable."""
        path = self._path(handle)
        fault = self._fault("sync")
        file = self._file(handle, "sync")
        self.sync_count += 1
        if fault == "lie":
            return
        if fault == "power":
            self._fail(fault, "sync", path)
        if fault is not None:
            # The pages are marked clean: readable, on no medium, and no later sync writes them.
            file.dirty_sectors.clear()
            self._fail(fault, "sync", path)
        for sector in file.dirty_sectors:
            _copy_sector(file, sector)
        _resize(file.durable, len(file.visible))
        file.dirty_sectors.clear()

    def write_durably(
        self, handle: Handle, offset: int, buffers: Sequence[ReadableBuffer], method: SyncMethod
    ) -> None:
        """Write, then sync: two calls that may fail, whatever the method."""
        if method not in self.sync_methods:
            raise ValueError(f"{method!r} is no sync method of this disk")
        self.write_at(handle, offset, buffers)
        self.sync(handle)

    def set_size(self, handle: Handle, bytes_count: int) -> None:
        """Truncate or extend the file."""
        self._step("resize", self._path(handle))
        file = self._file(handle, "resize")
        before = len(file.visible)
        _resize(file.visible, bytes_count)
        low, high = sorted((before, bytes_count))
        file.dirty_sectors.update(range(low // SECTOR_BYTES, -(-high // SECTOR_BYTES)))

    def size(self, handle: Handle) -> int:
        """Return the length readers see."""
        return len(self._file(handle, "measure").visible)

    def rename(self, source: str, target: str) -> None:
        """Rename a file or directory within its directory, replacing a file at `target`."""
        self._step("rename", source)
        if _parent(source) != _parent(target):
            raise ValueError(f"{source!r} and {target!r} are not in one directory")
        node = self._existing("rename", source)
        if isinstance(self._find(target), _Directory):
            raise _refused("rename", target, errno.EISDIR)
        directory = self._directory("rename", _parent(source))
        self._change(_NameChange(directory, _name(source), _name(target), node))

    def sync_directory(self, path: str) -> None:
        """Make the names in the directory durable."""
        fault = self._fault("sync_directory")
        self._check_power("sync", path)
        if fault == "lie":
            return
        if fault is not None:
            self._fail(fault, "sync", path)
        directory = self._directory("sync", path)
        for change in self._changes:
            if change.directory is directory:
                _apply(directory.durable, change)
        self._changes = [each for each in self._changes if each.directory is not directory]

    def remove(self, path: str) -> None:
        """Remove a file or an empty directory."""
        self._step("remove", path)
        node = self._existing("remove", path)
        if isinstance(node, _Directory) and node.visible:
            raise _refused("remove", path, errno.ENOTEMPTY)
        directory = self._directory("remove", _parent(path))
        self._change(_NameChange(directory, _name(path), None, node))

    def list(self, path: str) -> list[str]:
        """Return the names in the directory, sorted; empty when it does not exist."""
        self._check_power("list", path)
        return sorted(self._directory("list", path).visible) if self._find(path) else []

    def lock(self, path: str) -> SimulatedHandle:
        """Take the lock until the handle is closed or the power fails."""
        self._check_power("lock", path)
        if path in self.locked:
            raise StoreInUse(path, "")
        file = self._find(path)
        if file is None:
            file = self.create_exclusive(path).file
        if isinstance(file, _Directory):
            raise _refused("lock", path, errno.EISDIR)
        self.locked.add(path)
        handle = SimulatedHandle(file, path, self)
        handle.is_lock = True
        return handle

    def damage(self, path: str, change: Callable[[bytearray], None]) -> None:
        """Let `change` alter a file's bytes on the medium, behind everybody's back."""
        file = self._content_of(path)
        change(file.visible)
        file.durable[:] = file.visible
        file.dirty_sectors.clear()

    def content(self, path: str) -> bytes:
        """Return the bytes readers see in a file."""
        return bytes(self._content_of(path).visible)

    def _find(self, path: str) -> _File | _Directory | None:
        """Return what readers see at a path, None when there is nothing."""
        node: _File | _Directory | None = self._root
        for name in path.split("/") if path else ():
            node = node.visible.get(name) if isinstance(node, _Directory) else None
        return node

    def _existing(self, operation: str, path: str) -> _File | _Directory:
        node = self._find(path)
        if node is None:
            raise _refused(operation, path, errno.ENOENT)
        return node

    def _directory(self, operation: str, path: str) -> _Directory:
        node = self._existing(operation, path)
        if isinstance(node, _File):
            raise _refused(operation, path, errno.ENOTDIR)
        return node

    def _content_of(self, path: str) -> _File:
        node = self._existing("look at", path)
        if isinstance(node, _Directory):
            raise _refused("look at", path, errno.EISDIR)
        return node

    def _make_directory(self, path: str) -> _Directory:
        """Make the directory and its missing parents, each durable in the one above it."""
        if self._find(path) is None:
            above = self._make_directory(_parent(path))
            self._step("mkdir", path)
            self._change(_NameChange(above, None, _name(path), _Directory()))
            self.sync_directory(_parent(path))
        return self._directory("make", path)

    def _settle(self, file: _File, keep: float) -> None:
        """Let each unsynced sector reach the medium or not."""
        for sector in sorted(file.dirty_sectors):
            if self.random.random() < keep:
                _copy_sector(file, sector)
        file.dirty_sectors.clear()
        file.visible[:] = file.durable

    def _write(self, file: _File, offset: int, data: bytes) -> None:
        if not data:
            return
        if offset > len(file.visible):
            _resize(file.visible, offset)
        file.visible[offset : offset + len(data)] = data
        last = (offset + len(data) - 1) // SECTOR_BYTES
        file.dirty_sectors.update(range(offset // SECTOR_BYTES, last + 1))

    def _change(self, change: _NameChange) -> None:
        self._changes.append(change)
        _apply(change.directory.visible, change)

    def _fault(self, operation: str) -> Fault | None:
        self.call_count += 1
        return self.plan(self.call_count, operation) if self.plan and self._has_power else None

    def _step(self, operation: str, path: str) -> None:
        """Count a call that either happens or does not."""
        fault = self._fault(operation)
        self._check_power(operation, path)
        if fault in {"EIO", "ENOSPC", "power"}:
            self._fail(fault or "EIO", operation, path)

    def _fail(self, fault: Fault, operation: str, path: str) -> None:
        if fault == "power":
            self._has_power = False
        number = getattr(errno, fault, errno.EIO)
        raise StorageFailed(operation, path, os.strerror(number), f"injected {fault}")

    def _check_power(self, operation: str, path: str) -> None:
        if not self._has_power:
            raise StorageFailed(operation, path, "the power is off", "call crash()")

    def _file(self, handle: Handle, operation: str) -> _File:
        path = self._path(handle)
        self._check_power(operation, path)
        if not isinstance(handle, SimulatedHandle):
            raise TypeError(f"{handle!r} is no handle of a SimulatedFilesystem")
        return handle.file

    def _path(self, handle: Handle) -> str:
        return getattr(handle, "path", "")


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _refused(operation: str, path: str, number: int) -> StorageFailed:
    return StorageFailed(operation, path, os.strerror(number), "use another path")


def _apply(names: dict[str, _File | _Directory], change: _NameChange) -> None:
    if change.removed is not None and names.get(change.removed) is change.node:
        del names[change.removed]
    if change.added is not None:
        names[change.added] = change.node


def _files(directory: _Directory) -> Iterator[_File]:
    for node in directory.visible.values():
        if isinstance(node, _File):
            yield node
        else:
            yield from _files(node)


def _forget_what_is_not_durable(directory: _Directory) -> None:
    directory.visible = dict(directory.durable)
    for node in directory.visible.values():
        if isinstance(node, _Directory):
            _forget_what_is_not_durable(node)


def _resize(data: bytearray, bytes_count: int) -> None:
    if len(data) > bytes_count:
        del data[bytes_count:]
    else:
        data.extend(bytes(bytes_count - len(data)))


def _copy_sector(file: _File, sector: int) -> None:
    start = sector * SECTOR_BYTES
    data = file.visible[start : start + SECTOR_BYTES]
    if data:
        if len(file.durable) < start:
            _resize(file.durable, start)
        file.durable[start : start + SECTOR_BYTES] = data
    elif len(file.durable) > start:
        del file.durable[start:]
