"""Spreading activation as a user of numba would write it, as fast as it got.

Strict arithmetic (no `fastmath`), so that the answers are the same bits. Scratch lives from call to
call, and what a call used is cleared at its end. A form with columns as long as the graph in place
of the records (activation, sum, strongest, parent and hop of every node) was slower on each graph.
"""

# The functions numba compiles take arrays and numbers of types it finds out by itself.
# mypy: disable-error-code="no-untyped-def, untyped-decorator, misc"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from engram.kernels.graph.association_graph import AssociationGraph
from engram.kernels.graph.parameters import SpreadParameters

U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]
_ZERO = np.float32(0)
_ONE = np.float32(1)


def by_numba(graph: AssociationGraph, parameters: SpreadParameters) -> Callable[[U32, F32], object]:
    """Keep one word a node, its place among those reached; the rest only for these."""
    n = graph.nodes_count
    record = np.dtype([("row", "u4"), ("sum", "f4"), ("value", "f4"), ("parent", "i4")])
    scratch = (np.zeros(n, np.int32), np.zeros(n + 1, record), np.zeros(n + 1, np.int32))
    sources = (np.zeros(n + 1, np.int32), np.zeros(n + 1, np.float32))
    fixed = (
        graph.offsets, graph.edges, graph.fan_scales(parameters.fan_exponent),
        parameters.hop_factors, np.float32(parameters.threshold),
        np.float32(parameters.cycle_damping), parameters.edge_budget,
    )  # fmt: skip
    return lambda seeds, given: _spread(*fixed, seeds, given, *scratch, *sources)


@njit(nogil=True)
def _spread(
    offsets, edges, fan_scales, hop_factors, threshold, damping, budget,
    seeds, given, slots, records, again, rows, passings,
):  # fmt: skip
    m = _plant(seeds, given, slots, records)
    edges_left, partial, begin, again_count, levels = budget, False, 0, 0, 0
    ends = np.zeros(len(hop_factors) + 1, np.int64)
    while True:
        ends[levels] = m
        hop_factor = hop_factors[levels] if levels < len(hop_factors) and not partial else _ZERO
        levels += 1
        count = _apply(
            records, begin, m, again, again_count, damping, hop_factor, threshold, rows, passings
        )
        if count == 0:
            break
        begin = m
        m, again_count, edges_left, partial = _pass_on(
            offsets, edges, fan_scales, threshold, slots, records, again,
            rows, passings, count, m, edges_left,
        )  # fmt: skip
    return (*_collect(records, slots, ends, levels, m), budget - edges_left, partial)


@njit(nogil=True)
def _plant(seeds, given, slots, records):
    m = 0
    for i in range(len(seeds)):
        place = slots[seeds[i]]
        if place > 0:
            records[place - 1].sum = max(records[place - 1].sum, given[i])
            continue
        records[m].row = seeds[i]
        records[m].sum = given[i]
        records[m].parent = -1
        m += 1
        slots[seeds[i]] = m
    return m


@njit(nogil=True)
def _apply(records, begin, m, again, again_count, damping, hop_factor, threshold, rows, passings):
    count = 0
    for i in range(begin, m):
        applied = min(records[i].sum, _ONE)
        records[i].value = applied
        records[i].sum = _ZERO
        passing = applied * hop_factor
        if passing >= threshold:
            rows[count] = records[i].row
            passings[count] = passing
            count += 1
    for j in range(again_count):
        i = again[j]
        applied = min(records[i].sum * damping, _ONE - records[i].value)
        records[i].value = min(records[i].value + applied, _ONE)
        records[i].sum = _ZERO
        passing = applied * hop_factor
        if passing >= threshold:
            rows[count] = records[i].row
            passings[count] = passing
            count += 1
    return count


@njit(nogil=True)
def _pass_on(
    offsets, edges, fan_scales, threshold, slots, records, again,
    rows, passings, count, m, edges_left,
):  # fmt: skip
    begin = m
    again_count = 0
    for i in range(count):
        first, last = offsets[rows[i]], offsets[rows[i] + 1]
        passing = passings[i] * fan_scales[last - first]
        if not passing >= threshold:
            continue
        if last - first > edges_left:
            return m, again_count, edges_left, True
        edges_left -= last - first
        for e in range(first, last):
            amount = passing * edges[e].weight
            if amount < threshold:
                continue
            target = edges[e].target
            place = slots[target] - 1
            if place < 0:
                records[m].row = target
                records[m].sum = amount
                records[m].value = amount
                records[m].parent = e
                m += 1
                slots[target] = m
                continue
            if place >= begin:
                if amount > records[place].value:
                    records[place].value = amount
                    records[place].parent = e
            elif records[place].sum == _ZERO:
                again[again_count] = place
                again_count += 1
            records[place].sum += amount
    return m, again_count, edges_left, False


@njit(nogil=True)
def _collect(records, slots, ends, levels, m):
    out_rows = np.empty(m, np.uint32)
    out_activation = np.empty(m, np.float32)
    out_parent = np.empty(m, np.int64)
    out_hops = np.empty(m, np.uint8)
    i = 0
    for level in range(levels):
        while i < ends[level]:
            out_rows[i] = records[i].row
            out_activation[i] = records[i].value
            out_parent[i] = records[i].parent
            out_hops[i] = level
            slots[records[i].row] = 0
            i += 1
    return out_rows, out_activation, out_parent, out_hops
