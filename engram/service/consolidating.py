"""Consolidation on demand, concepts with their citations, and what they said before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from engram.model.association import AssociationKind
from engram.model.concepts import Belief, Concept, Consolidated
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.model.ids import MemoryId, format_id, parse_id
from engram.model.limits import CONCEPT_EPISODES_MAX, LIMIT_MAX
from engram.retrieval.consolidation import formed_rows
from engram.retrieval.forming import NAME
from engram.retrieval.named_concepts import episodes_meeting
from engram.service.associating import whole
from engram.service.reading import memories_of, on_bodies
from engram.state.association_view import HUB, NO_NODE
from engram.state.concepts import CONCEPT_KIND
from engram.state.current import versions
from engram.state.space import REPLAYED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from engram.engine.space_engine import SpaceEngine
    from engram.kernels.cancel import CancelFlag
    from engram.model.conditions import Condition
    from engram.model.memory import Memory
    from engram.service.core import Core
    from engram.state.space import View


class Named(NamedTuple):
    """What CONSOLIDATE came to; `concept` is None where too few `episodes` are there for one.

    `older` is the id of what stood for the name before, its own where nothing changed.
    """

    concept: Concept | None
    older: tuple[str, ...]
    episodes: int


# Edges looked through at once: some 10 MB of columns.
_EDGES_AT_ONCE = 1 << 20
_HALVES = ("id_high", "id_low")


async def consolidate(
    core: Core,
    engine: SpaceEngine,
    progress: Callable[[int, int], None] | None,
    episodes_max: int | None,
) -> Consolidated:
    """Carry out `Space.consolidate`."""
    if episodes_max is not None:
        whole("episodes_max", episodes_max, 1 << 31)
    await core.registry.linker_of(engine.space).wait()
    consolidator = core.registry.consolidator_of(engine.space)
    done = await consolidator.consolidate(progress, episodes_max)
    return Consolidated(done.episodes, done.formed, done.grown, tuple(map(str, done.concepts)))


async def form(core: Core, engine: SpaceEngine, name: str, ids: Sequence[MemoryId]) -> Named:
    """Carry out CONSOLIDATE of these episodes INTO a name."""
    done = await core.registry.consolidator_of(engine.space).form(name, ids)
    if done.concept is None:
        return Named(None, (), done.episodes)
    (concept,) = await on_bodies(engine, partial(_concepts_of, core, engine, [done.concept]))
    older = () if done.older is None else (str(done.older),)
    return Named(concept, older, done.episodes)


async def episodes_of(engine: SpaceEngine, condition: Condition) -> list[MemoryId]:
    """Return the ids of the episodes that meet a condition.

    InvalidRequest when there are more than one concept cites.
    """

    def find(cancel: CancelFlag) -> list[MemoryId]:
        rows = episodes_meeting(view, engine.row_masks.metadata, condition, cancel.check)
        if len(rows) > CONCEPT_EPISODES_MAX:
            raise InvalidRequest(
                f"{len(rows):,} episodes meet the condition, over the concept_episodes_max of "
                f"{CONCEPT_EPISODES_MAX:,} that a concept cites; narrow it"
            )
        halves = [view.gather(half, rows).tolist() for half in _HALVES] if len(rows) else [[], []]
        return list(map(MemoryId, *halves))

    view = engine.view
    return await engine.readers.run(find)


async def concepts(core: Core, engine: SpaceEngine, limit: int) -> tuple[Concept, ...]:
    """Return the concepts of a space, the last formed first."""
    limit = whole("limit", limit, LIMIT_MAX)

    async def read() -> tuple[Concept, ...]:
        view = engine.view
        return await _told(core, engine, view, formed_rows(view)[::-1][:limit])

    return await on_bodies(engine, read)


async def _concepts_of(
    core: Core, engine: SpaceEngine, ids: Sequence[MemoryId]
) -> tuple[Concept, ...]:
    view = engine.view
    rows = [view.row_of(each.high, each.low) for each in ids]
    return await _told(core, engine, view, np.array([row for row in rows if row is not None]))


async def _told(
    core: Core, engine: SpaceEngine, view: View, rows: NDArray[np.int64]
) -> tuple[Concept, ...]:
    cited = await engine.readers.run(lambda _: _cited(view, rows))
    memories = await memories_of(core, engine, view, rows.tolist(), core.clock.now())
    return tuple(
        Concept(memory, *_facts(memory), episodes, _name(memory))
        for memory, episodes in zip(memories, cited, strict=True)
    )


async def belief_history(core: Core, engine: SpaceEngine, concept_id: str) -> tuple[Belief, ...]:
    """Return the versions of a concept, the oldest first."""
    identity = parse_id(concept_id)

    async def read() -> tuple[Belief, ...]:
        view, now = engine.view, core.clock.now()
        rows = versions(view, identity, now)
        if not rows:
            raise MemoryNotFound(concept_id, engine.space)
        found = np.array(rows)
        if (
            not (view.gather("flags", found) & REPLAYED).all()
            or (view.gather("kind", found) != CONCEPT_KIND).any()
        ):
            raise InvalidRequest(f"memory {concept_id} is no concept that consolidation formed")
        cited = await engine.readers.run(lambda _: _cited(view, found))
        memories = await memories_of(core, engine, view, rows, now)
        ends = [*(each.recorded_at for each in memories[1:]), None]
        return tuple(
            Belief(memory, memory.recorded_at, until, *_facts(memory), episodes, _name(memory))
            for memory, until, episodes in zip(memories, ends, cited, strict=True)
        )

    return await on_bodies(engine, read)


def _facts(memory: Memory) -> tuple[float, tuple[str, ...]]:
    """Return coherence and terms as consolidation noted them."""
    noted: dict[str, Any] = memory.metadata or {}
    return float(noted.get("coherence", 0.0)), tuple(noted.get("terms", ()))


def _name(memory: Memory) -> str | None:
    return (memory.metadata or {}).get(NAME)


def _cited(view: View, rows: NDArray[np.int64]) -> list[tuple[str, ...]]:
    """Return the ids of the episodes of each concept, of versions that are over, too."""
    found = view.associations
    nodes = found.nodes_of(rows) if len(rows) else np.zeros(0, np.uint32)
    cited: list[tuple[str, ...]] = []
    known = np.flatnonzero(nodes != NO_NODE)
    edges = [np.zeros(0, np.int64)]
    for first in range(0, found.edge_count if len(known) else 0, _EDGES_AT_ONCE):
        some = np.arange(first, min(first + _EDGES_AT_ONCE, found.edge_count))
        some = some[found.gather("kind", some) == int(AssociationKind.DERIVED)]
        edges.append(some[np.isin(found.gather("source", some), nodes[known])])
    every = np.concatenate(edges)
    sources = found.gather("source", every)
    owners = found.owners_of(found.gather("target", every)).astype(np.int64)
    for node in nodes.tolist():
        own = owners[(sources == node) & (owners < HUB)]
        own = np.unique(own)
        halves = [view.gather(half, own).tolist() if len(own) else [] for half in _HALVES]
        cited.append(tuple(format_id(high, low) for high, low in zip(*halves, strict=True)))
    return cited
