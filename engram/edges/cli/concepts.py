"""The commands over what episodes have in common: consolidate, concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from msgspec import to_builtins

from engram.edges.cli.options import SpacePlace
from engram.edges.cli.wire import memory_value, print_json

if TYPE_CHECKING:
    from engram.edges.cli.session import Session
    from engram.model.concepts import Belief, Concept

_HERE = SpacePlace()


class ConceptCommands:
    """Commands that form concepts in one space, and show them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def consolidate(
        self,
        *,
        episodes: Annotated[int | None, Parameter(help="Replay no more than so many.")] = None,
        place: SpacePlace = _HERE,
    ) -> int:
        """Replay episodes, and form concepts from those that belong together; they stay."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                done = await space.consolidate(episodes_max=episodes)
            if place.json:
                print_json(to_builtins(done))
            else:
                self._print(
                    f"Replayed: {done.episodes}, formed: {done.formed}, grown: {done.grown}"
                )
            return 0

        return int(self._session.run(command))

    def concepts(
        self,
        concept_id: Annotated[
            str | None, Parameter(name="id", help="Show what this concept said before, too.")
        ] = None,
        /,
        *,
        limit: Annotated[int, Parameter(help="How many at most.")] = 20,
        place: SpacePlace = _HERE,
    ) -> int:
        """Show the concepts that were formed, or all versions of one, with their episodes."""
        settings = place.settings()

        async def command() -> int:
            found: tuple[Concept | Belief, ...]
            async with self._session.space(settings) as space:
                if concept_id is None:
                    found = await space.concepts(limit=limit)
                else:
                    found = await space.belief_history(concept_id)
            if place.json:
                print_json([_value(each) for each in found])
            elif not found:
                self._print(f"memory space {settings.memory_space!r} has no concepts")
            for each in () if place.json else found:
                self._show(each)
            return 0

        return int(self._session.run(command))

    def _show(self, each: Concept | Belief) -> None:
        memory = each.memory
        facts = f"confidence {memory.confidence:.2f}, coherence {each.coherence:.2f}"
        self._print(f"{memory.id}  {facts}, {len(each.episodes)} episodes")
        for line in memory.content.splitlines():
            self._print(f"  {line}")

    def _print(self, line: str) -> None:
        self._session.console.print(line, soft_wrap=True, markup=False, highlight=False)


def _value(each: Concept | Belief) -> dict[str, Any]:
    from engram.model.concepts import Belief  # noqa: PLC0415 - not needed for --help

    value: dict[str, Any] = {"name": each.name, "coherence": each.coherence, "terms": each.terms}
    value |= {"episodes": each.episodes, "memory": memory_value(each.memory)}
    if isinstance(each, Belief):
        value["held_from"] = each.held_from.isoformat()
        value["held_until"] = None if each.held_until is None else each.held_until.isoformat()
    return value
