"""What the ways of a spread are.

Rule 1: along its parent edges every reached node hangs on a seed: a tree. A way to a listed node is
        an edge that leads to it from a reached node, and before that the way of the tree to that
        node. One that passes the listed node itself is none.
Rule 2: the edges of reached nodes are looked through in the order in which those were reached,
        `edges_max` at most in all and those of a node wholly or not at all; beside them the fresh
        ones of all of them. Of the edges to a listed node the `ways_max` are taken over which most
        activation could come, float32 activation times weight; of equal ones the lower number.
Rule 3: everything is exact: the same in every backend.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, I64, U8, U32
    from engram.kernels.graph.association_graph import AssociationGraph
    from engram.kernels.graph.protocol import Spread


class Trails(NamedTuple):
    """The w ways to t listed nodes, those to each side by side, best first; e edges in all."""

    counts: U32
    """uint32[t]: how many lead to each."""
    lengths: U32
    """uint32[w]: how many edges each has, 1 or more."""
    nodes: U32
    """uint32[e + w]: the nodes of each, the seed first, the listed one last."""
    edges: I64
    """int64[e]: the edges between them; fresh edges are numbered after the others."""
    weights: F32
    """float32[e]."""
    kinds: U8
    """uint8[e]; 0 where the graph has none."""


class TrailKernels(Protocol):
    """Kernels over what a spread reached."""

    def trails(
        self,
        graph: AssociationGraph,
        spread: Spread,
        listed: U32,
        *,
        ways_max: int,
        edges_max: int,
    ) -> Trails:
        """Return the ways to some of what a spread reached.

        Args:
            graph: what activation spread over.
            spread: what came of it, as `GraphKernels.spread` returned it.
            listed: uint32[t] places in the spread, each once.
            ways_max: to each of them, at most; 1 to 256.
            edges_max: edges looked through, at most; 0 or more.

        Returns:
            The ways; the arrays are new.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout, or `spread` is
                none of `graph`.
            ArenaExhausted: the Zig backend's arena has no twelve bytes a way that there may be.
        """
