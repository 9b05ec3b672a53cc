"""What readers see of the edges of a space, and the numbers that stand for nothing."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from engram.state.columns import PAGE_ROWS, Array, PagedColumn, Pages, take

NO_NODE: Final = 0xFFFF_FFFF
"""Of a row or a label that no edge knows, and at both ends of an edge that was erased."""

NO_OWNER: Final = 0xFFFF_FFFF
"""Of a node whose memory or label is gone."""

HUB: Final = 1 << 31
"""With this bit the owner of a node is the number of a label, without it a row."""

PENDING: Final = 1 << 31
"""With this bit what a label has is no node: it is the row of the only memory with the label."""

NO_EDGE: Final = 0xFFFF_FFFF

EDGE_COLUMNS: Final[tuple[tuple[str, str], ...]] = (
    ("source", "u4"),
    ("target", "u4"),
    ("kind", "u1"),
    ("flags", "u1"),
    ("weight", "f4"),
    ("confidence", "f4"),
    ("why", "u4"),
)

NO_NODES: Final = np.zeros(0, np.uint32)

Edges = NDArray[np.int64]


class LabelLinks(NamedTuple):
    """What is kept of the first `label_count` labels, at one moment."""

    label_count: int
    nodes: Pages
    members: Pages
    sessions: Pages


class AssociationsView(msgspec.Struct, frozen=True):
    """The edges at one moment: the first `edge_count` of `columns`, between `node_count` nodes.

    `ended` has the edges that were ended and `ended_at` when, in that order, `ended_count` of them.
    The rows below `linked_rows` were linked to what they are like, but for those in `late` from
    place `late_first` to before `late_last`: their vectors came after that.
    Edges from number `run_edges[i]` on were made at `run_at[i]` (nanoseconds), up to the next run.
    `row_nodes` and `label_nodes` are the writer's own and may name nodes at or beyond `node_count`.
    """

    node_count: int
    edge_count: int
    ended_count: int
    run_count: int
    linked_rows: int
    late: Pages
    late_first: int
    late_last: int
    columns: dict[str, Pages]
    owners: Pages
    ended: Pages
    ended_at: Pages
    run_edges: Pages
    run_at: Pages
    row_nodes: PagedColumn
    label_nodes: PagedColumn

    def late_rows(self) -> NDArray[np.int64]:
        """Return int64[n]: rows that were passed before their vectors came, in that order."""
        places = np.arange(self.late_first, self.late_last)
        return take(self.late, places).astype(np.int64) if len(places) else places

    def gather(self, column: str, edges: Edges) -> Array:
        """Return the values of many edges."""
        if not len(edges):
            return _empty(column)
        pages = self.columns[column]
        # So many are quicker found in one run than sorted out by page.
        return np.concatenate(pages)[edges] if len(edges) > PAGE_ROWS else take(pages, edges)

    def owners_of(self, nodes: Array) -> NDArray[np.uint32]:
        """Return uint32[n]: a row, HUB and a label's number, or NO_OWNER."""
        return take(self.owners, nodes) if len(nodes) else np.zeros(0, np.uint32)

    def nodes_of(self, rows: Array) -> NDArray[np.uint32]:
        """Return uint32[n]: the node of each row, NO_NODE where it has none."""
        return self._known(nodes_at(self.row_nodes, rows))

    def node_of(self, row: int) -> int:
        """Return the node of a row, NO_NODE when it has none."""
        return self._known_one(self.row_nodes, row)

    def hub_of(self, label: int) -> int:
        """Return the node of a label, NO_NODE when no two memories have had it."""
        return self._known_one(self.label_nodes, label)

    def _known(self, nodes: NDArray[np.uint32]) -> NDArray[np.uint32]:
        nodes[nodes >= self.node_count] = NO_NODE
        return nodes

    def _known_one(self, column: PagedColumn, place: int) -> int:
        node = int(column.value(place)) if place < column.count else NO_NODE
        return node if node < self.node_count else NO_NODE

    def made_at(self, edges: Edges) -> NDArray[np.int64]:
        """Return int64[n]: when each edge was made, in nanoseconds."""
        if not len(edges):
            return np.zeros(0, np.int64)
        numbers = take(self.run_edges, np.arange(self.run_count))
        return take(self.run_at, np.searchsorted(numbers, edges, side="right") - 1)


def reach(column: PagedColumn, count: int) -> None:
    """Lengthen a column of nodes or rows to `count`, with NO_NODE."""
    more = count - column.count
    if more > 0:
        column.append(np.full(more, NO_NODE, np.uint32))


def nodes_at(column: PagedColumn, places: Array) -> NDArray[np.uint32]:
    """Return uint32[n]: what a column of nodes has at many places, NO_NODE beyond its end."""
    inside = places < column.count
    if len(places) and inside.all():
        return np.array(column.take(places))
    found = np.full(len(places), NO_NODE, np.uint32)
    if inside.any():
        found[inside] = column.take(places[inside].astype(np.int64))
    return found


def _empty(column: str) -> Array:
    return np.zeros(0, dict(EDGE_COLUMNS)[column])
