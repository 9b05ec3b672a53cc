"""Edges under the row and label numbers of a compaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engram.state.association_view import HUB, NO_NODE, NO_NODES, NO_OWNER, PENDING, reach
from engram.state.associations import Associations
from engram.state.columns import PAGE_ROWS, PagedColumn

NewRows = Callable[[NDArray[np.int64]], NDArray[np.uint32]]


class NewLabels(Protocol):
    """The numbers of labels after a compaction."""

    def numbers(self, old: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return uint32[n]: the new numbers of labels that stay."""

    def known(self, old: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return uint32[n]: the new numbers of labels that others need, 0 for the rest."""


def renumbered(
    old: Associations, new_rows: NewRows, labels: NewLabels, row_count: int
) -> Associations:
    """Return edges under the row and label numbers of a compaction.

    `new_rows` returns uint32[n]: new numbers, NO_ROW for those that go; `row_count` are there
    afterwards. The nodes keep their numbers, so the edges are the same; those of a memory that
    goes lead nowhere.
    """
    owners = old.owners.take(np.arange(old.node_count)) if old.node_count else NO_NODES
    rows = np.flatnonzero(owners < HUB)
    hubs = np.flatnonzero((owners >= HUB) & (owners != NO_OWNER))
    owners[rows] = new_rows(owners[rows].astype(np.int64))
    numbers = labels.known(owners[hubs] & np.uint32(HUB - 1))
    owners[hubs] = np.where(numbers > 0, numbers | np.uint32(HUB), np.uint32(NO_OWNER))
    new = old.taking_edges(_whys(old, owners, labels))
    linked = new_rows(np.arange(old.linked_rows))
    new.linked_rows = int(np.count_nonzero(linked != NO_OWNER))
    late = new_rows(old.view().late_rows())
    new.late.append(late[late != NO_OWNER])
    new.owners.append(owners)
    kept = rows[owners[rows] != NO_OWNER]
    if len(kept):
        reach(new.row_nodes, row_count)
        new.row_nodes.set(owners[kept].astype(np.int64), kept.astype(np.uint32))
    _renumber_labels(old, new, new_rows, labels)
    return new


def _whys(old: Associations, owners: NDArray[np.uint32], labels: NewLabels) -> PagedColumn:
    """Return the column of reasons with new numbers; those of memories that go are gone."""
    new = PagedColumn("u4")
    for number, page in enumerate(old.columns["why"].pages):
        first = number * PAGE_ROWS
        values = page[: min(len(page), old.edge_count - first)].copy()
        told = np.flatnonzero(values)
        for name in ("source", "target"):
            ends = old.columns[name].pages[number][told]
            told = told[(ends != NO_NODE) & (owners[ends % max(len(owners), 1)] != NO_OWNER)]
        kept = labels.numbers(values[told])
        values[:] = 0
        values[told] = kept
        new.append(values)
    return new


def _renumber_labels(
    old: Associations, new: Associations, new_rows: NewRows, labels: NewLabels
) -> None:
    numbers = labels.known(np.arange(old.label_nodes.count, dtype=np.uint32))
    known = np.flatnonzero(numbers)
    if not len(known):
        return
    places = numbers[known].astype(np.int64)
    new.reach_labels(int(places.max()) + 1)
    nodes = old.label_nodes.take(known)
    waits = (nodes >= PENDING) & (nodes != NO_NODE)
    rows = new_rows((nodes[waits] & np.uint32(PENDING - 1)).astype(np.int64))
    nodes[waits] = np.where(rows == NO_NODE, np.uint32(NO_NODE), rows | np.uint32(PENDING))
    new.label_nodes.set(places, nodes)
    new.label_members.set(places, old.label_members.take(known))
    last = old.session_rows.take(known)
    spoken = last != NO_NODE
    last[spoken] = new_rows(last[spoken].astype(np.int64))
    new.session_rows.set(places, last)
