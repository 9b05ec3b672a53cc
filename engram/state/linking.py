"""The automatic edges of what is remembered: in its session, and to the hubs of its labels.

They follow from the event and the state alone. A label has a hub from the second living memory on;
before, its only memory is remembered as pending. When the memories of a hub are all gone the label
begins anew with another, so that nobody can tell whether it was compacted or erased meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.association import ALIVE_EDGE, AUTOMATIC, AssociationKind
from engram.model.limits import MENTIONS_MAX
from engram.state.association_view import HUB, NO_NODE, PENDING
from engram.state.associations import Associations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_TEMPORAL: Final = int(AssociationKind.TEMPORAL)
_MENTIONS: Final = int(AssociationKind.MENTIONS)
_FLAGS: Final = ALIVE_EDGE | AUTOMATIC


class LinkWeights(NamedTuple):
    """What the event says that its automatic edges weigh."""

    back: float
    onward: float
    mention: float
    mentioned: float


class Linked(NamedTuple):
    """Memories to be linked, in the order of their rows, as columns.

    `sessions` is int64[n], a label or 0. `mention_places` int64[m] says whose each of the labels
    `mentions` int64[m] is, counted from 0, ascending; each label once a memory.
    """

    rows: NDArray[np.int64]
    sessions: NDArray[np.int64]
    mention_places: NDArray[np.int64]
    mentions: NDArray[np.int64]


def distinct_mentions(labels: Sequence[int]) -> list[int]:
    """Return the labels by which one memory is linked: each once, the first ones."""
    return list(dict.fromkeys(labels))[:MENTIONS_MAX]


def trimmed(
    places: NDArray[np.int64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what `distinct_mentions` leaves of many memories' labels; `places` ascend."""
    if not len(places):
        return places, labels
    _, firsts = np.unique((places << 32) | labels, return_index=True)
    firsts.sort()
    places, labels = places[firsts], labels[firsts]
    begins = np.concatenate(([True], places[1:] != places[:-1]))
    rank = np.arange(len(places)) - np.flatnonzero(begins)[np.cumsum(begins) - 1]
    kept = rank < MENTIONS_MAX
    return places[kept], labels[kept]


def link_one(
    state: Associations,
    row: int,
    session: int,
    mentions: Sequence[int],
    weights: LinkWeights,
    at: int,
) -> None:
    """Link one memory: `link_many` for one, a value at a time. `at` is in nanoseconds."""
    state.reach_labels(max(session, *mentions, 0) + 1)
    before = int(state.session_rows.value(session)) if session else NO_NODE
    if session:
        state.session_rows.set_one(session, row)
    hubs: list[tuple[int, int, int]] = []  # label, its node or NO_NODE, its pending row or NO_NODE
    for label in mentions:
        members = int(state.label_members.value(label))
        known = int(state.label_nodes.value(label))
        state.label_members.set_one(label, members + 1)
        if not members:
            state.label_nodes.set_one(label, PENDING | row)
        elif known < PENDING:
            hubs.append((label, known, NO_NODE))
        else:
            hubs.append((label, NO_NODE, known & ~PENDING))
    if before == NO_NODE and not hubs:
        return
    state.begin_run(at)
    rows = {row, *(pending for _, _, pending in hubs if pending != NO_NODE)}
    if before != NO_NODE:
        rows.add(before)
    nodes = {each: state.ensure_node(each) for each in sorted(rows)}
    if before != NO_NODE:
        _both_ways(state, nodes[row], nodes[before], _TEMPORAL, weights[:2])
    for label, known, pending in hubs:
        hub = _made(state, label) if known == NO_NODE else known
        for member in (row,) if pending == NO_NODE else (pending, row):
            _both_ways(state, nodes[member], hub, _MENTIONS, weights[2:])


def _made(state: Associations, label: int) -> int:
    """Return the hub of a label, made now."""
    hub = state.node_count
    state.add_owners(np.array([HUB | label], np.uint32))
    state.label_nodes.set_one(label, hub)
    return hub


def _both_ways(
    state: Associations, one: int, other: int, kind: int, weights: Sequence[float]
) -> None:
    state.add_one(one, other, kind, _FLAGS, weights[0])
    state.add_one(other, one, kind, _FLAGS, weights[1])


