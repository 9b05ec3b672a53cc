"""The association graph of a space: derived from its state, caught up lazily, never waited for.

Rule 1: what a reader was given never changes; the next one is given another.
Rule 2: an edge that was ended, or one of whose ends does not live or is hidden, is in no graph
        given from then on.
Rule 3: edges that came since the columns were laid out lie beside them, and are folded in by a
        background step. A node's edges are in the order they were made, wherever they lie, so that
        nobody can tell from an answer what was folded when.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.kernels.graph.association_graph import AssociationGraph
from engram.kernels.graph.protocol import DEFAULT_PARAMETERS
from engram.model.association import ALIVE_EDGE
from engram.retrieval.graph_columns import (
    base_of,
    empty_base,
    empty_run,
    folded,
    joined,
    positions_of,
    run_of,
    touching,
    without,
)
from engram.state.association_view import HUB, NO_OWNER, AssociationsView
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT, Pages, take
from engram.state.space import ALIVE, ERASED, SUPPRESSED, View

if TYPE_CHECKING:
    from collections.abc import Callable

# Fresh edges beyond 8,192 and a thirty-second of all are folded in: each catching up copies them.
_FRESH_MIN: Final = 8_192
_FRESH_SHARE: Final = 32
# Of the edges that recalls read, the newest counts an eighth.
_RECALLS_REMEMBERED: Final = 8
# Room for 1,024 more nodes: what comes within the time a background step takes.
_NODES_LEFT: Final = 1_024
# Edges looked through at once, so that a space of ten million takes no more RAM for it.
_EDGES_AT_ONCE: Final = 1 << 20
# What says whether a memory takes part: it lives, and nobody hid it.
_SHOWS: Final = np.uint8(ALIVE | SUPPRESSED)


class SpaceGraph(NamedTuple):
    """The graph of a space at one moment, for any number of threads.

    Nodes are the state's: `view.associations` says whose they are (`owners_of`), and which node a
    memory (`nodes_of`) or a label (`hub_of`) has; a node at or beyond `graph.nodes_count` has no
    edge. `numbers` uint32[e] and `fresh_numbers` uint32[f] are what the state calls the graph's
    edges and the fresh ones.
    """

    graph: AssociationGraph
    numbers: NDArray[np.uint32]
    fresh_numbers: NDArray[np.uint32]

    @property
    def edges_count(self) -> int:
        """How many edges there are."""
        return len(self.numbers) + len(self.fresh_numbers)

    def state_edges(self, edges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return int64[n]: what the state calls edges as the kernels number them, -1 for -1."""
        if not len(self.fresh_numbers) and (not len(edges) or edges.min() >= 0):
            return self.numbers[edges].astype(np.int64)
        found = np.full(len(edges), -1, np.int64)
        base = (edges >= 0) & (edges < len(self.numbers))
        found[base] = self.numbers[edges[base]]
        late = edges >= len(self.numbers)
        found[late] = self.fresh_numbers[edges[late] - len(self.numbers)]
        return found


class _Seen(NamedTuple):
    """How far a graph has come."""

    edges: int
    ended: int
    flags: Pages
    rows: int
    numbering: int
    erased_lsn: int


_NOTHING: Final = _Seen(0, 0, (), 0, 0, 0)


