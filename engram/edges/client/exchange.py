"""Files of memories, written and read on this machine for a space of a server.

The server speaks NDJSON alone; other formats are made, and read, here.
"""

from __future__ import annotations

import shutil
from array import array
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import anyio.to_thread
import msgspec

from engram.edges.client.http_events import left_well
from engram.edges.client.line import Asked, Line
from engram.model.decoders import json_decoder
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.model.exchange import Exported, Imported, RejectedLine
from engram.service.exchange.formats import (
    format_read,
    format_written,
    is_read_by_name,
    reader_of,
)
from engram.service.exchange.importing import REJECTED_TOLD_MAX, check_apart
from engram.service.exchange.records import RecordReader
from engram.service.exchange.unfinished import OpenFile, Output, UnfinishedFile

if TYPE_CHECKING:
    from engram.service.exchange.text_files import Raw, Reader

Progress = Callable[[int, int], None]
# What text, source and session tell from others of its file, whatever its time.
_UNDATED: Final = {"dated": False}
_NDJSON: Final = "application/x-ndjson"
_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = json_decoder(dict[str, Any])


async def export_to(
    line: Line,
    asked: Asked,
    target: Path | BinaryIO,
    format: str | None,  # noqa: A002 - as callers say it
    progress: Progress | None,
) -> Exported:
    """Write what a server exports into a file; see `RemoteSpace.export_to`."""
    if not isinstance(target, Path):
        kind = format_written(format, None)
        opened = await anyio.to_thread.run_sync(OpenFile, target, kind)
        return await _written(line, asked, opened, progress)
    kind = format_written(format, target)
    what = repr((line.url, asked.space, sorted(asked.query.items())))
    try:
        with UnfinishedFile(target, kind, what) as output:
            await anyio.to_thread.run_sync(output.begin)
            try:
                return await _written(line, asked, output, progress)
            except MemoryNotFound:
                # Said before the first line: behind what it was to go on was erased meanwhile, or
                # was in another store that the server had.
                if output.standing.cursor is None:
                    raise
            await anyio.to_thread.run_sync(partial(output.begin, anew=True))
            return await _written(line, asked, output, progress)
    except OSError as error:
        raise InvalidRequest(f"{target} cannot be written: {error.strerror}") from error


async def _written(line: Line, asked: Asked, output: Output, progress: Progress | None) -> Exported:
    standing = output.standing
    if standing.cursor is not None:
        asked = asked._replace(query={**asked.query, "after": standing.cursor})
    async with line.carried(asked) as answer:
        total = standing.memories_count + int(answer.headers.get("x-total-count", "0"))
        kept = b""
        async with left_well(answer.aiter_raw()) as chunks:
            async for chunk in chunks:
                *whole, kept = (kept + chunk).split(b"\n")
                if not whole:
                    continue
                await anyio.to_thread.run_sync(_write, output, whole)
                if progress is not None:
                    progress(standing.memories_count, max(total, standing.memories_count))
    return await anyio.to_thread.run_sync(output.end)


def _write(output: Output, whole: list[bytes]) -> None:
    """Write lines as they came; the id of the last one says where it goes on."""
    lines = [_DECODER.decode(each) for each in whole]
    output.write(lines, lines[-1]["id"])


class _Import:
    """One file on its way to a server: which of its records were sent, and which never could be."""

    def __init__(self, reader: Reader, total: int, progress: Progress | None) -> None:
        self._reader, self._total, self._progress = reader, total, progress
        self._read_count = 0
        self._sent = array("Q")
        """The records that were sent, each by how many stand before it."""
        self._faults: dict[int, str] = {}

    async def lines(self) -> AsyncIterator[bytes]:
        """Iterate over what is sent."""
        while batch := await anyio.to_thread.run_sync(self._reader.read):
            if sent := await anyio.to_thread.run_sync(self._encoded, batch):
                yield sent
            if self._progress is not None:
                done = self._reader.done
                self._progress(done, max(self._total, done))

    def _encoded(self, batch: list[Raw]) -> bytes:
        good = []
        for at, each in enumerate(batch, start=self._read_count):
            if each.fields is None:
                self._faults[at] = each.fault
            else:
                self._sent.append(at)
                good.append(each.fields if not each.named_by_text else each.fields | _UNDATED)
        self._read_count += len(batch)
        return _ENCODER.encode_lines(good)

    def reasons(self, done: Imported) -> dict[int, str]:
        """Return why records were rejected, here or there, each by how many stand before it."""
        return self._faults | {self._sent[each.number - 1]: each.reason for each in done.rejected}


