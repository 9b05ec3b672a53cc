"""The commands over versions of a memory: update, history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from engram.edges.cli.options import Labels, Moment, Particulars, SpacePlace, json_option
from engram.edges.cli.wire import memory_value, print_json

if TYPE_CHECKING:
    from engram.edges.cli.session import Session

_HERE = SpacePlace()
_NONE = Particulars()


class CorrectionCommands:
    """Commands that correct memories of one space, and show what they were."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def update(
        self,
        memory_id: Annotated[
            str, Parameter(name="id", help="An id as remember and list print it.")
        ],
        /,
        *,
        text: Annotated[str | None, Parameter(help="What it says from now on.")] = None,
        tag: Annotated[Labels, Parameter(help="Its tags from now on; repeatable.")] = (),
        time: Annotated[Moment, Parameter(help="When it happened.")] = None,
        confidence: Annotated[
            float | str | None,
            Parameter(help="How sure you are, 0 to 1, or none, low, medium, high, certain."),
        ] = None,
        kind: Annotated[
            str | None, Parameter(help="episodic, semantic, procedural or concept.")
        ] = None,
        source: Annotated[str | None, Parameter(help="Where it comes from.")] = None,
        session: Annotated[str | None, Parameter(help="The conversation it belongs to.")] = None,
        metadata: Annotated[
            str | None, Parameter(metavar="JSON", help="A JSON object to keep with it.")
        ] = None,
        request_key: Annotated[
            str | None,
            Parameter(metavar="KEY", help="A name for this request, to repeat it safely."),
        ] = None,
        more: Particulars = _NONE,
        place: SpacePlace = _HERE,
    ) -> int:
        """Correct a memory; what is left out stays, the old version becomes history."""
        settings = place.settings()
        given: dict[str, Any] = {
            "tags": tag or None,
            "occurred_at": time,
            "confidence": confidence,
            "kind": kind,
            "source": source,
            "session": session,
            "metadata": json_option("--metadata", metadata),
            "content": text,
            "request_key": request_key,
            **more.arguments(),
        }
        changes = {name: value for name, value in given.items() if value is not None}

        async def command() -> int:
            async with self._session.machine.open_store(settings=settings) as db:
                space = await db.space(settings.memory_space)
                done = await space.update(memory_id, **changes)
            if place.json:
                print_json(
                    {"id": done.id, "space": space.id, "lsn": done.lsn, "supersedes": memory_id}
                )
            else:
                console = self._session.console
                console.print(f"Corrected: {done.id} supersedes {memory_id}", soft_wrap=True)
            return 0

        return int(self._session.run(command))

    def history(
        self,
        memory_id: Annotated[str, Parameter(name="id", help="The id of any version.")],
        /,
        *,
        place: SpacePlace = _HERE,
    ) -> int:
        """Show all versions of a memory, the oldest first."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.machine.open_store(settings=settings) as db:
                space = await db.space(settings.memory_space)
                versions = await space.history(memory_id)
            if place.json:
                print_json([memory_value(memory) for memory in versions])
                return 0
            for memory in versions:
                until = "now" if memory.ended_at is None else f"{memory.ended_at:%Y-%m-%d %H:%M:%S}"
                span = f"{memory.recorded_at:%Y-%m-%d %H:%M:%S} to {until}"
                self._session.console.print(f"{memory.id}  {span}", style="dim", soft_wrap=True)
                self._session.console.print(memory.content or "(no text)")
            return 0

        return int(self._session.run(command))
