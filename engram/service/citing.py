"""What concepts cite, for answers that list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.model.ids import format_id
from engram.retrieval.consolidation import citations, ways_from
from engram.retrieval.likeness import are_formed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.retrieval.graph import SpaceGraph
    from engram.state.space import View


def cited_by(view: View, graph: SpaceGraph, rows: Sequence[int]) -> dict[int, tuple[str, ...]]:
    """Return the ids of the memories each concept among `rows` was formed of, in their order.

    Rows that are no concepts which consolidation formed are left out.
    """
    found = np.array(rows, np.int64)
    found = found[are_formed(view, found)]
    ways = ways_from(view, graph, found)
    chosen = citations(ways)
    cited: dict[int, tuple[str, ...]] = {}
    for place, row in enumerate(found.tolist()):
        episodes = np.unique(ways.targets[chosen & (ways.places == place)])
        halves = [view.gather(half, episodes).tolist() for half in ("id_high", "id_low")]
        cited[row] = tuple(format_id(*each) for each in zip(*halves, strict=True))
    return cited
