"""Remember what a file says, batch by batch; running it again stores only what is missing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import anyio.to_thread

from engram.model.errors import Conflict, InvalidRequest, SpaceNotFound
from engram.model.exchange import Imported, RejectedLine
from engram.model.ids import RANDOM_BYTES_PER_ID, format_id, parse_id
from engram.model.limits import LIMIT_MAX
from engram.service.associating import associate, edge_of, edges_of, listed
from engram.service.bulk import Bulk
from engram.service.exchange.fields import Line
from engram.service.exchange.formats import format_read, is_read_by_name, reader_of
from engram.service.exchange.living import living, row_named
from engram.service.exchange.records import RecordReader
from engram.service.exchange.text_files import Raw, Reader
from engram.service.given_vectors import check_vector
from engram.service.preparing import item_of, prepare
from engram.service.strengthening import suppress
from engram.state.outcomes import GIVEN

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.model.association import NewAssociation
    from engram.service.core import Core
    from engram.state.space import View

REJECTED_TOLD_MAX: Final = 100
"""Of rejected lines so many are told; all are in the file of rejected lines."""

_KEY: Final = "import "
_WEIGHT: Final = 0.5
# Of an association that is looked at before it is known what its ends are called here.
_ENDS: Final = {"source_id": format_id(0, 1), "target_id": format_id(0, 2)}
# Weights are kept in single precision.
_ALIKE: Final = 1e-6


class Import:
    """One import into a space."""

    def __init__(
        self,
        space: str,
        core: Core,
        principal: str,
        rejected: Path | None,
        rejected_max: int | None = None,
    ) -> None:
        """Take where rejected lines go; with `rejected_max` all are told, and more are refused."""
        self._space, self._core, self._principal = space, core, principal
        self._rejects, self._rejected_max = rejected, rejected_max
        self._dimensions = 0
        self._ids: dict[str, str] = {}
        self._edges: list[tuple[str, dict[str, Any]]] = []
        self._rejected: list[RejectedLine] = []
        self._rejected_count = self._created = self._known = 0

    async def from_file(
        self,
        file: Path | BinaryIO,
        kind: str,
        total: int,
        progress: Callable[[int, int], None] | None,
        *,
        takes_vectors: bool,
    ) -> Imported:
        """Remember what an open file says; `total` is its size in bytes, 0 where that is unknown.

        What is read is never put back: who is stopped begins anew, and finds the most there.
        """
        engine = await self._engine()
        self._dimensions = 0 if engine is None else engine.view.dimensions
        if self._dimensions and engine is not None and engine.view.embedder == GIVEN:
            takes_vectors = True  # no text is taken there without one
        reader = await anyio.to_thread.run_sync(reader_of, file, kind, takes_vectors)
        total = getattr(reader, "rows_count", 0) or total
        if self._rejects is not None:
            self._rejects.unlink(missing_ok=True)  # of an earlier run
        try:
            await self._read(reader, total, progress)
        finally:
            if isinstance(reader, RecordReader):
                reader.close()
        made, dangling = await self._associate()
        return Imported(
            created_count=self._created,
            known_count=self._known,
            rejected_count=self._rejected_count,
            rejected=tuple(self._rejected),
            associations_count=made,
            dangling_count=dangling,
        )

    async def _read(
        self, reader: Reader, total: int, progress: Callable[[int, int], None] | None
    ) -> None:
        while batch := await anyio.to_thread.run_sync(reader.read):
            lines = await anyio.to_thread.run_sync(self._checked, batch, reader)
            for _, run in groupby(lines, key=lambda line: "embedding" in line.item):
                await self._remember(list(run))
            if progress is not None:
                progress(reader.done, max(total, reader.done))

    async def _engine(self) -> SpaceEngine | None:
        try:
            return await self._core.registry.open(self._space)
        except SpaceNotFound:
            return None  # the first write makes it

    def _checked(self, batch: Sequence[Raw], reader: Reader) -> list[Line]:
        """Return the lines that are memories; the others are written down. Blocks."""
        found: list[Line] = []
        for raw in batch:
            try:
                found.append(self._line(raw))
            except InvalidRequest as error:
                self._reject(raw, str(error), reader)
            except (AttributeError, TypeError) as error:
                self._reject(raw, f"not the fields of a memory: {error}", reader)
        return found

    def _line(self, raw: Raw) -> Line:
        if raw.fields is None:
            raise InvalidRequest(raw.fault)
        line = Line(raw.raw, raw.fields, named_by_text=raw.named_by_text)
        prepare(item_of(line.item), bytes(RANDOM_BYTES_PER_ID))
        for edge in line.associations:
            edge_of(cast("NewAssociation", {**edge, **_ENDS}))
        vector = line.item.get("embedding")
        if vector is not None:
            row, _ = check_vector(self._core.kernels, vector)
            self._dimensions = self._dimensions or len(row)
            if len(row) != self._dimensions:
                raise InvalidRequest(
                    f"embedding has {len(row)} dimensions, the others have {self._dimensions}"
                )
        return line

    def _reject(self, raw: Raw, reason: str, reader: Reader) -> None:
        most = self._rejected_max
        if most is not None and self._rejected_count >= most:
            raise InvalidRequest(
                f"more than {most:,} lines are no memories, the last one line {raw.number}: "
                f"{reason}; what was stored before stays"
            )
        if most is not None or len(self._rejected) < REJECTED_TOLD_MAX:
            self._rejected.append(RejectedLine(raw.number, reason, raw.place))
        if self._rejects is not None:
            head = b"" if self._rejected_count else reader.rejected_head()
            end = b"" if raw.raw.endswith(b"\n") else b"\n"
            try:
                with self._rejects.open("ab") as file:
                    file.write(head + raw.raw + end)
            except OSError as error:
                raise OSError(error.errno, f"{self._rejects}: {error.strerror}") from error
        self._rejected_count += 1

    async def _remember(self, lines: list[Line]) -> None:
        """Remember lines that are not there; a run that was stored is answered as it was."""
        engine = await self._engine()
        before = None if engine is None else engine.view
        if engine is not None and before is not None:
            lines = await self._unknown(engine, before, lines)
        if not lines:
            return
        key = hashlib.blake2b(b"".join(line.raw for line in lines), digest_size=16).hexdigest()
        items = [line.item for line in lines]
        try:
            done = await self._bulk(_KEY + key).remember(items, None)
        except Conflict:
            # The same lines, cut otherwise by another embedder. What has a text is found by it.
            done = await self._bulk(None).remember(items, None)
        for line, memory_id in zip(lines, done.ids, strict=True):
            self._note(line, memory_id)
        self._created += sum(not _lives(before, each) for each in set(done.ids))
        self._known += sum(_lives(before, each) for each in set(done.ids))
        self._known += len(done.ids) - len(set(done.ids))
        hidden = [
            memory_id
            for line, memory_id in zip(lines, done.ids, strict=True)
            if line.suppressed and not _lives(before, memory_id)
        ]
        if hidden:
            there = await self._core.registry.open(self._space)
            await suppress(there, [parse_id(each) for each in hidden])

    def _bulk(self, request_key: str | None) -> Bulk:
        return Bulk(self._space, self._core, self._principal, request_key, None)

    async def _unknown(self, engine: SpaceEngine, view: View, lines: list[Line]) -> list[Line]:
        """Return the lines whose memory does not live in this space yet."""
        there = await engine.readers.run(lambda _: living(view, lines))
        for place, memory_id in there.items():
            self._note(lines[place], memory_id)
        self._known += len(there)
        return [line for place, line in enumerate(lines) if place not in there]

    def _note(self, line: Line, memory_id: str) -> None:
        if line.id is not None:
            self._ids[line.id] = memory_id
            self._edges += [(line.id, edge) for edge in line.associations]

    async def _associate(self) -> tuple[int, int]:
        """Make the associations of the file that are not there; return how many, and dangling."""
        engine = await self._engine()
        if engine is None or not self._edges:
            return 0, len(self._edges)
        view, now = engine.view, self._core.clock.now()
        found: list[NewAssociation] = []
        for source, edge in self._edges:
            ends = self._ids[source], self._ids.get(edge["target_id"])
            if all(each is not None and _lives(view, each, now) for each in ends):
                named = {"source_id": ends[0], "target_id": ends[1]}
                found.append(cast("NewAssociation", {**edge, **named}))
        missing: list[NewAssociation] = []
        for source, own in groupby(found, key=lambda edge: edge["source_id"]):
            missing += await _not_there(engine, source, list(own))
        if missing:
            await associate(engine, edges_of(missing))
        return len(missing), len(self._edges) - len(found)


async def _not_there(
    engine: SpaceEngine, source: str, wanted: list[NewAssociation]
) -> list[NewAssociation]:
    """Return the associations of a memory that it does not have just so."""
    there = await listed(engine, source, "out", None, LIMIT_MAX)
    known = {(each.target_id, each.kind): each for each in there if not each.automatic}
    missing = []
    for edge in wanted:
        one = known.get((edge["target_id"], edge.get("kind", "semantic")))
        if (
            one is None
            or abs(one.weight - edge.get("weight", _WEIGHT)) > _ALIKE
            or abs(one.confidence - edge.get("confidence", 1.0)) > _ALIKE
            or one.why != edge.get("why")
        ):
            missing.append(edge)
    return missing


def _lives(view: View | None, memory_id: str | None, now: int | None = None) -> bool:
    return view is not None and row_named(view, memory_id, now) is not None


async def import_file(
    space: str,
    core: Core,
    principal: str,
    source: Path | BinaryIO,
    kind: str | None,
    rejected: Path | None,
    progress: Callable[[int, int], None] | None,
    *,
    takes_vectors: bool,
) -> Imported:
    """Remember what a file says; see `Space.import_from`."""
    work = Import(space, core, principal, rejected)
    path = source if isinstance(source, Path) else None
    kind = await anyio.to_thread.run_sync(format_read, kind, path)
    if path is None:
        return await work.from_file(source, kind, 0, progress, takes_vectors=takes_vectors)
    check_apart(path, rejected)
    try:
        if await anyio.to_thread.run_sync(is_read_by_name, path, kind):
            return await work.from_file(path, kind, 0, progress, takes_vectors=takes_vectors)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return await work.from_file(file, kind, size, progress, takes_vectors=takes_vectors)
    except OSError as error:
        what = error.strerror if error.filename else error
        raise InvalidRequest(f"{path} cannot be imported: {what}") from error


def check_apart(source: object, rejected: Path | None) -> None:
    """Raise InvalidRequest when rejected lines would go where they come from."""
    if isinstance(source, Path) and rejected and source.resolve() == rejected.resolve():
        raise InvalidRequest(f"{rejected} is what is imported; let rejected lines go elsewhere")
