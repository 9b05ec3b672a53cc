"""Which episodes are replayed, in which order, and what leads from memory to memory.

Nothing here depends on a clock or on chance: equal views give equal answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.association import AUTOMATIC, AssociationKind
from engram.state.association_view import HUB
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT
from engram.state.concepts import CONCEPT_KIND
from engram.state.space import ALIVE, HAS_VECTOR, REPLAYED, SUPPRESSED

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, I64
    from engram.retrieval.graph import SpaceGraph
    from engram.state.space import View

EPISODES_MAX: Final = 100
"""Episodes replayed in one run, at most."""

LIKENESS_MIN: Final = 0.6
"""Of the link between an episode and another one, or a concept, it may belong with. Where all texts
point the same way a cosine says little."""

_EPISODE: Final = np.uint8(ALIVE | HAS_VECTOR)
_EPISODIC: Final = 0  # `MemoryKind.EPISODIC`
_SHOWN: Final = np.uint8(ALIVE | HAS_VECTOR | SUPPRESSED)
# Places put in line between two breaks: some 100 us.
_PLACES_AT_ONCE: Final = 128


class Ways(NamedTuple):
    """Edges between memories: which of the rows asked for they leave, and to which row."""

    places: NDArray[np.int64]
    targets: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    weights: F32
    flags: NDArray[np.uint8]


def formed_rows(view: View) -> NDArray[np.int64]:
    """Return int64[n]: the rows of the concepts that live and are not hidden."""
    return _rows_where(view, view.count, _EPISODE | np.uint8(REPLAYED), CONCEPT_KIND)


def concept_rows(view: View) -> NDArray[np.int64]:
    """Return int64[n]: the rows of the concepts that live, the hidden ones with them."""
    hidden = _SHOWN | np.uint8(REPLAYED)
    return np.union1d(formed_rows(view), _rows_where(view, view.count, hidden, CONCEPT_KIND))


def episode_rows(view: View) -> NDArray[np.int64]:
    """Return int64[n]: the rows of the episodes that live, are shown, and stay."""
    replayed = _EPISODE | np.uint8(REPLAYED)
    found = [_rows_where(view, view.count, flags, _EPISODIC) for flags in (_EPISODE, replayed)]
    rows = np.union1d(*found)
    return rows[np.asarray(view.gather("ended_at", rows) == 0)] if len(rows) else rows


def _rows_where(view: View, count: int, flags: np.uint8, kind: int) -> NDArray[np.int64]:
    """Return the rows below `count` that have a kind and these flags, page by page."""
    found = [np.zeros(0, np.int64)]
    for first in range(0, count, PAGE_ROWS):
        number, inside = first >> PAGE_SHIFT, min(count - first, PAGE_ROWS)
        held = view.columns["flags"][number][:inside] & (_SHOWN | np.uint8(REPLAYED))
        fits = (held == flags) & (view.columns["kind"][number][:inside] == kind)
        found.append(np.flatnonzero(fits) + first)
    return np.concatenate(found)


def waiting(view: View) -> NDArray[np.int64]:
    """Return int64[n]: rows of linked episodes that were not replayed yet, in their order.

    Those that expire one day are left out: what they say must go with them.
    """
    rows = _rows_where(view, view.associations.linked_rows, _EPISODE, _EPISODIC)
    return rows[np.asarray(view.gather("ended_at", rows) == 0)] if len(rows) else rows


def by_priority(
    view: View, graph: SpaceGraph, rows: NDArray[np.int64]
) -> Generator[None, None, NDArray[np.int64]]:
    """Return ascending rows in the order they are replayed.

    By surprise times confidence, highest first; each is followed by those it reminds of, and these
    by theirs, so that what belongs together is replayed together. Surprise is 1 less the likeness
    of the most similar memory recorded before. It yields every few 100 us.
    """
    if not len(rows):
        return rows
    ways = ways_from(view, graph, rows)
    is_link = ways.kinds == AssociationKind.SEMANTIC
    known = is_link & (ways.targets < rows[ways.places])
    best = np.zeros(len(rows), np.float32)
    np.maximum.at(best, ways.places[known], ways.weights[known])
    priority = (1 - np.minimum(best, 1)) * view.gather("confidence", rows)
    order = np.lexsort((rows, -priority))
    inside = np.minimum(np.searchsorted(rows, ways.targets), len(rows) - 1)
    waits = rows[inside] == ways.targets
    near = is_link & (ways.weights >= LIKENESS_MIN)
    links = [(ways.places[near & waits], inside[near & waits])]
    rest = near & ~waits
    links += _over_concepts(view, graph, ways.places[rest], ways.targets[rest], len(rows))
    sources, targets = (np.concatenate(ends) for ends in zip(*links, strict=True))
    yield
    return rows[(yield from _with_followers(order, sources, targets))]


def _over_concepts(
    view: View,
    graph: SpaceGraph,
    places: NDArray[np.int64],
    targets: NDArray[np.int64],
    count: int,
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return links from places to the concepts of what they are like, and back.

    Concepts have numbers from `count` on.
    """
    if not len(places):
        return []
    known, of = np.unique(targets, return_inverse=True)
    ways = ways_from(view, graph, known)
    formed = citations(ways) & are_concepts(view, ways.targets)
    concept_of = np.full(len(known), -1, np.int64)
    concept_of[ways.places[formed]] = ways.targets[formed]
    concepts = concept_of[of]
    places, concepts = places[concepts >= 0], concepts[concepts >= 0]
    _, numbers = np.unique(concepts, return_inverse=True)
    return [(places, numbers + count), (numbers + count, places)]


