"""PREDICT: what followed the memories that are given, as far as it is what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engram.model.errors import MemoryNotFound
from engram.model.ids import format_id, parse_id
from engram.retrieval.confidence import Belief, both
from engram.retrieval.following import followers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engram.engine.space_engine import SpaceEngine
    from engram.retrieval.following import Follower
    from engram.retrieval.pipeline import Hit
    from engram.state.space import View


class Following(NamedTuple):
    """What followed, by id, and the ids of the memories on the ways to each."""

    elapsed_s: dict[str, float]
    ways: dict[str, tuple[tuple[str, ...], ...]]
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
    rows = sorted({row for each in found for way in each.ways for row in way})
    names: dict[int, str] = {}
    if rows:
        halves = (view.gather(half, np.array(rows)).tolist() for half in ("id_high", "id_low"))
        names = dict(zip(rows, map(format_id, *halves), strict=True))
    ids = [names[each.row] for each in found]
    return Following(
        dict(zip(ids, (each.elapsed_ns / 1e9 for each in found), strict=True)),
        dict(
            zip(
                ids,
                (tuple(tuple(names[row] for row in way) for way in each.ways) for each in found),
                strict=True,
            )
        ),
        dict(zip(ids, (each.belief for each in found), strict=True)),
    )


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
