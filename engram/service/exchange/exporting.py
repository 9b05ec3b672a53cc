"""Write the memories of a space into a file, page by page, so that it can be gone on with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import anyio.to_thread
import numpy as np

from engram.model.association import AUTOMATIC
from engram.model.errors import InvalidRequest
from engram.model.exchange import Exported
from engram.model.limits import LIMIT_MAX
from engram.model.memory import MemoryKind
from engram.service.associating import described, edges_from
from engram.service.exchange.fields import EDGE_FIELDS, fields_of
from engram.service.exchange.unfinished import OpenFile, Output, UnfinishedFile
from engram.service.reading import (
    RowsListed,
    cursor_behind,
    memories_of,
    on_bodies,
    rows_listed,
)
from engram.state.outcomes import GIVEN
from engram.state.space import HAS_VECTOR, REPLAYED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.engine.space_engine import SpaceEngine
    from engram.service.core import Core
    from engram.service.questions import FilterArguments
    from engram.state.space import View

_PAGE: Final = LIMIT_MAX


class Export:
    """One export of a space."""

    def __init__(
        self,
        core: Core,
        engine: SpaceEngine,
        store: str,
        after: str | None,
        arguments: FilterArguments,
    ) -> None:
        self._core, self._engine, self._after = core, engine, after
        self._arguments: FilterArguments = {
            "include_suppressed": True,
            "include_expired": True,
            **arguments,
        }
        self._asked = repr((store, engine.space, after, sorted(self._arguments.items())))

    async def count(self) -> int:
        """Return how many memories there are to be gone through; raises what writing them does."""
        found = await on_bodies(self._engine, lambda: self._rows(self._engine.view, 1, None))
        return found.rest

    async def to_file(
        self, path: Path, kind: str, progress: Callable[[int, int], None] | None
    ) -> Exported:
        """Write a file that is there as a whole or not at all; goes on with one half written."""
        try:
            with UnfinishedFile(path, kind, self._asked) as output:
                await anyio.to_thread.run_sync(output.begin)
                return await self._write(output, progress)
        except OSError as error:
            raise InvalidRequest(f"{path} cannot be written: {error.strerror}") from error

    async def to_stream(
        self, file: BinaryIO, kind: str, progress: Callable[[int, int], None] | None
    ) -> Exported:
        """Write into an open file, from where it stands."""
        output = await anyio.to_thread.run_sync(OpenFile, file, kind)
        return await self._write(output, progress)

    async def _write(self, output: Output, progress: Callable[[int, int], None] | None) -> Exported:
        standing, cursor = output.standing, output.standing.cursor
        while True:
            lines, following, rest = await on_bodies(self._engine, partial(self._page, cursor))
            total = standing.memories_count + rest
            await anyio.to_thread.run_sync(output.write, lines, following)
            if progress is not None:
                progress(standing.memories_count, total)
            if following is None:
                return await anyio.to_thread.run_sync(output.end)
            cursor = following

    async def _rows(self, view: View, limit: int, cursor: str | None) -> RowsListed:
        if cursor is None and self._after is not None:
            cursor = cursor_behind(view, self._engine.space, self._after)
        now = self._core.clock.now()
        return await rows_listed(
            self._core, self._engine, view, limit, cursor, self._arguments, now
        )

    async def _page(self, cursor: str | None) -> tuple[list[dict[str, Any]], str | None, int]:
        """Return the lines of a page, the cursor of the next, and how many memories are left."""
        core, engine = self._core, self._engine
        view, now = engine.view, core.clock.now()
        found = await self._rows(view, _PAGE, cursor)
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
        return lines, found.cursor, found.rest


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
