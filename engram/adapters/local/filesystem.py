"""Files of a directory on this machine behind the Filesystem port.

Every OSError is translated here, in `_translated`, into StorageFailed with what an operator can
do about it; FileExistsError of `create_exclusive` and FileNotFoundError of `open` pass, because
they are answers and not failures.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from engram.adapters.local.long_writes import LongWrites, open_past_the_cache, takes
from engram.model.errors import StorageFailed, StoreInUse

if sys.platform == "win32":
    from engram.adapters.local import windows as system
else:
    from engram.adapters.local import posix as system

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engram.ports import Handle, ReadableBuffer, SyncMethod

FILE_MODE = 0o600
DIRECTORY_MODE = 0o700

_REMEDIES = {
    errno.EACCES: "give the user who runs Engram read and write permission there",
    errno.EPERM: "give the user who runs Engram read and write permission there",
    errno.EROFS: "the medium is read-only: mount it writable, or choose another path",
    errno.ENOSPC: "the disk is full: free space or move the store, then open it again",
    errno.EDQUOT: "the disk quota is used up: raise it or free space, then open the store again",
    errno.EFBIG: "no file may grow that large here: raise the limit (`ulimit -f`)",
    errno.EIO: "the medium reports an error: check the disk (dmesg, SMART), restore from a copy",
    errno.EMFILE: "too many files are open: raise the limit (`ulimit -n`)",
    errno.ENFILE: "too many files are open on this machine: raise the system's limit",
    errno.ENAMETOOLONG: "choose a shorter path",
    # Of a file itself these two are answers, and pass; they come of the directory it has to be in.
    errno.EEXIST: "a file stands where a directory has to be: choose another path",
    errno.ENOENT: "a directory is not there and cannot be made: choose another path",
    errno.ENOTDIR: "a part of the path is a file: choose another path",
    errno.EISDIR: "the path is a directory: choose another path",
    errno.ENOTEMPTY: "the directory holds other files: look at them and move them away",
    errno.ELOOP: "the path's symbolic links form a loop: choose another path",
}
_REMEDY_OTHERWISE = "see the operating system's documentation of this error, then try again"


# Linux alone makes a single write durable by a flag; 0 elsewhere.
_DSYNC: int = getattr(os, "RWF_DSYNC", 0)


@contextmanager
def _translated(operation: str, path: Path | str) -> Iterator[None]:
    """Turn any OSError of the block into StorageFailed that names the remedy."""
    try:
        yield
    except OSError as exc:
        raise storage_failed(operation, path, exc) from exc


def storage_failed(operation: str, path: Path | str, exc: OSError) -> StorageFailed:
    """Return what the system refused, with what an operator can do about it."""
    remedy = _REMEDIES.get(exc.errno or 0, _REMEDY_OTHERWISE)
    reason = exc.strerror or type(exc).__name__
    return StorageFailed(operation, str(path), reason, remedy)


class LocalHandle:
    """An open file: its descriptor and, for messages, its path."""

    __slots__ = ("_past_the_cache", "descriptor", "is_lock", "path", "position")

    def __init__(self, descriptor: int, path: Path | str) -> None:
        self.descriptor = descriptor
        self.path = path
        self.is_lock = False
        self.position = Lock()
        """Held around a seek and what follows it, where a call cannot name its offset."""
        self._past_the_cache: tuple[int | None] | None = None

    @property
    def past_the_cache(self) -> int | None:
        """Another descriptor, for long writes past the system's cache; None where there is none."""
        if self._past_the_cache is None:
            self._past_the_cache = (open_past_the_cache(self.descriptor),)
        return self._past_the_cache[0]

    def close(self) -> None:
        """Release the descriptor; harmless when repeated."""
        if self.descriptor >= 0:
            descriptor, self.descriptor = self.descriptor, -1
            with _translated("close", self.path):
                try:
                    if self.is_lock:
                        system.release_lock(descriptor)
                finally:
                    os.close(descriptor)
                    if self._past_the_cache is not None and self._past_the_cache[0] is not None:
                        os.close(self._past_the_cache[0])


def _local(handle: Handle) -> LocalHandle:
    if not isinstance(handle, LocalHandle):
        raise TypeError(f"{type(handle).__name__} is no handle of a LocalFilesystem")
    return handle


