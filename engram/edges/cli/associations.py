"""The commands over associations: make, end and list them, follow them, let activation spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from engram.edges.cli.options import Labels, SpacePlace
from engram.edges.cli.wire import memory_value, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engram.edges.cli.machine import AnySpace
    from engram.edges.cli.session import Session
    from engram.model.association import Association, AssociationPath

_HERE = SpacePlace()
_EXCERPT_CHARACTERS = 60

_Source = Annotated[str, Parameter(name="source", help="The id of the memory it leaves.")]
_Memory = Annotated[str, Parameter(name="id", help="An id as remember and list print it.")]
_Target = Annotated[str, Parameter(name="target", help="The id of the memory it leads to.")]


class AssociationCommands:
    """Commands that work on the associations of one space."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def associate(
        self,
        source_id: _Source,
        target_id: _Target,
        /,
        *,
        kind: Annotated[
            str,
            Parameter(
                help="semantic, causal, temporal, hierarchical, compositional, spatial, emotional, "
                "mentions or derived."
            ),
        ] = "semantic",
        weight: Annotated[float, Parameter(help="How strongly, above 0 and at most 1.")] = 0.5,
        confidence: Annotated[float, Parameter(help="How sure you are, 0 to 1.")] = 1.0,
        why: Annotated[str | None, Parameter(help="A reason.")] = None,
        both_ways: Annotated[
            bool, Parameter(negative="", help="Make another one that leads back.")
        ] = False,
        place: SpacePlace = _HERE,
    ) -> int:
        """Lead from one memory to another, or weigh anew what leads there already."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                done = await space.associate(
                    source_id,
                    target_id,
                    kind,
                    weight=weight,
                    confidence=confidence,
                    why=why,
                    both_ways=both_ways,
                )
            if place.json:
                value = {"created": done.created, "changed": done.changed, "lsn": done.lsn}
                print_json(value)
            else:
                what = "Associated" if done.created else "Weighed anew"
                self._print(f"{what}: {source_id} -> {target_id} ({kind}, {weight:g})")
            return 0

        return int(self._session.run(command))

    def dissociate(
        self,
        source_id: _Source,
        target_id: _Target,
        /,
        *,
        kind: Annotated[str | None, Parameter(help="Only of this kind; else of all.")] = None,
        place: SpacePlace = _HERE,
    ) -> int:
        """End what leads from one memory to another."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                count = await space.dissociate(source_id, target_id, kind)
            if place.json:
                print_json({"ended": count})
            else:
                self._print(f"Ended: {count} from {source_id} to {target_id}")
            return 0

        return int(self._session.run(command))

    def associations(
        self,
        memory_id: _Memory,
        /,
        *,
        direction: Annotated[str, Parameter(help="out, in or both.")] = "out",
        kind: Annotated[Labels, Parameter(help="Only of this kind; repeatable.")] = (),
        limit: Annotated[int, Parameter(help="How many at most.")] = 20,
        place: SpacePlace = _HERE,
    ) -> int:
        """Show what leads from a memory to others, the heaviest first."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.associations(
                    memory_id, direction=direction, kinds=kind or None, limit=limit
                )
                texts = await _texts(space, found) if not place.json else {}
            if place.json:
                print_json([association_value(each) for each in found])
            elif found:
                self._session.console.print(_table(found, texts, memory_id))
            else:
                self._print(f"{memory_id} has no associations")
            return 0

        return int(self._session.run(command))

    def paths(
        self,
        source_id: _Source,
        target_id: _Target,
        /,
        *,
        how: Annotated[str, Parameter(help="strongest or shortest.")] = "strongest",
        k: Annotated[int, Parameter(help="How many ways at most.")] = 1,
        kind: Annotated[Labels, Parameter(help="Follow only this kind; repeatable.")] = (),
        hops: Annotated[int | None, Parameter(help="How many steps at most, 1 to 8.")] = None,
        deadline_ms: Annotated[
            float | None, Parameter(help="How long it may search; without an end left out.")
        ] = None,
        place: SpacePlace = _HERE,
    ) -> int:
        """Show the best ways from one memory to another."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.paths(
                    source_id,
                    target_id,
                    how=how,
                    k=k,
                    kinds=kind or None,
                    hops_max=hops,
                    deadline_ms=deadline_ms,
                )
                steps = [step for path in found for step in path.steps]
                texts = await _texts(space, steps) if not place.json else {}
            if place.json:
                print_json([_path_value(path) for path in found])
            elif not found:
                self._print(f"no way leads from {source_id} to {target_id}")
            for path in () if place.json else found:
                self._show_path(path, texts)
            return 0

        return int(self._session.run(command))

    def neighbours(
        self,
        memory_id: _Memory,
        /,
        *,
        hops: Annotated[int, Parameter(help="How many steps away at most, 1 to 8.")] = 1,
        kind: Annotated[Labels, Parameter(help="Follow only this kind; repeatable.")] = (),
        limit: Annotated[int, Parameter(help="How many at most.")] = 20,
        place: SpacePlace = _HERE,
    ) -> int:
        """Show the memories that associations lead to from one, nearest first."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.neighbours(
                    memory_id, hops=hops, kinds=kind or None, limit=limit
                )
            if place.json:
                print_json(
                    [
                        {
                            "hops": each.hops,
                            "strength": each.strength,
                            "memory": memory_value(each.memory),
                        }
                        for each in found
                    ]
                )
            elif found:
                rows = [
                    (each.strength, each.hops, _excerpt(each.memory.content), each.memory.id)
                    for each in found
                ]
                self._session.console.print(_reached("strength", rows))
            else:
                self._print(f"{memory_id} leads to no memory")
            return 0

        return int(self._session.run(command))

    def spread(
        self,
        *memory_ids: Annotated[str, Parameter(name="id", help="Where activation begins.")],
        hops: Annotated[int, Parameter(help="How many steps away at most, 1 to 8.")] = 3,
        kind: Annotated[Labels, Parameter(help="Follow only this kind; repeatable.")] = (),
        limit: Annotated[int, Parameter(help="How many at most.")] = 20,
        place: SpacePlace = _HERE,
    ) -> int:
        """Let activation spread from memories, and show what becomes most active."""
        settings = place.settings()

        async def command() -> int:
            async with self._session.space(settings) as space:
                found = await space.spread(memory_ids, hops=hops, kinds=kind or None, limit=limit)
                ids = [each.memory_id for each in found if each.memory_id]
                texts = await _texts_of(space, ids) if not place.json else {}
            if place.json:
                print_json(
                    {
                        "active": [each._asdict() for each in found],
                        "reached": found.reached_count,
                        "edges": found.edges_count,
                        "is_partial": found.is_partial,
                    }
                )
            elif found:
                rows = [
                    (each.activation, each.hops, f"[{each.label}]", None)
                    if each.memory_id is None
                    else (each.activation, each.hops, texts[each.memory_id], each.memory_id)
                    for each in found
                ]
                self._session.console.print(_reached("activation", rows))
            else:
                self._print("nothing is reached")
            return 0

        return int(self._session.run(command))

    def _show_path(self, path: AssociationPath, texts: Mapping[str, str]) -> None:
        steps = "step" if path.hops == 1 else "steps"
        self._print(f"{path.hops} {steps}, strength {path.strength:.3f}")
        first = path.steps[0]
        self._print(f"  {_end(first.source_id, first.source_label, texts)}")
        for step in path.steps:
            why = f", {step.why}" if step.why else ""
            self._print(f"    {step.kind} {step.weight:.2f}{why}")
            self._print(f"  {_end(step.target_id, step.target_label, texts)}")

    def _print(self, line: str) -> None:
        self._session.console.print(line, soft_wrap=True)


def association_value(found: Association) -> dict[str, Any]:
    """Return an association as a JSON value; the time is ISO 8601 in UTC."""
    return {
        "source_id": found.source_id,
        "source_label": found.source_label,
        "target_id": found.target_id,
        "target_label": found.target_label,
        "kind": found.kind,
        "weight": found.weight,
        "confidence": found.confidence,
        "why": found.why,
        "made_at": found.made_at.isoformat(),
        "automatic": found.automatic,
    }


def _path_value(path: AssociationPath) -> dict[str, Any]:
    return {
        "strength": path.strength,
        "hops": path.hops,
        "steps": [association_value(step) for step in path.steps],
    }


async def _texts(
    space: AnySpace, found: list[Association] | tuple[Association, ...]
) -> dict[str, str]:
    """Return the beginning of the text of each memory at an end."""
    ids = dict.fromkeys(end for each in found for end in (each.source_id, each.target_id) if end)
    return await _texts_of(space, ids)


async def _texts_of(space: AnySpace, ids: Iterable[str]) -> dict[str, str]:
    return {each: _excerpt((await space.get(each)).content) for each in ids}


def _excerpt(content: str) -> str:
    text = " ".join(content.split())
    short = text[: _EXCERPT_CHARACTERS - 3] + "..."
    return (short if len(text) > _EXCERPT_CHARACTERS else text) or "(no text)"


def _end(memory_id: str | None, label: str | None, texts: Mapping[str, str]) -> str:
    return f"[{label}]" if memory_id is None else f"{texts[memory_id]}  {memory_id}"


def _reached(measure: str, rows: Iterable[tuple[float, int, str, str | None]]) -> Any:
    """Return the table of what was reached: how strongly, how far away, its text and its id."""
    from rich.table import Table  # noqa: PLC0415 - not needed for --help
    from rich.text import Text  # noqa: PLC0415 - not needed for --help

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(measure, justify="right", no_wrap=True, style="bold")
    table.add_column("hops", justify="right", no_wrap=True)
    table.add_column("memory", ratio=1)
    for value, hops, words, memory_id in rows:
        text = Text(words, overflow="fold")
        if memory_id is not None:
            text.append(f"\n{memory_id}", style="dim")
        table.add_row(f"{value:.3f}", str(hops), text)
    return table


def _table(found: tuple[Association, ...], texts: Mapping[str, str], memory_id: str) -> Any:
    from rich.table import Table  # noqa: PLC0415 - not needed for --help
    from rich.text import Text  # noqa: PLC0415 - not needed for --help

    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("weight", justify="right", no_wrap=True, style="bold")
    table.add_column("kind", no_wrap=True, style="cyan")
    table.add_column("", no_wrap=True)
    table.add_column("memory", ratio=1)
    for each in found:
        leaves = each.source_id == memory_id
        end, label = (
            (each.target_id, each.target_label) if leaves else (each.source_id, each.source_label)
        )
        text = Text(f"[{label}]" if end is None else texts[end], overflow="fold")
        if end is not None:
            text.append(f"\n{end}", style="dim")
        if each.why:
            text.append(f"\n{each.why}", style="dim")
        table.add_row(f"{each.weight:.2f}", each.kind, "->" if leaves else "<-", text)
    return table
