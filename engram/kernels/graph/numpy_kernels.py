"""Spreading activation in numpy: whole levels at a time, in blocks of edges.

Work grows with the edges read, not with the graph: a node's word in `slots` is believed only if it
points to that node in the list of those reached, so the words of former calls need no clearing.
Where an index array names an element more than once, numpy keeps the last value assigned; written
backwards, the first one stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.graph.arguments import check_form, check_values
from engram.kernels.graph.protocol import DEFAULT_PARAMETERS, Spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, I64, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.graph.association_graph import AssociationGraph
    from engram.kernels.graph.parameters import SpreadParameters

_BLOCK_EDGES = 1 << 16
_SLOTS_KEPT_MAX = 8


class NumpyGraph:
    """Gathers, adds and lists by index arrays; the sums run in the order of the edges."""

    def __init__(self) -> None:
        self._idle_slots: list[U32] = []

    def spread(
        self,
        graph: AssociationGraph,
        seeds: U32,
        activations: F32,
        parameters: SpreadParameters = DEFAULT_PARAMETERS,
        *,
        cancel: CancelFlag | None = None,
    ) -> Spread:
        """See `GraphKernels.spread`."""
        check_form(graph, seeds, activations, parameters)
        check_values(graph, seeds, activations)
        slots = self._take_slots(graph.nodes_count)
        try:
            return _Run(graph, parameters, slots).spread(seeds, activations, cancel)
        finally:
            if len(self._idle_slots) < _SLOTS_KEPT_MAX:
                self._idle_slots.append(slots)

    def _take_slots(self, nodes_count: int) -> U32:
        try:
            slots = self._idle_slots.pop()  # atomic, like append
        except IndexError:
            return np.zeros(nodes_count, np.uint32)
        return slots if len(slots) >= nodes_count else np.zeros(nodes_count, np.uint32)


class _Run:
    """One spread; columns over the nodes reached, in the order in which they were."""

    def __init__(self, graph: AssociationGraph, parameters: SpreadParameters, slots: U32) -> None:
        self._graph, self._parameters, self._slots = graph, parameters, slots
        self._links = _Links(graph, parameters)
        self._threshold = np.float32(parameters.threshold)
        self._edges_left = parameters.edge_budget
        self._is_partial = False
        self._rows: U32 = np.empty(0, np.uint32)
        self._activations: F32 = np.empty(0, np.float32)
        self._sums: F32 = np.empty(0, np.float32)
        self._strongest: F32 = np.empty(0, np.float32)
        self._parents: I64 = np.empty(0, np.int64)
        self._stamps: I64 = np.empty(0, np.int64)
        self._again: list[I64] = []
        self._level_begin = 0
        self._level = 0

    def spread(self, seeds: U32, activations: F32, cancel: CancelFlag | None) -> Spread:
        self._reach(seeds)
        np.maximum.at(self._sums, self._slots[seeds].astype(np.int64), activations)
        level_ends = [0]
        for hop_factor in (*self._parameters.hop_factors, None):
            level_ends.append(len(self._rows))
            sources, applied = self._apply()
            if len(sources) == 0 or hop_factor is None or self._is_partial:
                break
            self._expand(sources, applied * hop_factor, cancel)
        counts = np.diff(level_ends)
        hops = np.repeat(np.arange(len(counts), dtype=np.uint8), counts)
        touched = self._parameters.edge_budget - self._edges_left
        return Spread(self._rows, self._activations, self._parents, hops, touched, self._is_partial)

    def _apply(self) -> tuple[U32, F32]:
        """Add what a level brought; return the nodes it came to and what was applied."""
        new = slice(self._level_begin, len(self._rows))
        applied = np.minimum(self._sums[new], np.float32(1))
        self._activations[new] = applied
        again = np.concatenate(self._again) if self._again else np.empty(0, np.int64)
        damped = self._sums[again] * np.float32(self._parameters.cycle_damping)
        damped = np.minimum(damped, np.float32(1) - self._activations[again])
        self._activations[again] = np.minimum(self._activations[again] + damped, np.float32(1))
        sources = np.concatenate([self._rows[new], self._rows[again]])
        self._sums[new], self._sums[again] = 0, 0
        self._level_begin, self._again = len(self._rows), []
        self._level += 1
        return sources, np.concatenate([applied, damped])

    def _expand(self, sources: U32, passing: F32, cancel: CancelFlag | None) -> None:
        """Pass on along the edges of the sources, as far as the budget goes."""
        fans = self._links.fans(sources)
        passing = passing * self._graph.fan_scales(self._parameters.fan_exponent)[fans]
        kept = passing * np.float32(self._parameters.kind_weight_max) >= self._threshold
        sources, fans, passing = sources[kept], fans[kept], passing[kept]
        ends = np.cumsum(fans)
        count = int(np.searchsorted(ends, self._edges_left, side="right"))
        self._is_partial = count < len(sources)
        if count == 0:
            return
        self._edges_left -= int(ends[count - 1])
        for start, stop in _blocks(ends[:count]):
            if cancel is not None:
                cancel.check()
            block = slice(start, stop)
            numbers = self._links.numbers(sources[block], fans[block])
            targets, weights, kind_weights = self._links.columns(numbers)
            amounts = np.repeat(passing[block], fans[block]) * weights
            amounts *= kind_weights
            enough = np.flatnonzero(amounts >= self._threshold)
            self._add(targets[enough], amounts[enough], numbers[enough])

    def _add(self, targets: U32, amounts: F32, numbers: I64) -> None:
        places = self._reach(targets)
        np.add.at(self._sums, places, amounts)
        old = places[places < self._level_begin]
        old = old[self._stamps[old] != self._level]
        order = np.arange(-1, -len(old) - 1, -1)
        self._stamps[old[::-1]] = order[::-1]
        old = old[self._stamps[old] == order]
        self._stamps[old] = self._level
        self._again.append(old)
        before = self._strongest[places]
        np.maximum.at(self._strongest, places, amounts)
        led = (amounts == self._strongest[places]) & (amounts > before)
        led &= places >= self._level_begin
        self._parents[places[led][::-1]] = numbers[led][::-1]

    def _reach(self, targets: U32) -> I64:
        """Return each target's place among the nodes reached, those not reached yet appended."""
        reached = len(self._rows)
        places = self._slots[targets].astype(np.int64)
        held = places < reached
        held[held] = self._rows[places[held]] == targets[held]
        strangers = targets[~held]
        if len(strangers) == 0:
            return places
        order = np.arange(len(strangers), dtype=np.uint32)
        self._slots[strangers[::-1]] = order[::-1]
        rows = strangers[self._slots[strangers] == order]
        count = len(rows)
        self._slots[rows] = np.arange(reached, reached + count, dtype=np.uint32)
        zeros = np.zeros(count, np.float32)
        self._rows = np.concatenate([self._rows, rows])
        self._activations = np.concatenate([self._activations, zeros])
        self._sums = np.concatenate([self._sums, zeros])
        self._strongest = np.concatenate([self._strongest, zeros])
        self._parents = np.concatenate([self._parents, np.full(count, -1)])
        self._stamps = np.concatenate([self._stamps, np.zeros(count, np.int64)])
        return self._slots[targets].astype(np.int64)


