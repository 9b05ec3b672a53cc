"""The commands over files of other programs: export, import."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, Literal

from cyclopts import Parameter

from engram.edges.cli.memories import STANDARD_INPUT
from engram.edges.cli.options import Filters, SpacePlace
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from engram.edges.cli.session import Session
    from engram.model.exchange import Exported, Imported

_HERE: Final = SpacePlace()
_ALL: Final = Filters()
_TOLD_MAX: Final = 20

Format = Annotated[
    Literal["ndjson", "csv", "parquet"] | None,
    Parameter(help="Left out, as the file's name ends; Parquet needs pyarrow."),
]
Source = Annotated[
    Literal[
        "ndjson", "csv", "parquet", "mem0", "chroma", "openai-chat", "anthropic-chat", "markdown"
    ]
    | None,
    Parameter(help="Left out, by the name and what stands in it."),
]


class ExchangeCommands:
    """Commands that write memories into files, and read them from there."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def export(
        self,
        file: Annotated[str, Parameter(help="FILE.ndjson, .csv or .parquet; - prints them.")],
        /,
        *,
        format: Format = None,  # noqa: A002 - as users say it
        filters: Filters = _ALL,
        place: SpacePlace = _HERE,
    ) -> int:
        """Write the memories of a space into a file; the same command goes on when interrupted.

        Suppressed and expired memories are written, too. Parquet begins anew.
        """
        settings = place.settings()
        prints = file == STANDARD_INPUT
        target: str | BinaryIO = sys.stdout.buffer if prints else file
        kind = format or ("ndjson" if prints else None)
        wanted: dict[str, Any] = {
            name: value
            for name, value in filters.arguments().items()
            if name not in ("include_suppressed", "include_expired")
        }

        async def command() -> Exported:
            from engram.edges.cli.screen import progress_bar  # noqa: PLC0415 - not for --help

            async with self._session.space(settings) as space:
                with progress_bar(self._session.errors) as bar:
                    task = bar.add_task("Exporting", total=None)
                    return await space.export_to(
                        target,
                        format=kind,
                        progress=lambda done, total: bar.update(task, completed=done, total=total),
                        **wanted,
                    )

        if not prints and "parquet" not in (kind, Path(file).suffix[1:]):
            self._session.interrupted = "stopped; the same command goes on where this one was"
        done: Exported = self._session.run(command)
        if prints:
            return 0
        if place.json:
            print_json(
                {
                    "file": file,
                    "memories": done.memories_count,
                    "associations": done.associations_count,
                    "bytes": done.bytes_count,
                }
            )
            return 0
        self._session.console.print(
            f"Exported {done.memories_count:,} memories and {done.associations_count:,} "
            f"associations: {file} ({done.bytes_count:,} bytes)",
            soft_wrap=True,
        )
        return 0

    def import_(
        self,
        file: Annotated[str, Parameter(help="A file, or a folder of Markdown; - reads lines.")],
        /,
        *,
        format: Source = None,  # noqa: A002 - as users say it
        rejected: Annotated[
            Path | None,
            Parameter(metavar="FILE", help="Where lines go that are no memories."),
        ] = None,
        embeddings: Annotated[
            bool,
            Parameter(negative="", help="Take the vectors of Chroma; else they are made anew."),
        ] = False,
        place: SpacePlace = _HERE,
    ) -> int:
        """Remember what a file says, also of other programs; again, only what is missing.

        Lines that are no memories are told, and kept in FILE.rejected.ndjson (or .csv): exit 1.
        """
        settings = place.settings()
        reads = file == STANDARD_INPUT
        source: str | BinaryIO = sys.stdin.buffer if reads else file
        kind = format or ("ndjson" if reads else None)
        kept = rejected or _rejected("import" if reads else file, kind)

        async def command() -> Imported:
            from engram.edges.cli.screen import progress_bar  # noqa: PLC0415 - not for --help

            async with self._session.space(settings) as space:
                with progress_bar(self._session.errors) as bar:
                    task = bar.add_task("Importing", total=None)
                    return await space.import_from(
                        source,
                        format=kind,
                        rejected=kept,
                        embeddings=embeddings,
                        progress=lambda done, total: bar.update(task, completed=done, total=total),
                    )

        self._session.interrupted = "stopped; the same command stores what is missing"
        done: Imported = self._session.run(command)
        if place.json:
            print_json(_value(done, kept))
        else:
            self._show(done, settings.memory_space, kept)
        return 1 if done.rejected_count else 0

    def _show(self, done: Imported, space: str, kept: Path) -> None:
        console, errors = self._session.console, self._session.errors
        console.print(
            f"Imported {done.created_count:,} memories and {done.associations_count:,} "
            f"associations into {space}; {done.known_count:,} memories were there already",
            soft_wrap=True,
        )
        if done.dangling_count:
            errors.print(
                f"note: {done.dangling_count:,} associations lead to memories that are not there",
                style="dim",
                soft_wrap=True,
            )
        for line in done.rejected[:_TOLD_MAX]:
            where = line.place or f"line {line.number}"
            errors.print(f"{where}: {line.reason}", style="red", soft_wrap=True, markup=False)
        if done.rejected_count:
            errors.print(
                f"{done.rejected_count:,} lines are no memories; they are in {kept}: mend and "
                "import that file",
                style="red",
                soft_wrap=True,
            )


def _rejected(file: str, kind: str | None) -> Path:
    """Return where rejected lines of a file go, beside it; what is no line becomes NDJSON."""
    path = Path(file).absolute() if Path(file).is_dir() else Path(file)
    is_table = kind == "csv" or (kind is None and path.suffix == ".csv")
    return path.with_name(f"{path.stem}.rejected.{'csv' if is_table else 'ndjson'}")


def _value(done: Imported, kept: Path) -> dict[str, Any]:
    return {
        "created": done.created_count,
        "known": done.known_count,
        "associations": done.associations_count,
        "dangling": done.dangling_count,
        "rejected": done.rejected_count,
        "rejected_file": str(kept) if done.rejected_count else None,
        "reasons": [
            {"line": line.number, "place": line.place, "reason": line.reason}
            for line in done.rejected
        ],
    }
