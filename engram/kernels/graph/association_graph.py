"""A graph of associations as immutable columns: compressed sparse rows and the edges since."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.kernels.addresses import address
from engram.kernels.graph.layout import GraphLayout
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, I64, U8, U32

EDGE: Final = np.dtype([("target", "<u4"), ("weight", "<f4")])
"""An edge: the node it leads to and its weight in (0, 1], beside each other in eight bytes."""

_NODES_MAX = 2**32 - 1  # a node is uint32
_EDGES_MAX = 2**32 - 1  # so are the numbers of edges, and the last stands for none
_CHECK_EDGES = 1 << 18
_FAN_TABLES_MAX = 4


class FreshEdges(NamedTuple):
    """Edges that came after the graph's columns were built, of few nodes."""

    sources: U32
    """uint32[m]: the nodes they leave, ascending, each once."""
    offsets: I64
    """int64[m + 1]: where each node's edges begin, and where the last one's end."""
    edges: NDArray[np.void]
    """EDGE[e]."""
    kinds: U8 | None = None
    """uint8[e], exactly when the graph has kinds."""


class AssociationGraph:
    """Edges in compressed sparse rows; a node's edges keep their order.

    Checked once, here: the columns must not be written from then on. Any number of threads may use
    one graph. Parallel edges and edges to oneself are edges like others.

    Args:
        offsets: int64[n + 1], from 0 to e: node i has the edges `offsets[i]` to `offsets[i + 1]`.
        edges: EDGE[e].
        kinds: uint8[e], the kind of each edge; without, every edge has kind 0.
        fresh: edges since; they count as the last of their nodes.

    Raises:
        InvalidRequest: a column has another dtype, shape or layout, offsets do not ascend, a
            target is no node, or a weight is not in (0, 1].
    """

    __slots__ = (
        "_fan_tables", "_layout", "address", "edges", "edges_count", "fan_max", "fresh",
        "fresh_bits", "kinds", "nodes_count", "offsets",
    )  # fmt: skip

    def __init__(
        self,
        offsets: I64,
        edges: NDArray[np.void],
        kinds: U8 | None = None,
        fresh: FreshEdges | None = None,
    ) -> None:
        violations = _column_violations("", offsets, edges, kinds)
        if not violations:
            violations = _content_violations("", offsets, edges, max(0, len(offsets) - 1))
        if violations:
            raise InvalidRequest(*violations)
        self.offsets, self.edges, self.kinds = offsets, edges, kinds
        self.nodes_count = len(offsets) - 1
        self.edges_count = len(edges)
        self.fan_max = int(np.diff(offsets).max(initial=0))
        self._take_fresh(fresh)

    def with_fresh(self, fresh: FreshEdges | None) -> Self:
        """Return this graph with other fresh edges; only they are checked.

        Raises:
            InvalidRequest: a column of `fresh` breaks its contract.
        """
        graph = type(self).__new__(type(self))
        graph.offsets, graph.edges, graph.kinds = self.offsets, self.edges, self.kinds
        graph.nodes_count, graph.edges_count = self.nodes_count, self.edges_count
        graph.fan_max = self.fan_max
        graph._take_fresh(fresh)  # noqa: SLF001 - of this class
        return graph

    def without(self, positions: I64) -> Self:
        """Return this graph without the edges at some positions, and without fresh edges.

        What is left was checked before.
        """
        kept = np.ones(self.edges_count, bool)
        kept[positions] = False
        sources = np.searchsorted(self.offsets, positions, side="right") - 1
        graph = type(self).__new__(type(self))
        graph.offsets = self.offsets.copy()
        graph.offsets[1:] -= np.cumsum(np.bincount(sources, minlength=self.nodes_count))
        graph.edges = self.edges.view(np.uint64)[kept].view(EDGE)
        graph.kinds = None if self.kinds is None else self.kinds[kept]
        graph.nodes_count, graph.edges_count = self.nodes_count, len(graph.edges)
        graph.fan_max = int(np.diff(graph.offsets).max(initial=0))
        graph._take_fresh(None)  # noqa: SLF001 - of this class
        return graph

    def sources_of(self, edges: I64) -> I64:
        """Return the node each edge number begins at, -1 for -1 (`Spread.parent_edges`)."""
        sources = np.searchsorted(self.offsets, edges, side="right") - 1
        if self.fresh is not None:
            late = edges >= self.edges_count
            numbers = edges[late] - self.edges_count
            places = np.searchsorted(self.fresh.offsets, numbers, side="right") - 1
            sources[late] = self.fresh.sources[places]
        sources[edges < 0] = -1
        return sources.astype(np.int64, copy=False)

    def fan_scales(self, exponent: float) -> F32:
        """Return float32[fan_max + 1]: fan to the power -exponent, 0 for no edge at all."""
        return self.fan_table(exponent)[0]

    def fan_table(self, exponent: float) -> tuple[F32, int]:
        """Return `fan_scales` and its address, for as long as the array is held."""
        table = self._fan_tables.get(exponent)
        if table is None:
            scales = np.zeros(self.fan_max + 1, np.float32)
            scales[1:] = np.arange(1.0, self.fan_max + 1) ** -exponent
            if len(self._fan_tables) >= _FAN_TABLES_MAX:
                self._fan_tables.clear()
            table = self._fan_tables[exponent] = scales, address(scales)
        return table

    def _take_fresh(self, fresh: FreshEdges | None) -> None:
        self.fresh: FreshEdges | None = None
        self.fresh_bits: U8 | None = None
        if fresh is not None and len(fresh.sources) > 0:
            self._check_fresh(fresh)
            self.fresh = fresh
            sources = fresh.sources.astype(np.int64)
            self.fresh_bits = np.zeros((self.nodes_count + 7) // 8, np.uint8)
            np.bitwise_or.at(
                self.fresh_bits, sources // 8, np.left_shift(1, sources % 8).astype(np.uint8)
            )
            fans = self.offsets[sources + 1] - self.offsets[sources] + np.diff(fresh.offsets)
            self.fan_max = max(self.fan_max, int(fans.max()))
        self._fan_tables: dict[float, tuple[F32, int]] = {}
        self._layout = self._laid_out()
        self.address = ctypes.addressof(self._layout)

    def _check_fresh(self, fresh: FreshEdges) -> None:
        violations = _column_violations("fresh ", fresh.offsets, fresh.edges, fresh.kinds)
        violations += _array_violations("fresh sources", fresh.sources, np.dtype(np.uint32))
        if (fresh.kinds is None) != (self.kinds is None):
            violations.append("fresh edges must have kinds exactly when the graph has them")
        if not violations:
            if len(fresh.offsets) != len(fresh.sources) + 1:
                violations.append("fresh offsets must be one more than fresh sources")
            if np.any(fresh.sources[1:] <= fresh.sources[:-1]):
                violations.append("fresh sources must ascend, each once")
            if int(fresh.sources.max()) >= self.nodes_count:
                violations.append(f"fresh sources must be nodes below {self.nodes_count}")
            if self.edges_count + len(fresh.edges) > _EDGES_MAX:
                violations.append(f"edges must be at most {_EDGES_MAX} in all")
            violations += _content_violations(
                "fresh ", fresh.offsets, fresh.edges, self.nodes_count
            )
        if violations:
            raise InvalidRequest(*violations)

    def _laid_out(self) -> GraphLayout:
        layout = GraphLayout(
            bytes=ctypes.sizeof(GraphLayout),
            nodes_count=self.nodes_count,
            edges_count=self.edges_count,
            offsets=address(self.offsets),
            edges=address(self.edges),
            kinds=None if self.kinds is None else address(self.kinds),
        )
        if self.fresh is not None and self.fresh_bits is not None:
            layout.fresh_bits = address(self.fresh_bits)
            layout.fresh_sources = address(self.fresh.sources)
            layout.fresh_sources_count = len(self.fresh.sources)
            layout.fresh_offsets = address(self.fresh.offsets)
            layout.fresh_edges = address(self.fresh.edges)
            layout.fresh_kinds = None if self.fresh.kinds is None else address(self.fresh.kinds)
        return layout


def _column_violations(prefix: str, offsets: object, edges: object, kinds: object) -> list[str]:
    violations = [
        *_array_violations(f"{prefix}offsets", offsets, np.dtype(np.int64)),
        *_array_violations(f"{prefix}edges", edges, EDGE),
    ]
    if kinds is not None:
        violations += _array_violations(f"{prefix}kinds", kinds, np.dtype(np.uint8))
    if not violations and isinstance(edges, np.ndarray):
        if isinstance(kinds, np.ndarray) and len(kinds) != len(edges):
            violations.append(f"{prefix}kinds has {len(kinds)} elements for {len(edges)} edges")
        if len(edges) > _EDGES_MAX:
            violations.append(f"{prefix}edges must be at most {_EDGES_MAX}, not {len(edges)}")
    return violations


def _array_violations(name: str, value: object, dtype: np.dtype[np.generic]) -> list[str]:
    if not isinstance(value, np.ndarray):
        return [f"{name} must be a numpy array, not {type(value).__name__}"]
    violations = []
    if value.dtype != dtype:
        violations.append(f"{name} must hold {dtype}, not {value.dtype}")
    if value.ndim != 1:
        violations.append(f"{name} must have 1 axis, not {value.ndim}")
    if not value.flags.c_contiguous or not value.flags.aligned:
        violations.append(f"{name} must be contiguous and aligned; pass a copy")
    return violations


def _content_violations(
    prefix: str, offsets: I64, edges: NDArray[np.void], nodes_count: int
) -> list[str]:
    violations = []
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(edges):
        violations.append(f"{prefix}offsets must begin with 0 and end with {len(edges)}")
    if np.any(offsets[1:] < offsets[:-1]):
        violations.append(f"{prefix}offsets must not descend")
    if nodes_count > _NODES_MAX:
        violations.append(f"nodes must be at most {_NODES_MAX}, not {nodes_count}")
    are_targets_nodes = are_weights_right = True
    for start in range(0, len(edges), _CHECK_EDGES):
        block = edges[start : start + _CHECK_EDGES]
        are_targets_nodes &= bool(block["target"].max() < nodes_count)
        # `all in range` rather than `none outside`: a NaN is in no range.
        weights = block["weight"]
        are_weights_right &= bool(weights.min() > 0 and weights.max() <= 1)
    if not are_targets_nodes:
        violations.append(f"{prefix}edges must lead to nodes below {nodes_count}")
    if not are_weights_right:
        violations.append(f"{prefix}edges must weigh more than 0 and at most 1")
    return violations
