"""Deciding about links to what is alike, found in the background and perhaps late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.model.association import (
    AUTOMATIC,
    AUTOMATIC_CONFIDENCE,
    NEAR_DUPLICATE,
    AssociationKind,
)
from engram.model.events import Associated, Linked, LinkedLate
from engram.state.apply_edges import living, nodes_of_rows
from engram.state.decide_edges import Ends, within_limits
from engram.state.outcomes import Decision, Outcome
from engram.state.space import ERASED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.model.commands import Link
    from engram.state.space import SpaceState

_DONE: Final = Outcome((), (True,))
_STALE: Final = Outcome((), (False,))


def decide_link(state: SpaceState, space: str, command: Link, now: int) -> Decision:  # noqa: ARG001
    """Make links both ways between memories that still live, as many as each may have.

    One that is there already stays as it is. The outcome's only entry of `created` is False when
    the command speaks of other rows or vectors than the space has by now.
    """
    if (state.numbering, state.embedder) != (command.numbering, command.embedder):
        return Decision([], [_STALE], 1)
    is_late = command.late >= 0
    rows = np.array([command.late]) if is_late else np.arange(command.first, command.last)
    known = rows[(state.columns["flags"].take(rows) & ERASED) == 0]
    if is_late and command.late not in state.associations.view().late_rows():
        known = known[:0]
    if not len(known):
        return Decision([], [_DONE], 1)
    kind = LinkedLate if is_late else Linked
    event = kind(_ids(state, known[-1:]), now, _associated(state, command, now))
    return Decision([(event, b"")], [_DONE], 1)


def _associated(state: SpaceState, command: Link, now: int) -> Associated | None:
    ones, others = (
        np.frombuffer(raw, "<u4").astype(np.int64) for raw in (command.sources, command.targets)
    )
    if not len(ones):
        return None
    sources, targets = np.concatenate((ones, others)), np.concatenate((others, ones))
    weights = np.tile(np.frombuffer(command.weights, "<f4"), 2)
    near = np.tile(np.frombuffer(command.near, "u1"), 2)
    _, firsts = np.unique(sources << 32 | targets, return_index=True)
    places = np.sort(firsts)
    lives = living(state, sources[places], now) & living(state, targets[places], now)
    places = places[lives & (sources[places] != targets[places])]
    places = places[_fresh(state, sources[places], targets[places])]
    if not len(places):
        return None
    return Associated(
        count=len(places),
        sources=_ids(state, sources[places]),
        targets=_ids(state, targets[places]),
        kinds=bytes([AssociationKind.SEMANTIC]) * len(places),
        flags=bytes([AUTOMATIC]) * len(places),
        weights=weights[places].astype("<f4", copy=False).tobytes(),
        confidences=np.full(len(places), AUTOMATIC_CONFIDENCE, "<f4").tobytes(),
        whys=near[places].astype("<u4").tobytes(),
        labels=[NEAR_DUPLICATE] if near[places].any() else [],
        at=now,
    )


def _fresh(
    state: SpaceState, sources: NDArray[np.int64], targets: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Return bool[n]: the links that are not there, as far as their sources may have more."""
    kinds = np.full(len(sources), AssociationKind.SEMANTIC, np.uint8)
    ends = Ends(sources, targets, nodes_of_rows(state, sources), nodes_of_rows(state, targets))
    fresh = state.associations.find(ends.sources, ends.targets, kinds) < 0
    flags = np.full(len(sources), AUTOMATIC, np.uint8)
    return fresh & within_limits(state, ends, flags, fresh)


def _ids(state: SpaceState, rows: NDArray[np.int64]) -> bytes:
    columns = [state.columns[half].take(rows) for half in ("id_high", "id_low")]
    return np.stack(columns, axis=1).astype("<u8", copy=False).tobytes()
