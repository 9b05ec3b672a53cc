"""What spreading activation means here.

After Collins & Loftus (1975), "A spreading-activation theory of semantic processing".

Rule 1: it goes level by level. Level 0 are the seeds, with the activation they were given, at most
        1; the same node twice counts once, with the larger. Level h passes on along every edge out
        of its sources the amount

            ((applied * hop_factor(h + 1)) * fan ** -fan_exponent) * weight * kind_weight

        where `applied` is what level h added to the source's activation, and `fan` how many edges
        leave the source. An amount below the threshold is neither added nor followed.
Rule 2: a node adds up what one level sends it, then applies it. A node new on this level has that
        as its activation, at most 1. A node that an earlier level activated (the edges close a
        cycle, or a longer way leads to it too) applies `cycle_damping` times that, at most what it
        lacks to 1. What was applied is what the node passes on at the next level.
Rule 3: the order is fixed: sources pass on in the order in which this level first reached them,
        the new ones first, then those met again; each along its edges in their order, the fresh
        ones last. Sums are taken in that order in float32, one rounding an operation, so every
        backend returns the same bits.
Rule 4: a source that could not pass on the threshold along an edge of weight 1 of the heaviest kind
        is not read. Before a source is read its fan is taken from the edge budget; where that does
        not suffice, spreading ends: what was reached so far is applied and returned as partial.
Rule 5: activations lie in (0, 1]. A backend keeps nothing from one call to the next that could
        change an answer, whether the call ended, was cancelled or ran out of budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from engram.kernels.graph.parameters import SpreadParameters

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, I64, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.graph.association_graph import AssociationGraph

DEFAULT_PARAMETERS = SpreadParameters()
"""Used where a call names none."""


class Spread(NamedTuple):
    """What activation reached; m nodes in the order in which they were reached, seeds first."""

    rows: U32
    """uint32[m]: the nodes, each once."""
    activations: F32
    """float32[m] in (0, 1]."""
    parent_edges: I64
    """int64[m]: along which edge the strongest amount came on the level that first reached the
    node, of equal ones the first; -1 for a seed. Fresh edges are numbered after the others;
    `AssociationGraph.sources_of` names where an edge begins."""
    hops: U8
    """uint8[m]: the level that first reached the node, ascending."""
    edges_touched: int
    """How many edges were read."""
    is_partial: bool
    """Whether the edge budget ended it."""


class GraphKernels(Protocol):
    """Kernels over graphs of associations."""

    def spread(
        self,
        graph: AssociationGraph,
        seeds: U32,
        activations: F32,
        parameters: SpreadParameters = DEFAULT_PARAMETERS,
        *,
        cancel: CancelFlag | None = None,
    ) -> Spread:
        """Spread activation from the seeds over the graph, within the budget.

        Args:
            graph: the associations.
            seeds: uint32[s] nodes of the graph.
            activations: float32[s] in (0, 1].
            parameters: how activation fades, and when it stops.
            cancel: stops the call when it is set.

        Returns:
            What was reached; the arrays are new.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout, a seed is no node
                of the graph, or an activation lies outside (0, 1].
            KernelCancelled: `cancel` was set before the call ended.
        """
