"""Files that memories are written into, a page at a time, and how far each of them is.

All of it blocks and is for worker threads.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Protocol, Self, cast

import msgspec

from engram.model.decoders import json_decoder
from engram.model.exchange import Exported
from engram.service.exchange.text_files import CsvWriter, NdjsonWriter, Writer

_ENDINGS: Final = (".part", ".part.json")


class Standing(msgspec.Struct):
    """How far an export is: kept beside the unfinished file, so that it can be gone on with."""

    asked: str
    """A digest of what is exported; another export begins anew."""
    cursor: str | None = None
    """Behind what it goes on, as whoever writes the file names places; None is the beginning."""
    bytes_count: int = 0
    memories_count: int = 0
    associations_count: int = 0

    def count(self, lines: Sequence[dict[str, Any]]) -> None:
        """Count lines that were written."""
        self.memories_count += len(lines)
        self.associations_count += sum(len(line.get("associations", ())) for line in lines)

    def exported(self, bytes_count: int) -> Exported:
        """Return what was written in all."""
        return Exported(self.memories_count, self.associations_count, bytes_count)


class Output(Protocol):
    """What an export writes into."""

    @property
    def standing(self) -> Standing:
        """How far it is."""

    def write(self, lines: Sequence[dict[str, Any]], cursor: str | None) -> None:
        """Append a page, behind which the next one begins at `cursor`; None after the last."""

    def end(self) -> Exported:
        """Write what has to stand at the end, and return what was written in all."""


class OpenFile:
    """A file of the caller's, written into from where it stands."""

    def __init__(self, file: BinaryIO, kind: str) -> None:
        """Take the file, and one of the formats that are written."""
        self._file = _Counted(file)
        self._writer = _writer_of(cast("BinaryIO", self._file), kind, is_new=True)
        self.standing = Standing("")

    def write(self, lines: Sequence[dict[str, Any]], cursor: str | None) -> None:
        """Append a page and hand it on."""
        self._writer.write(lines)
        self.standing.cursor = cursor
        self.standing.count(lines)
        self._file.flush()

    def end(self) -> Exported:
        """Write what has to stand at the end; the file stays open."""
        self._writer.close()
        self._file.flush()
        return self.standing.exported(self._file.bytes_count)


class UnfinishedFile:
    """A file that is there as a whole or not at all: until it is whole, it is `<name>.part`.

    How far it is stands in `<name>.part.json`. Leaving its block closes it and keeps both.
    """

    def __init__(self, path: Path, kind: str, asked: str) -> None:
        """Take its name, a format that is written, and what tells this export from others."""
        self._path, self._kind = path, kind
        self._part, self._kept = (path.with_name(f"{path.name}{end}") for end in _ENDINGS)
        self._asked = hashlib.blake2b(f"{asked}{kind}".encode(), digest_size=16).hexdigest()
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Return itself; `begin` opens it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._close()

    def begin(self, *, anew: bool = False) -> None:
        """Open it, behind what an earlier run of the same export left unless it begins anew."""
        self._close()
        self.standing = self._empty() if anew else self._resumed()
        file = self._part.open("r+b")
        self._file = file
        file.seek(self.standing.bytes_count)
        self._writer = _writer_of(file, self._kind, is_new=not self.standing.bytes_count)

    def write(self, lines: Sequence[dict[str, Any]], cursor: str | None) -> None:
        """Append a page, and note where the next one begins."""
        self._writer.write(lines)
        self.standing.count(lines)
        if cursor is None:  # no place to go on from; interrupted here, the last page comes again
            return
        file = cast("BinaryIO", self._file)
        file.flush()
        self.standing.cursor = cursor
        self.standing.bytes_count = file.tell()
        self._kept.write_bytes(msgspec.json.encode(self.standing))

    def end(self) -> Exported:
        """Let it appear under its name."""
        self._writer.close()
        file = cast("BinaryIO", self._file)
        if not file.closed:
            file.flush()
            os.fsync(file.fileno())
        self._part.replace(self._path)
        self._kept.unlink(missing_ok=True)
        return self.standing.exported(self._path.stat().st_size)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _resumed(self) -> Standing:
        """Return how far an earlier run came, the file cut there; else that of an empty file."""
        if self._kind == "parquet" or not (self._part.exists() and self._kept.exists()):
            return self._empty()
        try:
            standing = json_decoder(Standing).decode(self._kept.read_bytes())
        except msgspec.DecodeError:
            return self._empty()
        is_ours = standing.asked == self._asked and standing.cursor is not None
        if not is_ours or not self._part.stat().st_size >= standing.bytes_count > 0:
            return self._empty()
        os.truncate(self._part, standing.bytes_count)
        return standing

    def _empty(self) -> Standing:
        self._part.parent.mkdir(parents=True, exist_ok=True)
        self._part.write_bytes(b"")
        self._kept.unlink(missing_ok=True)
        return Standing(self._asked)


class _Counted:
    """A file that counts what is written into it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.bytes_count, self.closed = file, 0, False

    def write(self, data: bytes) -> int:
        """Write on."""
        self._file.write(data)
        self.bytes_count += len(data)
        return len(data)

    def tell(self) -> int:
        """Return how much was written."""
        return self.bytes_count

    def flush(self) -> None:
        """Hand on what was written."""
        self._file.flush()


def _writer_of(file: BinaryIO, kind: str, *, is_new: bool) -> Writer:
    """Return what writes a format into a file, which is new or is gone on with."""
    if kind == "ndjson":
        return NdjsonWriter(file)
    if kind == "csv":
        return CsvWriter(file, is_new=is_new)
    from engram.service.exchange.parquet_files import ParquetWriter  # noqa: PLC0415 - seldom there

    return ParquetWriter(file)
