"""Spreading activation as a user of numba would write it, in two forms; both as fast as they got.

Strict arithmetic (no `fastmath`), so that the answers are the same bits. Scratch lives from call to
call, and what a call used is cleared at its end.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from benches.peers.cases import Call
from engram.kernels.graph.association_graph import AssociationGraph
from engram.kernels.graph.parameters import SpreadParameters

U32 = NDArray[np.uint32]
F32 = NDArray[np.float32]


def spread_columns(
    graph: AssociationGraph, seeds: U32, given: F32, parameters: SpreadParameters
) -> Call:
    """Columns as long as the graph: activation, what a level brought, strongest, parent, hop."""
    n = graph.nodes_count
    scratch = (
        np.zeros(n, np.float32), np.zeros(n, np.float32), np.zeros(n, np.float32),
        np.zeros(n, np.int64), np.zeros(n, np.uint8),
    )  # fmt: skip
    lists = (np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64))
    fixed = _fixed(graph, parameters)
    return lambda: _by_columns(*fixed, seeds, given, *scratch, *lists)


def spread_records(
    graph: AssociationGraph, seeds: U32, given: F32, parameters: SpreadParameters
) -> Call:
    """One word a node, its place among those reached; the rest only for these."""
    n = graph.nodes_count
    record = np.dtype([("row", "u4"), ("sum", "f4"), ("value", "f4"), ("parent", "i4")])
    arrays = (
        np.zeros(n, np.int32), np.zeros(n + 1, record), np.zeros(n + 1, np.int32),
        np.zeros(n + 1, np.int32), np.zeros(n + 1, np.float32),
    )  # fmt: skip
    fixed = _fixed(graph, parameters)
    return lambda: _by_records(*fixed, seeds, given, *arrays)


def _fixed(graph: AssociationGraph, parameters: SpreadParameters) -> tuple[object, ...]:
    return (
        graph.offsets, graph.edges, graph.fan_scales(parameters.fan_exponent),
        parameters.hop_factors, np.float32(parameters.threshold),
        np.float32(parameters.cycle_damping), parameters.edge_budget,
    )  # fmt: skip


@njit(nogil=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def _by_columns(  # type: ignore[no-untyped-def]  # noqa: ANN202, C901, PLR0912, PLR0915 - one loop to compile
    offsets, edges, fan_scales, hop_factors, threshold, damping, budget,  # noqa: ANN001
    seeds, given, activation, received, strongest, parent, hops,  # noqa: ANN001
    reached, touched, again,  # noqa: ANN001
):  # fmt: skip
    one = np.float32(1)
    zero = np.float32(0)
    m = 0
    for i in range(len(seeds)):
        row = np.int64(seeds[i])
        if activation[row] == zero:
            reached[m] = row
            m += 1
        activation[row] = max(activation[row], given[i])
        received[row] = activation[row]
        parent[row] = -1
        hops[row] = 0
    for i in range(m):
        touched[i] = reached[i]
    count = m
    edges_left = budget
    partial = False
    for level in range(len(hop_factors)):
        begin = m
        again_count = 0
        hop_factor = hop_factors[level]
        for i in range(count):
            row = touched[i]
            applied = received[row]
            received[row] = zero
            strongest[row] = applied
        for i in range(count):
            row = touched[i]
            first, last = offsets[row], offsets[row + 1]
            passing = strongest[row] * hop_factor * fan_scales[last - first]
            if not passing >= threshold:
                continue
            if last - first > edges_left:
                partial = True
                break
            edges_left -= last - first
            for e in range(first, last):
                amount = passing * edges[e].weight
                if amount >= threshold:
                    target = np.int64(edges[e].target)
                    before = received[target]
                    received[target] = before + amount
                    if activation[target] == zero:
                        if before == zero:
                            reached[m] = target
                            m += 1
                            hops[target] = level + 1
                            activation[target] = -amount
                            parent[target] = e
                    elif activation[target] < zero:
                        if amount > -activation[target]:
                            activation[target] = -amount
                            parent[target] = e
                    elif before == zero:
                        again[again_count] = target
                        again_count += 1
        count = 0
        for i in range(begin, m):
            row = reached[i]
            applied = min(received[row], one)
            activation[row] = applied
            received[row] = applied
            touched[count] = row
            count += 1
        for i in range(again_count):
            row = again[i]
            applied = min(received[row] * damping, one - activation[row])
            activation[row] = min(activation[row] + applied, one)
            received[row] = applied
            touched[count] = row
            count += 1
        if partial or count == 0:
            break
    for i in range(count):
        received[touched[i]] = zero
    out_rows = np.empty(m, np.uint32)
    out_activation = np.empty(m, np.float32)
    out_parent = np.empty(m, np.int64)
    out_hops = np.empty(m, np.uint8)
    for i in range(m):
        row = reached[i]
        out_rows[i] = row
        out_activation[i] = activation[row]
        out_parent[i] = parent[row]
        out_hops[i] = hops[row]
        activation[row] = zero
    return out_rows, out_activation, out_parent, out_hops, budget - edges_left, partial


@njit(nogil=True)  # type: ignore[misc, untyped-decorator, unused-ignore]
def _by_records(  # type: ignore[no-untyped-def]  # noqa: ANN202, C901, PLR0912, PLR0915 - one loop to compile
    offsets, edges, fan_scales, hop_factors, threshold, damping, budget,  # noqa: ANN001
    seeds, given, slots, records, again, source_rows, source_passing,  # noqa: ANN001
):  # fmt: skip
    one = np.float32(1)
    zero = np.float32(0)
    m = 0
    for i in range(len(seeds)):
        row = seeds[i]
        place = slots[row]
        if place > 0:
            records[place - 1].sum = max(records[place - 1].sum, given[i])
            continue
        records[m].row = row
        records[m].sum = given[i]
        records[m].parent = -1
        m += 1
        slots[row] = m
    edges_left = budget
    partial = False
    begin = 0
    again_count = 0
    ends = np.zeros(len(hop_factors) + 1, np.int64)
    levels = 0
    while True:
        ends[levels] = m
        hop_factor = hop_factors[levels] if levels < len(hop_factors) and not partial else zero
        levels += 1
        count = 0
        for i in range(begin, m):
            applied = min(records[i].sum, one)
            records[i].value = applied
            records[i].sum = zero
            passing = applied * hop_factor
            if passing >= threshold:
                source_rows[count] = records[i].row
                source_passing[count] = passing
                count += 1
        for j in range(again_count):
            i = again[j]
            applied = min(records[i].sum * damping, one - records[i].value)
            records[i].value = min(records[i].value + applied, one)
            records[i].sum = zero
            passing = applied * hop_factor
            if passing >= threshold:
                source_rows[count] = records[i].row
                source_passing[count] = passing
                count += 1
        if count == 0:
            break
        begin = m
        again_count = 0
        for i in range(count):
            row = source_rows[i]
            first, last = offsets[row], offsets[row + 1]
            passing = source_passing[i] * fan_scales[last - first]
            if not passing >= threshold:
                continue
            if last - first > edges_left:
                partial = True
                break
            edges_left -= last - first
            for e in range(first, last):
                amount = passing * edges[e].weight
                if amount >= threshold:
                    target = edges[e].target
                    place = slots[target]
                    if place == 0:
                        records[m].row = target
                        records[m].sum = amount
                        records[m].value = amount
                        records[m].parent = e
                        m += 1
                        slots[target] = m
                        continue
                    place -= 1
                    if place >= begin:
                        if amount > records[place].value:
                            records[place].value = amount
                            records[place].parent = e
                    elif records[place].sum == zero:
                        again[again_count] = place
                        again_count += 1
                    records[place].sum += amount
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
    return out_rows, out_activation, out_parent, out_hops, budget - edges_left, partial
