"""Which memories may say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.model.association import ALIVE_EDGE, NEAR_DUPLICATE, NearDuplicate
from engram.model.limits import LIMIT_MAX
from engram.retrieval.likeness import likeness_of
from engram.service.associating import whole
from engram.service.reading import memories_of, on_bodies
from engram.state.space import ALIVE, SUPPRESSED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.engine.space_engine import SpaceEngine
    from engram.service.core import Core
    from engram.state.space import View

# Edges looked through at once: some 10 MB of columns.
_EDGES_AT_ONCE = 1 << 20


async def near_duplicates(core: Core, engine: SpaceEngine, limit: int) -> tuple[NearDuplicate, ...]:
    """Return pairs of living memories linked as near duplicates, the most alike first."""
    limit = whole("limit", limit, LIMIT_MAX)

    async def read() -> tuple[NearDuplicate, ...]:
        view, now = engine.view, core.clock.now()
        pairs, likenesses = await engine.readers.run(lambda _: _pairs(view, limit))
        rows = pairs.reshape(-1).tolist()
        memories = await memories_of(core, engine, view, rows, now)
        return tuple(
            NearDuplicate(memories[2 * n], memories[2 * n + 1], likeness)
            for n, likeness in enumerate(likenesses.tolist())
        )

    return await on_bodies(engine, read)


def _pairs(view: View, limit: int) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Return uint32[n, 2] rows, the lower first, and float32[n] likenesses."""
    found = view.associations
    number = view.labels.numbers.get(NEAR_DUPLICATE)
    pairs = np.zeros((0, 2), np.uint32)
    for first in range(0, found.edge_count if number is not None else 0, _EDGES_AT_ONCE):
        edges = np.arange(first, min(first + _EDGES_AT_ONCE, found.edge_count))
        edges = edges[found.gather("why", edges) == number]
        edges = edges[(found.gather("flags", edges) & ALIVE_EDGE) != 0]
        ends = [found.owners_of(found.gather(name, edges)) for name in ("source", "target")]
        both = np.sort(np.stack(ends, axis=1).astype(np.uint32), axis=1)
        pairs = np.unique(np.concatenate((pairs, both)), axis=0)
    shown = np.ones(len(pairs), bool)
    for rows in pairs.T if len(pairs) else ():
        shown &= (view.gather("flags", rows) & np.uint8(ALIVE | SUPPRESSED)) == ALIVE
    pairs = pairs[shown]
    if not len(pairs):  # a space without memories has no columns to look into
        return pairs, np.zeros(0, np.float32)
    likenesses = likeness_of(view).of_pairs(view, pairs[:, 0], pairs[:, 1])
    order = np.argsort(-likenesses, kind="stable")[:limit]
    return pairs[order], likenesses[order]
