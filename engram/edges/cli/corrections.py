"""The commands over what is no longer true: update, history, contradictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from engram.edges.cli.options import Labels, Moment, Particulars, SpacePlace, json_option
from engram.edges.cli.wire import memory_value, print_json

if TYPE_CHECKING:
    from engram.edges.cli.session import Session
    from engram.model.contradiction import Contradiction

_HERE = SpacePlace()
_NONE = Particulars()


class CorrectionCommands:
    """Commands that find and correct what is wrong in one space, and show what it was."""

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
            async with self._session.space(settings) as space:
                done = await space.update(memory_id, **changes)
            if place.json:
                value = {"id": done.id, "space": space.id, "lsn": done.lsn}
                print_json({**value, "created": done.created, "supersedes": memory_id})
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
            async with self._session.space(settings) as space:
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

    def contradictions(
        self,
        memory_id: Annotated[
            str | None, Parameter(name="id", help="Only those this memory takes part in.")
        ] = None,
        /,
        *,
        limit: Annotated[int, Parameter(help="How many at most.")] = 20,
        place: SpacePlace = _HERE,
    ) -> int:
        """Show what current memories say of one subject that cannot be true together."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.contradictions(memory_id, limit=limit)
            if place.json:
                print_json([_value(each) for each in found])
            elif not found:
                self._session.console.print("no memories contradict each other")
            for each in () if place.json else found:
                self._show(each)
            return 0

        return int(self._session.run(command))

    def _show(self, found: Contradiction) -> None:
        console = self._session.console
        relation = "" if found.relation is None else f" {found.relation}"
        console.print(f"{found.subject}{relation}", style="bold", soft_wrap=True)
        for claim in found.claims:
            memory = claim.memory
            told = f"{memory.occurred_at:%Y-%m-%d}  {memory.id}"
            console.print(f"  {claim}  ", end="", soft_wrap=True)
            console.print(told, style="dim", soft_wrap=True)
        more = found.claims_count - len(found.claims)
        if more:
            console.print(f"  and {more:,} more", style="dim")


def _value(found: Contradiction) -> dict[str, Any]:
    """Return a contradiction as a JSON value."""
    return {
        "subject": found.subject,
        "relation": found.relation,
        "claims": [
            {"value": each.value, "denied": each.denied, "memory": memory_value(each.memory)}
            for each in found.claims
        ],
        "claims_count": found.claims_count,
    }
