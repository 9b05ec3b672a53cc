"""A memory space, as far as files of other programs go. `Space` adds the rest."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Unpack, cast

from engram.service.queried_space import QueriedSpace
from engram.service.questions import FilterArguments

if TYPE_CHECKING:
    from engram.model.exchange import Exported, Imported
    from engram.service.exchange.exporting import Export

Progress = Callable[[int, int], None]


class ExchangedSpace(QueriedSpace):
    """One memory space, as far as files of other programs go."""

    async def export_to(
        self,
        target: str | os.PathLike[str] | BinaryIO,
        *,
        format: str | None = None,  # noqa: A002 - as callers say it
        progress: Progress | None = None,
        after: str | None = None,
        **filters: Unpack[FilterArguments],
    ) -> Exported:
        """Write memories as lines of a file that `import_from` reads; the space goes on meanwhile.

        A file is there as a whole or not at all: until then it is `<name>.part`, and the same
        export goes on with what an interrupted one left (not with Parquet). What it carries, and
        what not, says docs/reference/import-and-export.md.

        Args:
            target: a file's name, or a binary file to write into.
            format: `ndjson`, `csv` or `parquet` (needs pyarrow); left out, by the file's name.
            progress: called with (memories written, memories in all).
            after: the id of a memory; only what was recorded after it is written, in the order it
                was. It may have been forgotten or corrected, or have expired, meanwhile.
            **filters: as in `recall`; suppressed and expired memories are written unless they say
                otherwise.

        Raises:
            InvalidRequest: no such format, or the file cannot be written.
            MemoryNotFound: the space has no memory of the id `after`, nor its history.
            SpaceNotFound: nothing was ever remembered in this space.
        """
        from engram.service.exchange.formats import format_written  # noqa: PLC0415 - seldom

        path = Path(target) if isinstance(target, str | os.PathLike) else None
        kind = format_written(format, path)
        export = await self._export(after, filters)
        if path is None:
            return await export.to_stream(cast("BinaryIO", target), kind, progress)
        return await export.to_file(path, kind, progress)

    async def exported_count(
        self, *, after: str | None = None, **filters: Unpack[FilterArguments]
    ) -> int:
        """Return how many memories `export_to` would go through; raises what it does.

        For servers, which tell both before the first line.
        """
        return await (await self._export(after, filters)).count()

    async def _export(self, after: str | None, filters: FilterArguments) -> Export:
        from engram.service.exchange.exporting import Export  # noqa: PLC0415 - seldom

        store = self._core.store_id.hex()
        return Export(self._core, await self._engine(), store, after, filters)

    async def import_from(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        *,
        format: str | None = None,  # noqa: A002 - as above
        rejected: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
        embeddings: bool = False,
    ) -> Imported:
        """Remember what a file or folder says, thousands of memories at a time, each part durable.

        A line that is no memory is told with its number, and the others are remembered. Running
        the same import again, after an interruption or not, stores only what is missing.

        Args:
            source: the name of a file or folder, or a binary file to read.
            format: as in `export_to`, or of another program: `mem0`, `chroma`, `openai-chat`,
                `anthropic-chat`, `markdown`; left out, by the name and what stands in it.
            rejected: where lines that are no memories are written as they are; no file is made
                when there are none, and one of an earlier run goes.
            progress: called with (bytes read, bytes in all), or rows with Parquet and the database
                of Chroma.
            embeddings: whether vectors of Chroma are taken; else texts are embedded anew, unless
                the space holds vectors that were given. NDJSON, CSV and Parquet say it themselves.

        Raises:
            InvalidRequest: no such format, or the file cannot be read.
            What `remember_many` raises: what was stored before stays.
        """
        from engram.service.exchange.importing import import_file  # noqa: PLC0415 - seldom

        path = Path(source) if isinstance(source, str | os.PathLike) else None
        return await import_file(
            self.id,
            self._core,
            self._principal,
            path or cast("BinaryIO", source),
            format,
            None if rejected is None else Path(rejected),
            progress,
            takes_vectors=embeddings,
        )

    async def import_lines(self, file: BinaryIO, rejected_max: int) -> Imported:
        """Remember what lines of NDJSON say, as `import_from` does; all rejected ones are told.

        For servers, of which clients keep the lines. Raises InvalidRequest when more than
        `rejected_max` lines are no memories, and what `import_from` raises.
        """
        from engram.service.exchange.importing import Import  # noqa: PLC0415 - as above

        work = Import(self.id, self._core, self._principal, None, rejected_max)
        return await work.from_file(file, "ndjson", 0, None, takes_vectors=False)
