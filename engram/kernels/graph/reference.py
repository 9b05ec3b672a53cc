"""The meaning of spreading activation: plain loops, each float32 operation rounded at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.graph.arguments import check_form, check_values
from engram.kernels.graph.protocol import DEFAULT_PARAMETERS, Spread

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.graph.association_graph import AssociationGraph
    from engram.kernels.graph.parameters import SpreadParameters


class ReferenceGraph:
    """Follows every edge in Python; a product or sum of two float32 in float64, rounded once."""

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
        nodes: dict[int, _Node] = {}
        for row, activation in zip(seeds.tolist(), activations.tolist(), strict=True):
            node = nodes.setdefault(row, _Node(row, 0.0, -1, 0))
            node.activation = max(node.activation, activation)
        sources = [(node, node.activation) for node in nodes.values()]
        edges_left, is_partial = parameters.edge_budget, False
        for hop in range(1, parameters.depth + 1):
            received: dict[int, float] = {}
            for node, applied in sources:
                if cancel is not None:
                    cancel.check()
                edges = _edges(graph, node.row)
                passing = _passing(graph, parameters, hop, applied, len(edges))
                heaviest = float(parameters.kind_table.max())
                if not edges or _round(passing * heaviest) < _round(parameters.threshold):
                    continue
                if len(edges) > edges_left:
                    is_partial = True
                    break
                edges_left -= len(edges)
                for edge in edges:
                    _follow(edge, passing, parameters, hop, nodes, received)
            sources = _apply(parameters, hop, nodes, received)
            if is_partial:
                break
        return Spread(
            np.array([node.row for node in nodes.values()], np.uint32),
            np.array([node.activation for node in nodes.values()], np.float32),
            np.array([node.parent for node in nodes.values()], np.int64),
            np.array([node.hop for node in nodes.values()], np.uint8),
            parameters.edge_budget - edges_left,
            is_partial,
        )


@dataclass(slots=True)
class _Node:
    row: int
    activation: float
    parent: int
    hop: int
    strongest: float = 0.0


@dataclass(frozen=True, slots=True)
class _Edge:
    number: int
    target: int
    weight: float
    kind: int


def _edges(graph: AssociationGraph, row: int) -> list[_Edge]:
    """Return the edges out of a node in their order, the fresh ones last."""
    begin, end = int(graph.offsets[row]), int(graph.offsets[row + 1])
    edges = []
    for number in range(begin, end):
        kind = 0 if graph.kinds is None else int(graph.kinds[number])
        target, weight = graph.edges[number].item()
        edges.append(_Edge(number, target, weight, kind))
    fresh = graph.fresh
    if fresh is not None and row in fresh.sources:
        place = fresh.sources.tolist().index(row)
        for number in range(int(fresh.offsets[place]), int(fresh.offsets[place + 1])):
            kind = 0 if fresh.kinds is None else int(fresh.kinds[number])
            target, weight = fresh.edges[number].item()
            edges.append(_Edge(graph.edges_count + number, target, weight, kind))
    return edges


def _passing(
    graph: AssociationGraph, parameters: SpreadParameters, hop: int, applied: float, fan: int
) -> float:
    """Return what a source has for each edge, before the weights."""
    scale = float(graph.fan_scales(parameters.fan_exponent)[fan])
    return _round(_round(applied * float(parameters.hop_factors[hop - 1])) * scale)


def _follow(
    edge: _Edge,
    passing: float,
    parameters: SpreadParameters,
    hop: int,
    nodes: dict[int, _Node],
    received: dict[int, float],
) -> None:
    """Add to what a target received, and remember the strongest way to a new one."""
    kind_weight = float(parameters.kind_table[edge.kind])
    amount = _round(_round(passing * edge.weight) * kind_weight)
    if amount < _round(parameters.threshold):
        return
    received[edge.target] = _round(received.get(edge.target, 0.0) + amount)
    node = nodes.setdefault(edge.target, _Node(edge.target, 0.0, -1, hop))
    if node.hop == hop and amount > node.strongest:
        node.strongest, node.parent = amount, edge.number


def _apply(
    parameters: SpreadParameters, hop: int, nodes: dict[int, _Node], received: dict[int, float]
) -> list[tuple[_Node, float]]:
    """Add what was received to the activations; return the next sources and what was applied."""
    new = [row for row in received if nodes[row].hop == hop]
    met_again = [row for row in received if nodes[row].hop < hop]
    sources = []
    for row in (*new, *met_again):
        node = nodes[row]
        amount = received[row]
        if node.hop < hop:
            amount = _round(amount * _round(parameters.cycle_damping))
        applied = min(amount, _round(1.0 - node.activation))
        node.activation = min(1.0, _round(node.activation + applied))
        sources.append((node, applied))
    return sources


def _round(value: float) -> float:
    return float(np.float32(value))