def _with_followers(
    order: NDArray[np.int64], sources: NDArray[np.int64], targets: NDArray[np.int64]
) -> Generator[None, None, list[int]]:
    """Return all places in this order, each followed by those that links lead to from it.

    Links may go by numbers beyond the places, which are not returned.
    """
    most = max(len(order), int(sources.max(initial=-1)) + 1)
    by_source = np.argsort(sources, kind="stable")
    begins = np.searchsorted(sources[by_source], np.arange(most + 1)).tolist()
    linked = targets[by_source].tolist()
    is_seen = bytearray(most)
    found: list[int] = []
    for number, place in enumerate(order.tolist()):
        if not number % _PLACES_AT_ONCE:
            yield
        if is_seen[place]:
            continue
        is_seen[place] = 1
        at = len(found)
        found.append(place)
        while at < len(found):
            for other in linked[begins[found[at]] : begins[found[at] + 1]]:
                if not is_seen[other]:
                    is_seen[other] = 1
                    found.append(other)
            at += 1
    return [place for place in found if place < len(order)]


def are_episodes(view: View, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return bool[n]: which rows are episodes that live, are shown, and stay."""
    if not len(rows):
        return np.zeros(0, bool)
    fits = (view.gather("flags", rows) & _SHOWN) == _EPISODE
    fits &= (view.gather("kind", rows) == _EPISODIC) & (view.gather("ended_at", rows) == 0)
    return np.asarray(fits)


def are_concepts(view: View, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return bool[n]: which rows are concepts that consolidation formed, live and are shown."""
    if not len(rows):
        return np.zeros(0, bool)
    formed = _EPISODE | np.uint8(REPLAYED)
    flags, kinds = view.gather("flags", rows), view.gather("kind", rows)
    return np.asarray(((flags & (_SHOWN | np.uint8(REPLAYED))) == formed) & (kinds == CONCEPT_KIND))


def citations(ways: Ways) -> NDArray[np.bool_]:
    """Return bool[n]: which edges join a concept and an episode it was formed from."""
    is_made = (ways.flags & AUTOMATIC) != 0
    return np.asarray((ways.kinds == AssociationKind.DERIVED) & is_made)


def ways_from(view: View, graph: SpaceGraph, rows: NDArray[np.int64]) -> Ways:
    """Return the edges that leave rows and lead to other memories."""
    found, base = view.associations, graph.graph
    nodes = found.nodes_of(rows) if len(rows) else np.zeros(0, np.uint32)
    places = np.flatnonzero(nodes < base.nodes_count)
    known = nodes[places]
    of, at = _runs(base.offsets[known], base.offsets[known + np.uint32(1)])
    numbers, owners = graph.numbers[at].astype(np.int64), places[of]
    fresh = base.fresh
    if fresh is not None and len(known):
        at = np.minimum(np.searchsorted(fresh.sources, known), len(fresh.sources) - 1)
        late = np.flatnonzero(fresh.sources[at] == known)
        of, spots = _runs(fresh.offsets[at[late]], fresh.offsets[at[late] + 1])
        numbers = np.concatenate((numbers, graph.fresh_numbers[spots].astype(np.int64)))
        owners = np.concatenate((owners, places[late[of]]))
    targets = found.owners_of(found.gather("target", numbers)).astype(np.int64)
    inside = (targets < HUB) & (targets < view.count)
    numbers, owners = numbers[inside], owners[inside]
    return Ways(
        owners,
        targets[inside],
        found.gather("kind", numbers).astype(np.uint8),
        found.gather("weight", numbers).astype(np.float32),
        found.gather("flags", numbers).astype(np.uint8),
    )


def _runs(begins: I64, ends: I64) -> tuple[I64, I64]:
    """Return which run each edge is of and where it stands, for runs of edges."""
    counts = ends - begins
    before = np.cumsum(counts) - counts
    of = np.repeat(np.arange(len(counts)), counts)
    return of, np.arange(len(of)) + (begins - before)[of]