def link_many(state: Associations, linked: Linked, weights: LinkWeights, at: int) -> None:
    """Link memories to those before them in their sessions, and to the hubs of their labels."""
    state.reach_labels(
        1 + max(int(linked.sessions.max(initial=0)), int(linked.mentions.max(initial=0)))
    )
    later, earlier = _in_sessions(state, linked)
    members, labels, hubs = _at_hubs(state, linked)
    ends = state.ensure_nodes(np.concatenate([later, earlier, members]))
    count = len(later)
    new = hubs == NO_NODE
    if new.any():
        distinct, firsts, inverse = np.unique(labels[new], return_index=True, return_inverse=True)
        order = np.argsort(firsts)
        numbers = np.empty(len(distinct), np.int64)
        numbers[order] = np.arange(state.node_count, state.node_count + len(distinct))
        state.add_owners((distinct[order] | HUB).astype(np.uint32))
        state.label_nodes.set(distinct, numbers.astype(np.uint32))
        hubs[new] = numbers[inverse]
    ones = np.concatenate([ends[:count], ends[2 * count :]])
    others = np.concatenate([ends[count : 2 * count], hubs.astype(np.uint32)])
    kinds = np.repeat(np.array([_TEMPORAL, _MENTIONS], np.uint8), [2 * count, 2 * len(members)])
    flat = len(kinds)
    weight = np.empty(flat, np.float32)
    weight[: 2 * count : 2], weight[1 : 2 * count : 2] = weights.back, weights.onward
    weight[2 * count :: 2], weight[2 * count + 1 :: 2] = weights.mention, weights.mentioned
    state.add(
        {
            "source": np.stack([ones, others], axis=1).reshape(-1),
            "target": np.stack([others, ones], axis=1).reshape(-1),
            "kind": kinds,
            "flags": np.full(flat, _FLAGS, np.uint8),
            "weight": weight,
            "confidence": np.ones(flat, np.float32),
            "why": np.zeros(flat, np.uint32),
        },
        at,
    )


def _in_sessions(
    state: Associations, linked: Linked
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that follow another in their session, and those others."""
    places = np.flatnonzero(linked.sessions)
    sessions, rows = linked.sessions[places], linked.rows[places]
    if not len(rows):
        return rows, rows
    order = np.argsort(sessions, kind="stable")
    sessions, rows = sessions[order], rows[order]
    begins = np.concatenate(([True], sessions[1:] != sessions[:-1]))
    earlier = np.empty(len(rows), np.int64)
    earlier[1:] = rows[:-1]
    known = [int(state.session_rows.value(each)) for each in sessions[begins].tolist()]
    earlier[begins] = known
    ends = np.append(np.flatnonzero(begins)[1:] - 1, len(rows) - 1)
    state.session_rows.set(sessions[ends], rows[ends].astype(np.uint32))
    follows = earlier != NO_NODE
    rows, earlier = rows[follows], earlier[follows]
    by_row = np.argsort(rows)
    return rows[by_row], earlier[by_row]


def _at_hubs(
    state: Associations, linked: Linked
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of a row and a label that an edge is due to, and the label's hub.

    The hub is NO_NODE where it is still to be made; a pending memory comes before the first other.
    """
    labels, rows = linked.mentions, linked.rows[linked.mention_places]
    if not len(labels):
        return rows, labels, labels.copy()
    distinct, firsts, inverse, counts = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    members = np.array([int(state.label_members.value(n)) for n in distinct.tolist()], np.int64)
    known = np.array([int(state.label_nodes.value(n)) for n in distinct.tolist()], np.int64)
    alone = (members == 0) & (counts == 1)
    state.label_nodes.set(distinct[alone], (rows[firsts[alone]] | PENDING).astype(np.uint32))
    state.label_members.set(distinct, (members + counts).astype(np.uint32))
    hubs = np.where((members > 0) & (known < PENDING), known, NO_NODE)
    waits = (members > 0) & (known >= PENDING)
    due = ~alone[inverse]
    keys = np.concatenate([2 * np.arange(len(labels))[due] + 1, 2 * firsts[waits]])
    order = np.argsort(keys)
    all_rows = np.concatenate([rows[due], known[waits] & ~PENDING])[order]
    all_labels = np.concatenate([labels[due], distinct[waits]])[order]
    all_hubs = np.concatenate([hubs[inverse][due], hubs[waits]])[order]
    return all_rows, all_labels, all_hubs


def unlink(
    state: Associations,
    row: int,
    session: int,
    mentions: Sequence[int],
    is_living: Callable[[int], bool],
) -> None:
    """Take a linked memory that goes out of the accounts of its session and its labels.

    The session goes on behind the memory before it, if that one is still there.
    """
    for label in mentions:
        state.label_members.set_one(label, int(state.label_members.value(label)) - 1)
    if session and int(state.session_rows.value(session)) == row:
        state.session_rows.set_one(session, _one_before(state, row, is_living))


def _one_before(state: Associations, row: int, is_living: Callable[[int], bool]) -> int:
    """Return the living row that the automatic edge back in its session leads to, or NO_NODE."""
    node = int(state.row_nodes.value(row)) if row < state.row_nodes.count else NO_NODE
    for edge in state.edges_from(node) if node != NO_NODE else ():
        values = {
            name: int(state.columns[name].value(edge)) for name in ("target", "kind", "flags")
        }
        if values["kind"] == _TEMPORAL and values["flags"] & AUTOMATIC:
            owner = int(state.owners.value(values["target"]))
            if owner < row and is_living(owner):
                return owner
    return NO_NODE