class LocalFilesystem:
    """Filesystem over the directory `root`, which is made when the first file is created.

    Written for Linux, macOS and Windows, run on Linux; see `engram.ports.Filesystem` for what each
    call promises. On Windows nothing open can be renamed or removed, and `sync_directory` does
    nothing. With `open_to_read`, `open` asks for no right to write.
    """

    def __init__(self, root: str | os.PathLike[str], *, open_to_read: bool = False) -> None:
        self.root = Path(root).expanduser().absolute()
        self._root = str(self.root)
        self._open_flags = os.O_RDONLY if open_to_read else os.O_RDWR
        self._long_writes = LongWrites()

    def create_exclusive(self, path: str) -> LocalHandle:
        """Create and open a file that must not exist yet (FileExistsError otherwise)."""
        target = self._at(path)
        with _translated("create", target):
            self._make_directory(target.parent)
            try:
                return self._open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            except FileExistsError as exc:
                found = exc
        raise found

    def open(self, path: str) -> LocalHandle:
        """Open an existing file for reading and writing (FileNotFoundError otherwise)."""
        target = self._text(path)
        with _translated("open", target):
            try:
                return self._open(target, self._open_flags)
            except FileNotFoundError as exc:
                missing = exc
        raise missing

    def read_at(self, handle: Handle, offset: int, bytes_count: int) -> bytes:
        """Return up to `bytes_count` bytes from `offset`; fewer only at the end of the file."""
        file = _local(handle)
        parts: list[bytes] = []
        # Recalls read hundreds of blocks: `_translated` would take as long as reading one.
        try:
            while bytes_count > 0:
                part = system.read_some(file.descriptor, file.position, bytes_count, offset)
                if not part:
                    break
                parts.append(part)
                offset += len(part)
                bytes_count -= len(part)
        except OSError as exc:
            raise storage_failed("read", file.path, exc) from exc
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def expect(self, handle: Handle, offset: int, bytes_count: int) -> None:
        """Let the system begin to read these bytes, where it knows how."""
        try:
            system.expect(_local(handle).descriptor, offset, bytes_count)
        except OSError:  # whoever reads them is told what is wrong
            return

    def write_at(self, handle: Handle, offset: int, buffers: Sequence[ReadableBuffer]) -> None:
        """Write all buffers one after the other from `offset`, looping over short writes."""
        file = _local(handle)
        left = [view for view in (memoryview(buffer) for buffer in buffers) if view.nbytes]
        with _translated("write to", file.path):
            while left:
                written = system.write_some(file.descriptor, file.position, left, offset)
                if written == 0:
                    raise _nothing_written()
                offset += written
                left = _after(left, written)

    def sync(self, handle: Handle) -> None:
        """Return once every byte written to the file before this call is durable."""
        file = _local(handle)
        with _translated("sync", file.path):
            system.sync(file.descriptor)

    @property
    def sync_methods(self) -> tuple[SyncMethod, ...]:
        """The methods `write_durably` knows here."""
        return ("sync", "dsync") if _DSYNC else ("sync",)

    def write_durably(
        self, handle: Handle, offset: int, buffers: Sequence[ReadableBuffer], method: SyncMethod
    ) -> None:
        """Write all buffers from `offset` and return once they are durable.

        Raises:
            StorageFailed: the system refused; what was written of the bytes is unknown.
        """
        file = _local(handle)
        past = file.past_the_cache if takes(offset, buffers) else None
        if past is not None:
            with _translated("write to", file.path):
                self._long_writes.write(
                    past, offset, buffers, lambda: self.write_at(handle, offset, buffers)
                )
            return
        if method == "sync" or not _DSYNC:
            self.write_at(handle, offset, buffers)
            self.sync(handle)
            return
        left: Sequence[ReadableBuffer] = buffers
        try:
            while left:
                written = system.write_some(file.descriptor, file.position, left, offset, _DSYNC)
                if written == 0:
                    raise _nothing_written()
                offset += written
                left = _after([memoryview(buffer) for buffer in left], written)
        except OSError as exc:
            raise storage_failed("write to", file.path, exc) from exc

    def set_size(self, handle: Handle, bytes_count: int) -> None:
        """Truncate or extend the file; new bytes read as zero."""
        file = _local(handle)
        with _translated("resize", file.path):
            os.ftruncate(file.descriptor, bytes_count)

    def size(self, handle: Handle) -> int:
        """Return the file's length in bytes."""
        file = _local(handle)
        with _translated("measure", file.path):
            return os.fstat(file.descriptor).st_size

    def rename(self, source: str, target: str) -> None:
        """Rename a file or directory, replacing a file at `target` at once."""
        with _translated("rename", self._at(source)):
            self._at(source).replace(self._at(target))

    def sync_directory(self, path: str) -> None:
        """Return once the names in the directory are durable."""
        target = self._at(path)
        with _translated("sync", target):
            system.sync_directory(target)

    def remove(self, path: str) -> None:
        """Remove a file or an empty directory."""
        target = self._at(path)
        with _translated("remove", target):
            if target.is_dir() and not target.is_symlink():
                target.rmdir()
            else:
                target.unlink()

    def list(self, path: str) -> list[str]:
        """Return the names in the directory, sorted; empty when it does not exist."""
        target = self._text(path)
        with _translated("list", target):
            try:
                return sorted(os.listdir(target))  # noqa: PTH208 - no Path for each name
            except FileNotFoundError:
                return []

    def lock(self, path: str) -> LocalHandle:
        """Take the store's lock until the handle is closed; StoreInUse when it is held."""
        target = self._at(path)
        with _translated("lock", target):
            self._make_directory(target.parent)
            handle = self._open(target, os.O_RDWR | os.O_CREAT)
            try:
                self._take_lock(handle)
            except BaseException:
                handle.close()
                raise
        return handle

    def _at(self, path: str) -> Path:
        return Path(self._text(path))

    def _text(self, path: str) -> str:
        """Return the path of a file as text: a Path takes ten times as long to make."""
        if path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"{path!r} is no path inside the store")
        return f"{self._root}/{path}" if path else self._root

    def _open(self, target: Path | str, flags: int) -> LocalHandle:
        return LocalHandle(os.open(target, flags | system.OPEN_FLAGS, FILE_MODE), target)

    def _take_lock(self, handle: LocalHandle) -> None:
        handle.is_lock = system.take_lock(handle.descriptor)
        if not handle.is_lock:
            raise StoreInUse(str(self.root), system.lock_holder(handle.descriptor))

    def _make_directory(self, target: Path) -> None:
        """Make the directory and its missing parents, each durable in the one above it."""
        if target.is_dir():
            return
        self._make_directory(target.parent)
        target.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        system.sync_directory(target.parent)


def _nothing_written() -> OSError:
    return OSError(errno.EIO, "nothing was written")


def _after(views: Sequence[memoryview], written: int) -> list[memoryview]:
    """Return what is left of the views once their first `written` bytes are out."""
    for position, view in enumerate(views):
        if written < view.nbytes:
            return [view.cast("B")[written:], *views[position + 1 :]]
        written -= view.nbytes
    return []
