"""Files kept open for reading, a bounded number for a whole store."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

from engram.model.errors import Closed, FileCorrupted
from engram.storage.limits import OPEN_FILES_MAX

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engram.ports import Filesystem, Handle


class _OpenFile:
    __slots__ = ("handle", "is_let_go", "readers_count")

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.readers_count = 1
        self.is_let_go = False


class OpenFiles:
    """Reads immutable files by path; the least recently read are closed beyond `files_max`.

    Any thread may call it. A file being read stays open until that read is over.
    """

    def __init__(self, filesystem: Filesystem, files_max: int = OPEN_FILES_MAX) -> None:
        self.filesystem = filesystem
        self._files_max = files_max
        self._lock = Lock()
        self._files: OrderedDict[str, _OpenFile] = OrderedDict()
        self._is_closed = False

    @property
    def open_count(self) -> int:
        """Files kept open now."""
        return len(self._files)

    def read_at(self, path: str, offset: int, bytes_count: int) -> bytes:
        """Return up to `bytes_count` bytes from `offset`; fewer only at the end of the file.

        Raises:
            FileCorrupted: the file is missing.
            StorageFailed: the medium cannot be read.
            Closed: the store is.
        """
        file = self._begin(path)
        try:
            return self.filesystem.read_at(file.handle, offset, bytes_count)
        finally:
            self._end(file)

    def read_spans(self, path: str, spans: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return what `read_at` does for each (offset, bytes); raises as it does."""
        file = self._begin(path)
        read_at, handle = self.filesystem.read_at, file.handle
        try:
            return [read_at(handle, offset, bytes_count) for offset, bytes_count in spans]
        finally:
            self._end(file)

    def expect(self, path: str, spans: Iterable[tuple[int, int]]) -> None:
        """Say which (offset, bytes) of a file are about to be read: a hint.

        Raises:
            FileCorrupted: the file is missing.
            StorageFailed: the medium cannot be read.
            Closed: the store is.
        """
        file = self._begin(path)
        try:
            for offset, bytes_count in spans:
                self.filesystem.expect(file.handle, offset, bytes_count)
        finally:
            self._end(file)

    def let_go(self, directory: str) -> None:
        """Close the files of a directory, as soon as nobody reads them."""
        with self._lock:
            paths = [path for path in self._files if path.startswith(f"{directory}/")]
            idle = self._take_out(paths)
        for handle in idle:
            handle.close()

    def close(self) -> None:
        """Close all files; whoever is reading ends first."""
        with self._lock:
            self._is_closed = True
            idle = self._take_out(list(self._files))
        for handle in idle:
            handle.close()

    def _begin(self, path: str) -> _OpenFile:
        """Return a file that stays open until `_end`."""
        with self._lock:
            file = self._files.get(path)
            if file is not None:
                file.readers_count += 1
                self._files.move_to_end(path)
        return file if file is not None else self._open(path)

    def _end(self, file: _OpenFile) -> None:
        with self._lock:
            file.readers_count -= 1
            is_last = file.is_let_go and not file.readers_count
        if is_last:
            file.handle.close()

    def _open(self, path: str) -> _OpenFile:
        """Open a file for one reader, unless another thread was first."""
        try:
            handle = self.filesystem.open(path)
        except FileNotFoundError as exc:
            raise FileCorrupted(path, 0, "it is missing") from exc
        with self._lock:
            idle: list[Handle] = [handle]
            file = self._files.get(path)
            if file is not None:
                file.readers_count += 1
            elif not self._is_closed:
                file = self._files[path] = _OpenFile(handle)
                excess = len(self._files) - self._files_max
                idle = self._take_out(list(self._files)[: max(0, excess)])
        for each in idle:
            each.close()
        if file is None:
            raise Closed("the store")
        return file

    def _take_out(self, paths: list[str]) -> list[Handle]:
        """Forget these files and return those to be closed now."""
        files = [self._files.pop(path) for path in paths]
        for file in files:
            file.is_let_go = True
        return [file.handle for file in files if not file.readers_count]
