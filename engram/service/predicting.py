"""PREDICT: what followed the memories that are given, as far as it is what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from engram.model.association import AssociationKind
from engram.model.errors import MemoryNotFound
from engram.model.explanation import PathStep, excerpt
from engram.model.ids import format_id, parse_id
from engram.retrieval.confidence import Belief, both
from engram.retrieval.following import followers
from engram.service.reading import on_bodies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engram.engine.space_engine import SpaceEngine
    from engram.model.explanation import Path
    from engram.model.recall_result import RecallResult
    from engram.retrieval.asking import Hit
    from engram.retrieval.following import Followed, Follower
    from engram.state.space import View


class Following(NamedTuple):
    """What followed, by id: how long after, how surely, and the ways to it, the surest first."""

    elapsed_s: dict[str, float]
    ways: dict[str, tuple[Path, ...]]
    beliefs: dict[str, Belief]


async def following(
    engine: SpaceEngine, given: Sequence[str], horizon_ns: int | None, now: int
) -> Following:
    """Return what followed some memories; MemoryNotFound when one of them is not there."""
    view, rows = engine.view, []
    for memory_id in given:
        row = view.row_of(*parse_id(memory_id), now=now)
        if row is None:
            raise MemoryNotFound(memory_id, engine.space)
        rows.append(row)
    found = await engine.readers.run(
        lambda cancel: followers(view, engine.graph.at(view), rows, horizon_ns, cancel)
    )
    return _named(view, found)


def _named(view: View, found: Sequence[Follower]) -> Following:
    ways = [way for each in found for way in each.ways]
    rows = sorted({row for way in ways for row in way.rows})
    names: dict[int, str] = {}
    if rows:
        halves = (view.gather(half, np.array(rows)).tolist() for half in ("id_high", "id_low"))
        names = dict(zip(rows, map(format_id, *halves), strict=True))
    edges = np.array(sorted({edge for way in ways for edge in way.edges}), np.int64)
    columns = (view.associations.gather(name, edges).tolist() for name in ("kind", "weight"))
    known = dict(zip(edges.tolist(), zip(*columns, strict=True), strict=True))

    def path(way: Followed) -> Path:
        first, *others = way.rows
        over = (known[edge] for edge in way.edges)
        steps = (
            PathStep(names[row], None, AssociationKind(kind).label, weight)
            for row, (kind, weight) in zip(others, over, strict=True)
        )
        return (PathStep(names[first]), *steps)

    ids = [names[each.row] for each in found]
    return Following(
        dict(zip(ids, (each.elapsed_ns / 1e9 for each in found), strict=True)),
        dict(zip(ids, (tuple(map(path, each.ways)) for each in found), strict=True)),
        dict(zip(ids, (each.belief for each in found), strict=True)),
    )


async def explained(engine: SpaceEngine, found: Following, result: RecallResult) -> RecallResult:
    """Return a recall of what followed, with all ways that led to each memory as its paths."""
    ids = {step.memory_id for hit in result for way in found.ways[hit.memory.id] for step in way}
    texts = await on_bodies(engine, lambda: _texts(engine, sorted(map(str, ids))))

    def told(step: PathStep) -> PathStep:
        text = texts.get(str(step.memory_id))
        return step if text is None else step._replace(label=excerpt(text))

    hits = []
    for hit in result:
        paths = tuple(tuple(map(told, way)) for way in found.ways[hit.memory.id])
        hits.append(msgspec.structs.replace(hit, path=paths[0], paths=paths))
    return msgspec.structs.replace(result, recollections=tuple(hits))


async def _texts(engine: SpaceEngine, ids: Sequence[str]) -> dict[str, str]:
    """Return the texts of memories that are there yet, by id."""
    view = engine.view
    rows = {each: row for each in ids if (row := view.row_of(*parse_id(each))) is not None}
    contents = await engine.readers.run(lambda _: view.contents(np.array(list(rows.values()))))
    return {each: text.decode() for each, text in zip(rows, contents, strict=True)}


def believed(
    found: Following, *, threshold: float | None, holds: Callable[[float], bool], limit: int
) -> Callable[[View, list[Hit]], list[Hit]]:
    """Return what chooses among what was recalled: the surest first, ties in their order.

    How sure it is that a memory follows and that it is what was asked for: the one times the other.
    """

    def select(view: View, hits: list[Hit]) -> list[Hit]:
        alike = [hit for hit in hits if threshold is None or hit.parts["similarity"] >= threshold]
        judged = [_judged(view, found, hit) for hit in alike]
        kept = [hit for hit in judged if holds(hit.evidence.belief.value)]
        return sorted(kept, key=lambda hit: -hit.evidence.belief.value)[:limit]

    return select


def _judged(view: View, found: Following, hit: Hit) -> Hit:
    halves: Any = (int(view.value(half, hit.row)) for half in ("id_high", "id_low"))
    follows = found.beliefs[format_id(*halves)]
    belief = Belief(*map(both, follows, hit.evidence.belief))
    return hit._replace(evidence=hit.evidence._replace(belief=belief))
