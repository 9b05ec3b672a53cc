"""Files of memories, written and read on this machine for a space of a server.

The server speaks NDJSON alone; CSV and Parquet are made, and read, here.
"""

from __future__ import annotations

import shutil
from array import array
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import ExitStack
from functools import partial
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
from engram.service.exchange.formats import WRITTEN, format_read, format_written, reader_of
from engram.service.exchange.importing import REJECTED_TOLD_MAX, check_apart
from engram.service.exchange.unfinished import OpenFile, Output, UnfinishedFile

if TYPE_CHECKING:
    from engram.service.exchange.text_files import Raw, Reader

Progress = Callable[[int, int], None]
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
    """One file on its way to a server: which of its lines were sent, and which never could be."""

    def __init__(self, reader: Reader, total: int, progress: Progress | None) -> None:
        self._reader, self._total, self._progress = reader, total, progress
        self.numbers = array("Q")
        """Of the lines that were sent, in the order they were."""
        self.faults: list[RejectedLine] = []

    async def lines(self) -> AsyncIterator[bytes]:
        """Iterate over what is sent."""
        while batch := await anyio.to_thread.run_sync(self._reader.read):
            if sent := await anyio.to_thread.run_sync(self._encoded, batch):
                yield sent
            if self._progress is not None:
                done = self._reader.done
                self._progress(done, max(self._total, done))

    def _encoded(self, batch: list[Raw]) -> bytes:
        good = [each for each in batch if each.fields is not None]
        self.numbers.extend(each.number for each in good)
        bad = (each for each in batch if each.fields is None)
        self.faults += (RejectedLine(each.number, each.fault, each.place) for each in bad)
        return _ENCODER.encode_lines([each.fields for each in good])

    def all_rejected(self, done: Imported) -> list[RejectedLine]:
        """Return every line that was rejected, here or there, by its number in the file."""
        theirs = (
            RejectedLine(self.numbers[each.number - 1], each.reason) for each in done.rejected
        )
        return sorted([*self.faults, *theirs], key=lambda each: each.number)


async def import_from(
    line: Line,
    asked: Asked,
    source: Path | BinaryIO,
    format: str | None,  # noqa: A002 - as callers say it
    rejected: Path | None,
    progress: Progress | None,
) -> Imported:
    """Let a server remember what a file says; see `RemoteSpace.import_from`."""
    path = source if isinstance(source, Path) else None
    kind = await anyio.to_thread.run_sync(format_read, format, path)
    if kind not in WRITTEN:
        raise InvalidRequest(
            f"beside a server files are imported as {', '.join(WRITTEN)}, and not as {kind}; stop "
            "the server (`engram stop`) and import it then"
        )
    check_apart(source, rejected)
    with ExitStack() as held:
        try:
            file = await anyio.to_thread.run_sync(_opened, held, source)
            begin = file.tell()
            total = file.seek(0, 2) - begin
            file.seek(begin)
            reader = await anyio.to_thread.run_sync(reader_of, file, kind, False)
            total = getattr(reader, "rows_count", total)
            if rejected is not None:  # of an earlier run
                await anyio.to_thread.run_sync(partial(rejected.unlink, missing_ok=True))
            work = _Import(reader, total, progress)
            async with line.carried(asked, work.lines(), _NDJSON) as answer:
                done = line.read(await answer.aread(), Imported)
            found = work.all_rejected(done)
            if rejected is not None and found:
                numbers = {each.number for each in found}
                file.seek(begin)
                await anyio.to_thread.run_sync(_keep, file, kind, numbers, rejected)
        except OSError as error:
            what = error.strerror if error.filename else error
            raise InvalidRequest(f"{path or 'that'} cannot be imported: {what}") from error
    return msgspec.structs.replace(
        done, rejected_count=len(found), rejected=tuple(found[:REJECTED_TOLD_MAX])
    )


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


def _keep(file: BinaryIO, kind: str, numbers: Collection[int], rejected: Path) -> None:
    """Write the lines of these numbers as they are; blocks."""
    reader = reader_of(file, kind, takes_vectors=False)
    with rejected.open("wb") as kept:
        kept.write(reader.rejected_head())
        while batch := reader.read():
            for each in batch:
                if each.number in numbers:
                    kept.write(each.raw if each.raw.endswith(b"\n") else each.raw + b"\n")