class _Links:
    """The edges of a graph by their numbers, the fresh ones after the others."""

    def __init__(self, graph: AssociationGraph, parameters: SpreadParameters) -> None:
        self._graph = graph
        self._kind_table = parameters.kind_table

    def fans(self, sources: U32) -> I64:
        """Return how many edges leave each source."""
        begins, ends = self._graph.offsets[sources], self._graph.offsets[sources + np.uint32(1)]
        fans: I64 = ends - begins + np.diff(self._fresh_ranges(sources), axis=1)[:, 0]
        return fans

    def numbers(self, sources: U32, fans: I64) -> I64:
        """Return the numbers of all edges of the sources, one source after the other."""
        begins = self._graph.offsets[sources]
        if self._graph.fresh is not None:
            ranges = np.empty((len(sources), 2, 2), np.int64)
            ranges[:, 0, 0] = begins
            ranges[:, 0, 1] = self._graph.offsets[sources + np.uint32(1)]
            ranges[:, 1] = self._fresh_ranges(sources) + self._graph.edges_count
            begins = ranges[:, :, 0].ravel()
            fans = np.diff(ranges, axis=2).ravel()
        ends = np.cumsum(fans)
        numbers: I64 = np.arange(int(ends[-1])) + np.repeat(begins - (ends - fans), fans)
        return numbers

    def columns(self, numbers: I64) -> tuple[U32, F32, F32]:
        """Return targets, weights and the weights of the kinds."""
        graph = self._graph
        late = np.flatnonzero(numbers >= graph.edges_count)
        early = numbers if len(late) == 0 else np.minimum(numbers, max(0, graph.edges_count - 1))
        if graph.edges_count > 0:
            edges = graph.edges[early]
            kinds = None if graph.kinds is None else graph.kinds[early]
        else:
            edges = np.empty(len(numbers), graph.edges.dtype)
            kinds = None if graph.kinds is None else np.empty(len(numbers), np.uint8)
        if len(late) > 0 and graph.fresh is not None:
            edges[late] = graph.fresh.edges[numbers[late] - graph.edges_count]
            if kinds is not None and graph.fresh.kinds is not None:
                kinds[late] = graph.fresh.kinds[numbers[late] - graph.edges_count]
        kind_weights = self._kind_table[:1] if kinds is None else self._kind_table[kinds]
        return edges["target"], edges["weight"], kind_weights

    def _fresh_ranges(self, sources: U32) -> NDArray[np.int64]:
        """Return int64[s, 2]: where the fresh edges of each source begin and end."""
        fresh = self._graph.fresh
        ranges = np.zeros((len(sources), 2), np.int64)
        if fresh is not None:
            places = np.minimum(np.searchsorted(fresh.sources, sources), len(fresh.sources) - 1)
            found = fresh.sources[places] == sources
            ranges[found, 0] = fresh.offsets[places[found]]
            ranges[found, 1] = fresh.offsets[places[found] + 1]
        return ranges


def _blocks(ends: I64) -> Iterator[tuple[int, int]]:
    """Cut sources, given where the edges of each end, into runs of few enough edges, 1 at least."""
    start, done = 0, 0
    while start < len(ends):
        stop = int(np.searchsorted(ends, done + _BLOCK_EDGES, side="right"))
        stop = max(stop, start + 1)
        yield start, stop
        start, done = stop, int(ends[stop - 1])
