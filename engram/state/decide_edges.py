"""Deciding about edges between memories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.association import AUTOMATIC, AssociationKind
from engram.model.commands import ANY_KIND
from engram.model.errors import AssociationNotFound, InvalidRequest, MemoryNotFound
from engram.model.events import Associated, Dissociated
from engram.model.ids import MemoryId
from engram.model.limits import AUTOMATIC_EDGES_MAX
from engram.state.apply_edges import nodes_of_rows, rows_living
from engram.state.association_view import NO_NODE
from engram.state.outcomes import Decision, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.model.commands import Associate, Dissociate
    from engram.state.space import SpaceState

_KINDS_MAX: Final = max(AssociationKind)


class Ends(NamedTuple):
    """The ends of edges: int64[n] rows and uint32[n] nodes, NO_NODE of a row that has none."""

    source_rows: NDArray[np.int64]
    target_rows: NDArray[np.int64]
    sources: NDArray[np.uint32]
    targets: NDArray[np.uint32]


def decide_associate(state: SpaceState, space: str, command: Associate, now: int) -> Decision:
    """Make edges; of two with the same ends and kind the later one counts.

    Automatic ones beyond those a memory may have are left out in silence.
    """
    ends = _ends(state, space, command, now)
    kinds = np.frombuffer(command.kinds, "u1")
    _check_numbers(command, kinds)
    known = state.associations.find(ends.sources, ends.targets, kinds)
    kept = _last_ones(ends, kinds)
    kept &= within_limits(state, ends, np.frombuffer(command.flags, "u1"), kept & (known < 0)) | (
        known >= 0
    )
    created = kept & (known < 0)
    outcome = Outcome((), created)
    if not kept.any():
        return Decision([], [outcome], 1)
    return Decision([(_event(command, kept, now), b"")], [outcome], 1)


def _ends(state: SpaceState, space: str, command: Associate, now: int) -> Ends:
    rows = []
    for raw in (command.sources, command.targets):
        found = rows_living(state, raw, now)
        if (found < 0).any():
            missing = np.frombuffer(raw, "<u8").reshape(-1, 2)[int(np.argmin(found))]
            raise MemoryNotFound(str(MemoryId(*missing.tolist())), space)
        rows.append(found)
    if (rows[0] == rows[1]).any():
        raise InvalidRequest("an association leads from one memory to another, not to itself")
    sources, targets = (nodes_of_rows(state, each) for each in rows)
    return Ends(rows[0], rows[1], sources, targets)


def _check_numbers(command: Associate, kinds: NDArray[np.uint8]) -> None:
    weights = np.frombuffer(command.weights, "<f4")
    confidences = np.frombuffer(command.confidences, "<f4")
    violations = []
    if not ((weights > 0) & (weights <= 1)).all():
        violations.append("weight must be more than 0 and at most 1")
    if not ((confidences >= 0) & (confidences <= 1)).all():
        violations.append("confidence must be from 0 to 1")
    if (kinds > _KINDS_MAX).any():
        violations.append(f"association kinds are the numbers 0 to {int(_KINDS_MAX)}")
    if violations:
        raise InvalidRequest(*violations)


def _last_ones(ends: Ends, kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return bool[n]: of edges with the same ends and kind the last."""
    keys = np.stack([ends.source_rows, ends.target_rows, kinds.astype(np.int64)], axis=1)[::-1]
    _, firsts = np.unique(keys, axis=0, return_index=True)
    kept = np.zeros(len(kinds), bool)
    kept[len(kinds) - 1 - firsts] = True
    return kept


def within_limits(
    state: SpaceState, ends: Ends, flags: NDArray[np.uint8], fresh: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return bool[n]: False for automatic edges beyond those that may leave their source."""
    allowed = np.ones(len(flags), bool)
    automatic = np.flatnonzero(fresh & ((flags & AUTOMATIC) != 0))
    if not len(automatic):
        return allowed
    rows, firsts, inverse = np.unique(
        ends.source_rows[automatic], return_index=True, return_inverse=True
    )
    held = state.associations.automatic_counts(ends.sources[automatic][firsts])
    order = np.argsort(inverse, kind="stable")
    begins = np.searchsorted(inverse[order], np.arange(len(rows)))
    rank = np.empty(len(automatic), np.int64)
    rank[order] = np.arange(len(automatic)) - begins[inverse[order]]
    allowed[automatic] = held[inverse] + rank < AUTOMATIC_EDGES_MAX
    return allowed


def _event(command: Associate, kept: NDArray[np.bool_], now: int) -> Associated:
    def column(data: bytes, dtype: str, width: int = 1) -> bytes:
        return data if kept.all() else np.frombuffer(data, dtype).reshape(-1, width)[kept].tobytes()

    return Associated(
        count=int(kept.sum()),
        sources=column(command.sources, "<u8", 2),
        targets=column(command.targets, "<u8", 2),
        kinds=column(command.kinds, "u1"),
        flags=column(command.flags, "u1"),
        weights=column(command.weights, "<f4"),
        confidences=column(command.confidences, "<f4"),
        whys=column(command.whys, "<u4"),
        labels=command.labels,
        at=now,
    )


def decide_dissociate(state: SpaceState, space: str, command: Dissociate, now: int) -> Decision:
    """End the edges from one memory to another, of one kind or of all there are."""
    rows = [state.row_of(*each, now) for each in (command.source, command.target)]
    for row, each in zip(rows, (command.source, command.target), strict=True):
        if row is None:
            raise MemoryNotFound(str(each), space)
    source, target = nodes_of_rows(state, np.array(rows, np.int64)).tolist()
    associations, columns = state.associations, state.associations.columns
    edges = [] if NO_NODE in (source, target) else associations.edges_from(source)
    kinds = sorted(
        int(columns["kind"].value(edge))
        for edge in edges
        if int(columns["target"].value(edge)) == target
    )
    if command.kind != ANY_KIND:
        kinds = [kind for kind in kinds if kind == command.kind]
    if not kinds:
        label = None if command.kind == ANY_KIND else AssociationKind(command.kind).label
        raise AssociationNotFound(str(command.source), str(command.target), label, space)
    sources, targets = (
        np.array([each] * len(kinds), "<u8").tobytes() for each in (command.source, command.target)
    )
    outcome = Outcome((), (False,) * len(kinds))
    return Decision([(Dissociated(sources, targets, bytes(kinds), now), b"")], [outcome], 1)