async def import_from(
    line: Line,
    asked: Asked,
    source: Path | BinaryIO,
    format: str | None,  # noqa: A002 - as callers say it
    rejected: Path | None,
    progress: Progress | None,
    *,
    takes_vectors: bool,
) -> Imported:
    """Let a server remember what a file says; see `RemoteSpace.import_from`."""
    path = source if isinstance(source, Path) else None
    kind = await anyio.to_thread.run_sync(format_read, format, path)
    check_apart(source, rejected)
    with ExitStack() as held:
        try:
            file = await anyio.to_thread.run_sync(_Source, held, source, kind, takes_vectors)
            reader = await anyio.to_thread.run_sync(file.reader)
            total = getattr(reader, "rows_count", 0) or file.bytes_count
            if rejected is not None:  # of an earlier run
                await anyio.to_thread.run_sync(partial(rejected.unlink, missing_ok=True))
            work = _Import(reader, total, progress)
            async with line.carried(asked, work.lines(), _NDJSON) as answer:
                done = line.read(await answer.aread(), Imported)
            reasons = work.reasons(done)
            told = await anyio.to_thread.run_sync(_told, file, reasons, rejected) if reasons else ()
        except OSError as error:
            what = error.strerror if error.filename else error
            raise InvalidRequest(f"{path or 'that'} cannot be imported: {what}") from error
    return msgspec.structs.replace(done, rejected_count=len(reasons), rejected=told)


class _Source:
    """What is imported, a file or a folder, and how it is read: again where lines were rejected."""

    def __init__(
        self, held: ExitStack, source: Path | BinaryIO, kind: str, takes_vectors: bool
    ) -> None:
        """Open it, for as long as what holds it; blocks."""
        self._held, self._kind, self._takes_vectors = held, kind, takes_vectors
        self._path = source if isinstance(source, Path) and is_read_by_name(source, kind) else None
        self.bytes_count = 0
        """0 where that is unknown."""
        if self._path is None:
            self._file = _opened(held, source)
            self._begin = self._file.tell()
            self.bytes_count = self._file.seek(0, 2) - self._begin

    def reader(self) -> Reader:
        """Return who reads it from its beginning; blocks."""
        if self._path is None:
            self._file.seek(self._begin)
        found = reader_of(self._path or self._file, self._kind, self._takes_vectors)
        if isinstance(found, RecordReader):
            self._held.callback(found.close)
        return found


def _opened(held: ExitStack, source: Path | BinaryIO) -> BinaryIO:
    """Return a file that can be read twice, as rejected lines are; blocks."""
    if isinstance(source, Path):
        return held.enter_context(source.open("rb"))
    if source.seekable():
        return source
    copy = held.enter_context(TemporaryFile())  # noqa: SIM115 - entered
    shutil.copyfileobj(source, copy)
    copy.seek(0)
    return cast("BinaryIO", copy)


def _told(
    file: _Source, reasons: Mapping[int, str], rejected: Path | None
) -> tuple[RejectedLine, ...]:
    """Return the first of those that were rejected, and write all of them as they are; blocks."""
    reader, told = file.reader(), list[RejectedLine]()
    with ExitStack() as held:
        kept = None if rejected is None else held.enter_context(rejected.open("wb"))
        if kept is not None:
            kept.write(reader.rejected_head())
        for at, each in enumerate(chain.from_iterable(iter(reader.read, []))):
            if at not in reasons:
                continue
            if len(told) < REJECTED_TOLD_MAX:
                told.append(RejectedLine(each.number, reasons[at], each.place))
            if kept is not None:
                kept.write(each.raw if each.raw.endswith(b"\n") else each.raw + b"\n")
    return tuple(told)
