"""The commands over memory spaces: space list, create, delete, and reembed."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from msgspec import to_builtins

from engram.edges.cli.options import Place, SpacePlace
from engram.edges.cli.wire import print_json

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from engram.edges.cli.session import Session
    from engram.model.memory import SpaceInfo

_HERE = Place()
_IN_SPACE = SpacePlace()
SpaceId = Annotated[str, Parameter(name="id", help="The space's id: ^[a-z0-9_-]{1,64}$.")]


class SpaceCommands:
    """Commands that work on whole memory spaces."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, *, place: Place = _HERE) -> int:
        """List the memory spaces of the store with how many memories each holds."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.store(settings) as db:
                spaces = await db.spaces()
            if place.json:
                print_json(
                    [
                        {
                            "id": s.id,
                            "phase": s.phase,
                            "memories": s.memories,
                            "concepts": s.concepts,
                            "reason": s.reason,
                        }
                        for s in spaces
                    ]
                )
                return 0
            from engram.edges.cli.screen import facts  # noqa: PLC0415 - not needed for --help

            self._session.console.print(
                facts(
                    (
                        s.id,
                        _held(s) if s.reason is None else f"{s.phase}: {s.reason}",
                    )
                    for s in spaces
                )
            )
            return 0

        return int(self._session.run(command))

    def create(self, space: SpaceId, /, *, place: Place = _HERE) -> int:
        """Create an empty memory space."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.store(settings) as db:
                await db.create_space(space)
            if place.json:
                print_json({"id": space, "created": True})
            else:
                self._session.console.print(f"Created space {space}")
            return 0

        return int(self._session.run(command))

    def delete(
        self,
        space: SpaceId,
        /,
        *,
        yes: Annotated[bool, Parameter(negative="", help="Do not ask.")] = False,
        place: Place = _HERE,
    ) -> int:
        """Delete a memory space with all its bytes; asks first."""
        settings = place.settings(space)
        if not (yes or self._agreed(space)):
            return 1

        async def command() -> int:
            async with self._session.store(settings) as db:
                await db.drop_space(space)
            if place.json:
                print_json({"id": space, "deleted": True})
            else:
                self._session.console.print(f"Deleted space {space}")
            return 0

        return int(self._session.run(command))

    def _agreed(self, space: str) -> bool:
        from engram.model.errors import InvalidRequest  # noqa: PLC0415 - not needed for --help

        if not sys.stdin.isatty():
            raise InvalidRequest(
                f"deleting space {space!r} cannot be undone and nobody can be asked here; "
                "repeat it with --yes"
            )
        self._session.errors.print(
            f"Delete space {space} with all its memories? This cannot be undone. [y/N] ", end=""
        )
        if sys.stdin.readline().strip().lower() in {"y", "yes"}:
            return True
        self._session.errors.print("Nothing was deleted.")
        return False

    def checkpoint(
        self,
        *,
        all_spaces: Annotated[
            bool, Parameter(name="--all", negative="", help="All spaces of the store.")
        ] = False,
        place: SpacePlace = _IN_SPACE,
    ) -> int:
        """Write a snapshot of a space, so that it opens quickly; the log before is let go."""
        from engram.edges.cli.screen import progress_bar  # noqa: PLC0415 - not needed for --help

        settings = place.settings()
        bar = progress_bar(self._session.errors)
        found = []

        async def command() -> int:
            async with self._session.store(settings) as db:
                names = [settings.memory_space]
                if all_spaces:
                    names = [info.id for info in await db.spaces()]
                with bar:
                    for name in names:
                        task = bar.add_task(f"Writing {name}", total=None)
                        show = partial(_show_progress, bar, task)
                        found.append(await db.checkpoint(name, show))
            if place.json:
                print_json([to_builtins(each) for each in found])
                return 0
            for each in found:
                self._session.console.print(
                    f"Space {each.space} is in a snapshot up to LSN {each.lsn}: "
                    f"{each.bytes_written:,} bytes written, {each.bytes_shared:,} kept"
                )
            return 0

        return int(self._session.run(command))

    def compact(self, *, place: SpacePlace = _IN_SPACE) -> int:
        """Let go of what a space forgot before the history that is kept."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.store(settings) as db:
                done = await db.compact(settings.memory_space)
            if place.json:
                print_json(to_builtins(done))
            elif done.rows_dropped:
                self._session.console.print(
                    f"Space {done.space}: {done.rows_dropped:,} forgotten memories are gone for "
                    f"good, {max(0, done.bytes_freed):,} bytes of RAM free; in a snapshot up to "
                    f"LSN {done.lsn}"
                )
            else:
                self._session.console.print(
                    f"Space {done.space}: nothing to let go of; what was forgotten is kept for "
                    "ENGRAM_HISTORY_RETENTION"
                )
            return 0

        return int(self._session.run(command))

    def reembed(self, *, place: SpacePlace = _IN_SPACE) -> int:
        """Give every memory of a space a vector of the store's embedder."""
        from engram.edges.cli.screen import progress_bar  # noqa: PLC0415 - not needed for --help

        settings = place.settings()
        self._session.interrupted = (
            "stopped; the space still answers with its old vectors, nothing was changed"
        )
        bar = progress_bar(self._session.errors)

        async def command() -> int:
            with bar:
                task = bar.add_task(f"Embedding {settings.memory_space}", total=None)
                async with self._session.store(settings) as db:
                    count = await db.reembed(
                        settings.memory_space,
                        lambda done, total: bar.update(task, completed=done, total=total),
                    )
                    space = await db.space(settings.memory_space)
                    identity = (await space.stats()).embedder
            if place.json:
                print_json(
                    {"space": settings.memory_space, "embedded": count, "embedder": identity}
                )
            else:
                self._session.console.print(
                    f"{count:,} memories of space {settings.memory_space} now have vectors of "
                    f"{identity}"
                )
            return 0

        return int(self._session.run(command))


def _held(space: SpaceInfo) -> str:
    """Return what a space holds, in words."""
    concepts = f", {space.concepts:,} concepts" if space.concepts else ""
    return f"{space.memories:,} memories{concepts}"


def _show_progress(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)
