"""A concept says nothing new behind a memory that it was formed of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.retrieval.consolidation import citations, ways_from
from engram.retrieval.likeness import are_formed

if TYPE_CHECKING:
    from engram.kernels.arrays import I64, U32
    from engram.retrieval.graph import SpaceGraph
    from engram.state.space import View


def telling(view: View, graph: SpaceGraph, rows: U32) -> I64:
    """Return int64[m]: the places of those of `rows`, best first, that are to be listed.

    That is all but the concepts of which an episode comes before them.
    """
    places = np.flatnonzero(are_formed(view, rows))
    if not len(places):
        return np.arange(len(rows))
    ways = ways_from(view, graph, rows[places].astype(np.int64))
    chosen = citations(ways)
    of, cited = places[ways.places[chosen]], ways.targets[chosen]
    order = np.argsort(rows)
    at = np.minimum(np.searchsorted(rows, cited, sorter=order), len(rows) - 1)
    before = (rows[order[at]] == cited) & (order[at] < of)
    return np.setdiff1d(np.arange(len(rows)), of[before])
