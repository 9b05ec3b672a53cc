"""Write the memories of a space into a file, page by page, so that it can be gone on with."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import anyio.to_thread
import msgspec
import numpy as np

from engram.model.association import AUTOMATIC
from engram.model.decoders import json_decoder
from engram.model.errors import InvalidRequest
from engram.model.exchange import Exported
from engram.model.limits import LIMIT_MAX
from engram.model.memory import MemoryKind
from engram.service.associating import described, edges_from
from engram.service.exchange.fields import EDGE_FIELDS, fields_of
from engram.service.exchange.text_files import CsvWriter, NdjsonWriter, Writer
from engram.service.reading import memories_of, on_bodies, rows_listed
from engram.state.outcomes import GIVEN
from engram.state.space import HAS_VECTOR, REPLAYED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.engine.space_engine import SpaceEngine
    from engram.service.core import Core
    from engram.service.questions import FilterArguments
    from engram.state.space import View

_PAGE: Final = LIMIT_MAX


class _Standing(msgspec.Struct):
    """How far an export is: kept beside the unfinished file, so that it can be gone on with."""

    asked: str
    """A digest of what is exported; another export begins anew."""
    cursor: str | None = None
    bytes_count: int = 0
    memories_count: int = 0
    associations_count: int = 0


class Export:
    """One export of a space."""

    def __init__(
        self, core: Core, engine: SpaceEngine, store: str, arguments: FilterArguments
    ) -> None:
        self._core, self._engine = core, engine
        self._arguments: FilterArguments = {
            "include_suppressed": True,
            "include_expired": True,
            **arguments,
        }
        self._asked = repr((store, engine.space, sorted(self._arguments.items())))

    async def to_file(
        self, path: Path, kind: str, progress: Callable[[int, int], None] | None
    ) -> Exported:
        """Write a file that is there as a whole or not at all; goes on with one half written."""
        part, kept = (path.with_name(f"{path.name}{end}") for end in (".part", ".part.json"))
        asked = hashlib.blake2b(f"{self._asked}{kind}".encode(), digest_size=16).hexdigest()
        try:
            standing = await anyio.to_thread.run_sync(_resumed, part, kept, asked, kind)
            with part.open("r+b") as file:
                file.seek(standing.bytes_count)
                writer = await anyio.to_thread.run_sync(
                    partial(writer_of, file, kind, is_new=not standing.bytes_count)
                )

                def note() -> None:
                    file.flush()
                    standing.bytes_count = file.tell()
                    kept.write_bytes(msgspec.json.encode(standing))

                await self._write(writer, standing, note, progress)

                def end() -> int:
                    writer.close()
                    if not file.closed:
                        file.flush()
                        os.fsync(file.fileno())
                    part.replace(path)
                    kept.unlink(missing_ok=True)
                    return path.stat().st_size

                size = await anyio.to_thread.run_sync(end)
        except OSError as error:
            raise InvalidRequest(f"{path} cannot be written: {error.strerror}") from error
        return Exported(standing.memories_count, standing.associations_count, size)

    async def to_stream(
        self, file: BinaryIO, kind: str, progress: Callable[[int, int], None] | None
    ) -> Exported:
        """Write into an open file, from where it stands."""
        standing = _Standing("")
        counted = Counted(file)
        writer = writer_of(counted, kind, is_new=True)  # type: ignore[arg-type] # it writes, no more
        await self._write(writer, standing, file.flush, progress)
        await anyio.to_thread.run_sync(writer.close)
        return Exported(standing.memories_count, standing.associations_count, counted.bytes_count)

    async def _write(
        self,
        writer: Writer,
        standing: _Standing,
        note: Callable[[], object],
        progress: Callable[[int, int], None] | None,
    ) -> None:
        while True:
            lines, cursor, total = await on_bodies(self._engine, lambda: self._page(standing))

            def write(lines: Sequence[dict[str, Any]] = lines, cursor: str | None = cursor) -> None:
                writer.write(lines)
                standing.cursor = cursor
                standing.memories_count += len(lines)
                standing.associations_count += sum(
                    len(line.get("associations", ())) for line in lines
                )
                note()

            await anyio.to_thread.run_sync(write)
            if progress is not None:
                progress(standing.memories_count, total)
            if cursor is None:
                return

    async def _page(self, standing: _Standing) -> tuple[list[dict[str, Any]], str | None, int]:
        """Return the lines of the next page, where the one after it begins, and the true total."""
        core, engine = self._core, self._engine
        view, now = engine.view, core.clock.now()
        found = await rows_listed(core, engine, view, _PAGE, standing.cursor, self._arguments, now)
        memories = await memories_of(core, engine, view, found.rows, now)
        rows = np.array(found.rows, np.int64)

        def rest(_: object) -> list[dict[str, Any]]:
            formed = _formed(view, rows)
            vectors = _given_vectors(view, rows)
            edges = edges_from(view, engine.graph.at(view), found.rows, but=AUTOMATIC)
            lines = []
            for at, memory in enumerate(memories):
                if formed[at]:
                    continue
                line = fields_of(memory)
                if at in vectors:
                    line["embedding"] = vectors[at]
                if at in edges:
                    line["associations"] = _edges(view, edges[at])
                lines.append(line)
            return lines

        lines = await engine.readers.run(rest) if len(rows) else []
        return lines, found.cursor, found.total


def _formed(view: View, rows: NDArray[Any]) -> list[bool]:
    """Return which are concepts that consolidation formed; where they go it forms others."""
    kinds, flags = view.gather("kind", rows), view.gather("flags", rows)
    formed = (kinds == MemoryKind.CONCEPT.value) & ((flags & np.uint8(REPLAYED)) != 0)
    return [bool(each) for each in formed]


def _given_vectors(view: View, rows: NDArray[Any]) -> dict[int, list[float]]:
    """Return the vectors that no embedder could make of the text again, by position."""
    has_vector = (view.gather("flags", rows) & np.uint8(HAS_VECTOR)) != 0
    if view.embedder != GIVEN:
        has_vector &= view.gather("content_bytes", rows) == 0
    places = np.flatnonzero(has_vector)
    if not len(places):
        return {}
    return dict(zip(places.tolist(), view.vectors_of(rows[places]).tolist(), strict=True))


def _edges(view: View, edges: NDArray[Any]) -> list[dict[str, Any]]:
    found = ({name: getattr(each, name) for name in EDGE_FIELDS} for each in described(view, edges))
    return [
        {name: value for name, value in each.items() if value is not None}
        for each in found
        if each["target_id"] is not None
    ]


class Counted:
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


def _resumed(part: Path, kept: Path, asked: str, kind: str) -> _Standing:
    """Return how far an earlier run came, the file cut there; else that of an empty file."""
    part.parent.mkdir(parents=True, exist_ok=True)
    if kind != "parquet" and part.exists() and kept.exists():
        try:
            standing = json_decoder(_Standing).decode(kept.read_bytes())
        except msgspec.DecodeError:
            standing = _Standing("")
        if standing.asked == asked and part.stat().st_size >= standing.bytes_count > 0:
            with part.open("r+b") as file:
                file.truncate(standing.bytes_count)
            return standing
    part.write_bytes(b"")
    kept.unlink(missing_ok=True)
    return _Standing(asked)


def writer_of(file: BinaryIO, kind: str, *, is_new: bool) -> Writer:
    """Return what writes a format into a file, which is new or is gone on with."""
    if kind == "ndjson":
        return NdjsonWriter(file)
    if kind == "csv":
        return CsvWriter(file, is_new=is_new)
    from engram.service.exchange.parquet_files import ParquetWriter  # noqa: PLC0415 - seldom there

    return ParquetWriter(file)