class GraphIndex:
    """The graph of a space and how far it has come. Safe to call from worker threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._folding = Lock()
        self._base = empty_base()
        self._fresh = empty_run()
        self._seen = _NOTHING
        self._lsn = -1
        # bool by node: those whose memory does not live; none of their edges is in the graph.
        self._hidden = np.zeros(0, bool)
        self._current: SpaceGraph | None = None
        self._given: tuple[int, SpaceGraph] | None = None
        self._past: tuple[int, int, SpaceGraph] | None = None
        self.edges_expected = float(DEFAULT_PARAMETERS.edge_budget)
        """How many edges a recall reads, as far as the last ones tell; at first the most."""

    def note_read(self, edges_count: int) -> None:
        """Note how many edges a recall read."""
        self.edges_expected += (edges_count - self.edges_expected) / _RECALLS_REMEMBERED

    @property
    def resident_bytes(self) -> int:
        """Bytes of the graph's columns."""
        graph, fresh = self._base.graph, self._fresh
        arrays = (graph.offsets, graph.edges, graph.kinds, self._base.numbers, *fresh)
        return sum(array.nbytes for array in arrays if array is not None)

    @property
    def wants_folding(self) -> bool:
        """Whether so many edges lie beside the columns, or so little room is left for new nodes."""
        if len(self._hidden) + _NODES_LEFT > self._base.graph.nodes_count:
            return True
        return len(self._fresh) > max(_FRESH_MIN, len(self._base.numbers) // _FRESH_SHARE)

    def is_due(self, view: View) -> bool:
        """Whether `tend` has something to do that a reader of `view` had better not wait for."""
        behind = view.associations.edge_count - self._seen.edges
        return behind > _FRESH_MIN or self.wants_folding

    def tend(self, view: View) -> None:
        """Catch up with `view`, and fold in what lies beside the columns. Blocks."""
        self.at(view)
        if self.wants_folding:
            self.fold()

    def at(self, view: View) -> SpaceGraph:
        """Return the graph caught up with `view`, or beyond it when another reader was ahead."""
        given = self._given
        if given is not None and view.lsn <= given[0]:
            return given[1]
        with self._lock:
            if view.lsn > self._lsn:
                self._catch_up(view)
            if self._current is None:
                graph = self._base.graph.with_fresh(self._fresh.fresh())
                self._current = SpaceGraph(graph, self._base.numbers, self._fresh.numbers)
            self._given = self._lsn, self._current
            return self._current

    def at_time(self, view: View, as_of: int) -> SpaceGraph:
        """Return the graph as it was at `as_of` (nanoseconds), built from nothing. Blocks."""
        past = self._past
        if past is not None and past[:2] == (view.lsn, as_of):
            return past[2]
        edges = _edges_at(view, as_of)
        base = base_of(run_of(view.associations, edges), view.associations.node_count)
        found = SpaceGraph(base.graph, base.numbers, np.zeros(0, np.uint32))
        self._past = (view.lsn, as_of, found)
        return found

    def fold(self) -> None:
        """Lay the columns out anew with the fresh edges in their places. Blocks nobody else."""
        with self._folding:
            with self._lock:
                base, fresh, hidden = self._base, self._fresh, len(self._hidden)
            new = folded(base, fresh, hidden)
            with self._lock:
                kept = self._base is base and np.isin(fresh.numbers, self._fresh.numbers).all()
                if kept:
                    late = ~np.isin(self._fresh.numbers, fresh.numbers)
                    self._fresh = self._fresh.without(np.flatnonzero(~late))
                    self._base, self._current, self._given = new, None, None

    def _catch_up(self, view: View) -> None:
        found, seen = view.associations, self._seen
        changed = _changed(view, seen)
        if seen is _NOTHING:
            self._build(view)
        elif changed is None:
            hidden = _hidden_nodes(view)
            if (self._hidden & ~hidden[: len(self._hidden)]).any():
                self._build(view)
            else:
                self._advance(view, np.flatnonzero(hidden[: len(self._hidden)] & ~self._hidden))
        else:
            nodes = found.nodes_of(changed)
            nodes = nodes[nodes < len(self._hidden)]
            gone = _dead(view, found.owners_of(nodes))
            if self._hidden[nodes[~gone]].any():
                self._build(view)
            else:
                self._advance(view, nodes[gone].astype(np.int64))
        self._lsn = view.lsn
        self._seen = _Seen(
            found.edge_count,
            found.ended_count,
            view.columns["flags"],
            view.count,
            view.numbering,
            view.erased_lsn,
        )

    def _build(self, view: View) -> None:
        """Begin anew."""
        found = view.associations
        self._hidden = _hidden_nodes(view)
        edges = _living(found, np.arange(found.edge_count), self._hidden)
        self._base = base_of(run_of(found, edges), found.node_count)
        self._fresh, self._current = empty_run(), None

    def _advance(self, view: View, gone: NDArray[np.int64]) -> None:
        """Take out the edges that ended and those of nodes that are gone, then add the new ones."""
        found, seen = view.associations, self._seen
        ended = np.arange(seen.ended, found.ended_count)
        if len(gone) or len(ended):
            numbers = take(found.ended, ended).astype(np.int64) if len(ended) else ended
            self._take_out(found, numbers, gone)
        first = len(self._hidden)
        if found.node_count > first:
            more = np.arange(first, found.node_count)
            self._hidden = np.concatenate([self._hidden, _dead(view, found.owners_of(more))])
        if found.edge_count > seen.edges:
            edges = _living(found, np.arange(seen.edges, found.edge_count), self._hidden)
            if found.node_count > self._base.graph.nodes_count:
                self._base = folded(self._base, self._fresh, found.node_count)
                self._fresh = empty_run()
            self._fresh = joined(self._fresh, run_of(found, edges))
            self._current = None

    def _take_out(
        self, found: AssociationsView, ended: NDArray[np.int64], gone: NDArray[np.int64]
    ) -> None:
        graph = self._base.graph
        numbers = ended[ended < self._seen.edges]
        positions = [
            positions_of(self._base, found.gather("source", numbers), numbers.astype(np.uint32))
        ]
        late = [np.flatnonzero(np.isin(self._fresh.numbers, numbers))]
        if len(gone):
            self._hidden[gone] = True
            size = max(graph.nodes_count, found.node_count)
            positions += [
                np.arange(graph.offsets[node], graph.offsets[node + 1])
                for node in gone[gone < graph.nodes_count].tolist()
            ]
            positions.append(touching(graph.edges, gone, size))
            late.append(touching(self._fresh.edges, gone, size))
            late.append(np.flatnonzero(np.isin(self._fresh.sources, gone)))
        from_base, from_fresh = np.unique(np.concatenate(positions)), np.concatenate(late)
        if len(from_base):
            self._base = without(self._base, from_base)
        if len(from_fresh):
            self._fresh = self._fresh.without(from_fresh)
        self._current = None


def _living(
    found: AssociationsView, edges: NDArray[np.int64], hidden: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return those of the edges that were not ended and whose ends are not hidden."""

    def there(chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        chosen = chosen[(found.gather("flags", chosen) & ALIVE_EDGE) != 0]
        for name in ("source", "target"):
            chosen = chosen[~hidden[found.gather(name, chosen)]]
        return chosen

    return _piecewise(edges, there)


def _piecewise(
    edges: NDArray[np.int64], chosen: Callable[[NDArray[np.int64]], NDArray[np.int64]]
) -> NDArray[np.int64]:
    pieces = [
        chosen(edges[first : first + _EDGES_AT_ONCE])
        for first in range(0, len(edges), _EDGES_AT_ONCE)
    ]
    return np.concatenate(pieces) if pieces else edges


def _dead(view: View, owners: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Return bool[n]: whether an owner is a memory that does not live, or is hidden or gone."""
    dead: NDArray[np.bool_] = owners == NO_OWNER
    is_row = owners < HUB
    if is_row.any():
        dead[is_row] = (view.gather("flags", owners[is_row]) & _SHOWS) != ALIVE
    return dead


def _hidden_nodes(view: View) -> NDArray[np.bool_]:
    found = view.associations
    return _dead(view, found.owners_of(np.arange(found.node_count)))


def _changed(view: View, seen: _Seen) -> NDArray[np.int64] | None:
    """Return the rows that live now and did not, or the other way; None: look at all nodes."""
    if view.numbering != seen.numbering or view.erased_lsn != seen.erased_lsn:
        return None
    rows = []
    for number, first in enumerate(range(0, seen.rows, PAGE_ROWS)):
        before, after = seen.flags[number], view.columns["flags"][number]
        if before is not after:
            inside = min(PAGE_ROWS, seen.rows - first)
            differs = (before[:inside] ^ after[:inside]) & _SHOWS
            rows.append(np.flatnonzero(differs) + (number << PAGE_SHIFT))
    return np.concatenate(rows) if rows else np.zeros(0, np.int64)


def _edges_at(view: View, as_of: int) -> NDArray[np.int64]:
    """Return the edges that were there at a time, between memories that were."""
    found = view.associations
    ended = np.arange(found.ended_count)
    is_gone = np.zeros(found.edge_count, bool)
    if len(ended):
        over = take(found.ended_at, ended) <= as_of
        is_gone[take(found.ended, ended[over])] = True
    owners = found.owners_of(np.arange(found.node_count))
    hidden = np.append(owners == NO_OWNER, True)
    nodes = np.flatnonzero(owners < HUB)
    if len(nodes):
        rows = owners[nodes]
        flags, ended_at = view.gather("flags", rows), view.gather("ended_at", rows)
        there = (ended_at > as_of) | (((flags & ALIVE) != 0) & (ended_at == 0))
        there &= (view.gather("recorded_at", rows) <= as_of) & (
            (flags & (ERASED | SUPPRESSED)) == 0
        )
        hidden[nodes] = ~there
    beyond = found.node_count

    def there_then(edges: NDArray[np.int64]) -> NDArray[np.int64]:
        edges = edges[~is_gone[edges]]
        edges = edges[found.made_at(edges) <= as_of]
        for name in ("source", "target"):
            edges = edges[~hidden[np.minimum(found.gather(name, edges), beyond)]]
        return edges

    return _piecewise(np.arange(found.edge_count), there_then)
