"""The edges of a space as columns: facts only, from which a graph is derived.

A **node** stands for a memory (its row) or for a label (a hub: all that have the label lead to it
and are led to by it). Nodes are numbered as they are made and keep their numbers; a compaction
only writes anew whose they are. Edges are added at the end and ended, never changed. An edge is
there when it was not ended and both its ends live, so forgetting a memory touches no edge.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.model.association import ALIVE_EDGE, AUTOMATIC, AssociationKind
from engram.state.association_view import (
    EDGE_COLUMNS,
    HUB,
    NO_EDGE,
    NO_NODE,
    NO_NODES,
    NO_OWNER,
    AssociationsView,
    Edges,
    LabelLinks,
    nodes_at,
    reach,
)
from engram.state.columns import PAGE_MASK, PAGE_ROWS, PAGE_SHIFT, Array, PagedColumn

_NO_REASONS: Final = np.zeros(PAGE_ROWS, np.uint32)


class Associations:
    """Nodes and edges of one space; changed by `apply` only, replaced whole by a compaction."""

    def __init__(self) -> None:
        self.columns = {name: PagedColumn(dtype) for name, dtype in EDGE_COLUMNS}
        self.owners = PagedColumn("u4")
        self.ended = PagedColumn("u4")
        self.ended_at = PagedColumn("i8")
        self.run_edges = PagedColumn("u4")
        self.run_at = PagedColumn("i8")
        self.row_nodes = PagedColumn("u4")
        # By label: a node, PENDING and a row, or NO_NODE; how many living memories are linked by
        # it; and of a session the row of its last memory.
        self.label_nodes = PagedColumn("u4")
        self.label_members = PagedColumn("u4")
        self.session_rows = PagedColumn("u4")
        # Each node's newest edge, and to each edge the one before from the same node. Derived.
        self._heads = PagedColumn("u4")
        self._before = PagedColumn("u4")
        self.linked_rows = 0
        # Rows below it whose vectors came later; those before place `late_first` are linked too.
        self.late = PagedColumn("u4")
        self.late_first = 0
        self._view: AssociationsView | None = None

    @property
    def node_count(self) -> int:
        """How many nodes were made."""
        return self.owners.count

    @property
    def edge_count(self) -> int:
        """How many edges were made, ended ones included."""
        return self._before.count

    @property
    def resident_bytes(self) -> int:
        """Bytes of all columns."""
        shared = sum(page is _NO_REASONS for page in self.columns["why"].pages)
        held = sum(column.resident_bytes for column in self.parts().values())
        return held - shared * _NO_REASONS.nbytes

    def parts(self) -> dict[str, PagedColumn]:
        """Return all columns by name."""
        return {
            **self.columns,
            "owners": self.owners,
            "ended": self.ended,
            "ended_at": self.ended_at,
            "run_edges": self.run_edges,
            "run_at": self.run_at,
            "row_nodes": self.row_nodes,
            "label_nodes": self.label_nodes,
            "label_members": self.label_members,
            "session_rows": self.session_rows,
            "late": self.late,
            "heads": self._heads,
            "before": self._before,
        }

    def view(self) -> AssociationsView:
        """Return what a reader may hold while edges are added and ended."""
        if self._view is None:
            self._view = AssociationsView(
                node_count=self.owners.count,
                edge_count=self.edge_count,
                ended_count=self.ended.count,
                run_count=self.run_at.count,
                linked_rows=self.linked_rows,
                late=self.late.view(),
                late_first=self.late_first,
                late_last=self.late.count,
                columns={name: column.view() for name, column in self.columns.items()},
                owners=self.owners.view(),
                ended=self.ended.view(),
                ended_at=self.ended_at.view(),
                run_edges=self.run_edges.view(),
                run_at=self.run_at.view(),
                row_nodes=self.row_nodes,
                label_nodes=self.label_nodes,
            )
        return self._view

    def label_links(self) -> LabelLinks:
        """Return what is kept by label, for a snapshot."""
        nodes, members, sessions = self.label_nodes, self.label_members, self.session_rows
        return LabelLinks(nodes.count, nodes.view(), members.view(), sessions.view())

    def load(self) -> None:
        """Derive what is not in a snapshot, once all else was filled in."""
        count = self.columns["source"].count
        for number in range(count >> PAGE_SHIFT):
            self._share(number)
        self._heads.append(np.full(self.node_count, NO_EDGE, np.uint32))
        self._chain(self.columns["source"].take(np.arange(count)) if count else NO_NODES)
        owners = self.owners.take(np.arange(self.node_count)) if self.node_count else NO_NODES
        nodes = np.flatnonzero(owners < HUB)
        if len(nodes):
            reach(self.row_nodes, int(owners[nodes].max()) + 1)
            self.row_nodes.set(owners[nodes].astype(np.int64), nodes.astype(np.uint32))

    # Nodes

    def ensure_nodes(self, rows: NDArray[np.int64]) -> NDArray[np.uint32]:
        """Return uint32[n]: the node of each row; those that have none are given one, in order."""
        if not len(rows):
            return np.zeros(0, np.uint32)
        reach(self.row_nodes, int(rows.max()) + 1)
        nodes = nodes_at(self.row_nodes, rows)
        bare = np.unique(rows[nodes == NO_NODE])
        if len(bare):
            first = self.node_count
            made = np.arange(first, first + len(bare), dtype=np.uint32)
            self.add_owners(bare.astype(np.uint32))
            self.row_nodes.set(bare, made)
            nodes = nodes_at(self.row_nodes, rows)
        return nodes

    def ensure_node(self, row: int) -> int:
        """Return the node of a row, made when it has none."""
        reach(self.row_nodes, row + 1)
        node = int(self.row_nodes.value(row))
        if node == NO_NODE:
            node = self.node_count
            self.add_owners(np.array([row], np.uint32))
            self.row_nodes.set_one(row, node)
        return node

    def add_owners(self, owners: NDArray[np.uint32]) -> None:
        """Make a node for each owner."""
        self.owners.append(owners)
        self._heads.append(np.full(len(owners), NO_EDGE, np.uint32))
        self._view = None

    def reach_labels(self, count: int) -> None:
        """Make room for what is kept of as many labels."""
        reach(self.label_nodes, count)
        reach(self.session_rows, count)
        self.label_members.append_zeros(max(0, count - self.label_members.count))

    # Edges

    def add(self, edges: dict[str, Array], at: int) -> None:
        """Add edges, a column an entry of EDGE_COLUMNS; they were made at `at` (nanoseconds)."""
        if not len(edges["source"]):
            return
        self.begin_run(at)
        first = self.edge_count >> PAGE_SHIFT
        for name, column in self.columns.items():
            column.append(edges[name])
        self._chain(edges["source"])
        for number in range(first, self.edge_count >> PAGE_SHIFT):
            self._share(number)

    def _share(self, number: int) -> None:
        """Keep a full page without any reason, as most are, only once."""
        if not self.columns["why"].pages[number].any():
            self.columns["why"].share_page(number, _NO_REASONS)

    def _chain(self, sources: NDArray[np.uint32]) -> None:
        """Put the edges that were added behind the others of their nodes."""
        first, count = self._before.count, len(sources)
        order = np.argsort(sources, kind="stable")
        order = order[: np.searchsorted(sources[order], NO_NODE)]  # those behind were wiped
        before = np.full(count, NO_EDGE, np.uint32)
        if len(order):
            ordered = sources[order].astype(np.int64)
            numbers = (first + order).astype(np.uint32)
            begins = np.concatenate(([True], ordered[1:] != ordered[:-1]))
            before[order[1:]] = numbers[:-1]
            before[order[begins]] = self._heads.take(ordered[begins])
            ends = np.append(np.flatnonzero(begins)[1:] - 1, len(order) - 1)
            self._heads.set(ordered[ends], numbers[ends])
        self._before.append(before)

    def add_one(self, source: int, target: int, kind: int, flags: int, weight: float) -> None:
        """Add an edge that is certain and gives no reason, in the run that was begun."""
        number, columns = self.edge_count, self.columns
        columns["source"].append_one(source)
        columns["target"].append_one(target)
        columns["kind"].append_one(kind)
        columns["flags"].append_one(flags)
        columns["weight"].append_one(weight)
        columns["confidence"].append_one(1.0)
        columns["why"].append_one(0)
        self._before.append_one(self._heads.value(source))
        self._heads.set_one(source, number)
        if not self.edge_count & PAGE_MASK:
            self._share(number >> PAGE_SHIFT)

    def begin_run(self, at: int) -> None:
        """Say when the edges were made that are added from now on (nanoseconds)."""
        if not self.run_at.count or int(self.run_at.value(self.run_at.count - 1)) != at:
            self.run_edges.append_one(self.edge_count)
            self.run_at.append_one(at)
        self._view = None

    def note_linked(self, rows: int) -> None:
        """Note that the rows below `rows` were linked to what they are like; 0: none is."""
        self.linked_rows, self._view = rows, None
        if not rows:
            self.note_late_linked(self.late.count)

    def add_late(self, rows: NDArray[np.uint32]) -> None:
        """Note that rows were given vectors; those that were passed already are to be linked."""
        passed = rows[rows < self.linked_rows]
        if len(passed):
            self.late.append(passed)
            self._view = None

    def note_late_linked(self, place: int) -> None:
        """Note that the late rows before a place were linked as well."""
        self.late_first, self._view = place, None
        if place == self.late.count:
            self.late, self.late_first = PagedColumn("u4"), 0

    def end(self, edges: Edges, at: int) -> None:
        """End living edges, each named once."""
        if not len(edges):
            return
        flags = self.columns["flags"].take(edges)
        self.columns["flags"].set(edges, flags & np.uint8(0xFF - ALIVE_EDGE))
        self.ended.append(edges.astype(np.uint32))
        self.ended_at.append(np.full(len(edges), at, np.int64))
        self._view = None

    def wipe(self, nodes: NDArray[np.uint32]) -> None:
        """Leave nothing of nodes and of the edges they have: their memories were erased."""
        gone = np.zeros(self.node_count + 1, bool)
        gone[nodes] = True
        for number, (sources, targets) in enumerate(
            zip(self.columns["source"].pages, self.columns["target"].pages, strict=True)
        ):
            inside = min(len(sources), self.edge_count - (number << 16))
            last = self.node_count  # what is wiped already is NO_NODE
            touched = gone[np.minimum(sources[:inside], last)]
            touched |= gone[np.minimum(targets[:inside], last)]
            edges = np.flatnonzero(touched) + (number << 16)
            for name, column in self.columns.items() if len(edges) else ():
                column.set(edges, NO_NODE if name in ("source", "target") else 0)
        self.owners.set(nodes.astype(np.int64), NO_OWNER)
        self._heads.set(nodes.astype(np.int64), NO_EDGE)
        self._view = None

    def taking_edges(self, why: PagedColumn) -> Associations:
        """Return other associations with the edges of these, their reasons aside, and no nodes.

        The owners are to be added by whoever takes them, one for each node there is.
        """
        new = Associations()
        new.columns = {**self.columns, "why": why}
        new.ended, new.ended_at = self.ended, self.ended_at
        new.run_edges, new.run_at = self.run_edges, self.run_at
        new._heads, new._before = self._heads, self._before
        return new

    def edges_from(self, node: int) -> list[int]:
        """Return the living edges that leave a node, newest first; their ends need not live."""
        found, edge = [], int(self._heads.value(node))
        flags = self.columns["flags"]
        while edge != NO_EDGE:
            if int(flags.value(edge)) & ALIVE_EDGE:
                found.append(edge)
            edge = int(self._before.value(edge))
        return found

    def find(
        self,
        sources: NDArray[np.uint32],
        targets: NDArray[np.uint32],
        kinds: NDArray[np.uint8],
    ) -> NDArray[np.int64]:
        """Return int64[n]: the living edge with these ends and this kind, -1 where there is none.

        Takes as many steps as the source with the most edges has of them.
        """
        found = np.full(len(sources), -1, np.int64)
        open_places = np.flatnonzero((sources != NO_NODE) & (targets != NO_NODE))
        if not len(open_places):
            return found
        edges = self._heads.take(sources[open_places].astype(np.int64))
        while len(open_places):
            there = edges != NO_EDGE
            open_places, edges = open_places[there], edges[there].astype(np.int64)
            if not len(open_places):
                break
            value = self._values(edges)
            is_it = (value["target"] == targets[open_places]) & (
                value["kind"] == kinds[open_places]
            )
            is_it &= (value["flags"] & ALIVE_EDGE) != 0
            found[open_places[is_it]] = edges[is_it]
            open_places, edges = open_places[~is_it], edges[~is_it]
            edges = self._before.take(edges) if len(edges) else edges
        return found

    def automatic_counts(self, nodes: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return int64[n]: how many living automatic edges leave each node, citations aside."""
        counts = np.zeros(len(nodes), np.int64)
        places = np.flatnonzero(nodes != NO_NODE)
        edges = self._heads.take(nodes[places].astype(np.int64)) if len(places) else nodes[:0]
        wanted = np.uint8(ALIVE_EDGE | AUTOMATIC)
        while True:
            there = edges != NO_EDGE
            places, edges = places[there], edges[there].astype(np.int64)
            if not len(places):
                return counts
            counted = (self.columns["flags"].take(edges) & wanted) == wanted
            counted &= self.columns["kind"].take(edges) != AssociationKind.DERIVED
            counts[places] += counted
            edges = self._before.take(edges)

    def _values(self, edges: Edges) -> dict[str, Array]:
        return {name: self.columns[name].take(edges) for name in ("target", "kind", "flags")}
