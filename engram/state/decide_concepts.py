"""Deciding about concepts, formed in the background and perhaps late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from engram.model.association import AUTOMATIC, AUTOMATIC_CONFIDENCE, AssociationKind
from engram.model.events import Associated, Consolidated
from engram.state.apply_edges import living
from engram.state.batches import mint_ids, remembered
from engram.state.concepts import CONCEPT_KIND
from engram.state.outcomes import Decision, Outcome, check_capacity
from engram.state.space import SUPPRESSED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.model.commands import Consolidate
    from engram.state.space import SpaceState

_STALE: Final = Outcome((), (False,))


def decide_consolidate(state: SpaceState, space: str, command: Consolidate, now: int) -> Decision:
    """Remember concepts with their citations, and note which episodes were replayed.

    The outcome has the ids of the concepts; its only entry of `created` is False when the command
    speaks of other rows or vectors than the space has by now, or of an episode that is gone.
    """
    replayed, cited = (
        np.frombuffer(raw, "<u4").astype(np.int64) for raw in (command.replayed, command.cited)
    )
    rows = np.concatenate((replayed, cited))
    is_stale = (state.numbering, state.embedder) != (command.numbering, command.embedder)
    if is_stale or not _all_there(state, rows, now) or not _are_current(state, command, now):
        return Decision([], [_STALE], 1)
    batch, named = command.concepts, _raw_ids(state, replayed)
    if batch is None:
        return Decision([(Consolidated(now, named, None, None), b"")], [Outcome((), (True,))], 1)
    # What a quota counts is the memories of callers.
    check_capacity(state, space, batch.count)
    ids = mint_ids(now, batch.chance)
    raw = ids.astype("<u8", copy=False).tobytes()
    stored = msgspec.structs.replace(
        remembered(batch, raw, now, state.settings.weights),
        stabilities=command.stabilities,
        difficulties=command.difficulties,
    )
    event = Consolidated(now, named, stored, _citations(state, command, ids, cited, now))
    return Decision([(event, batch.vectors)], [Outcome(ids, (True,))], 1)


def _all_there(state: SpaceState, rows: NDArray[np.int64], now: int) -> bool:
    if not len(rows):
        return True
    is_episode = state.columns["kind"].take(rows) != CONCEPT_KIND
    is_episode &= (state.columns["flags"].take(rows) & np.uint8(SUPPRESSED)) == 0
    return bool((living(state, rows, now) & is_episode).all())


def _are_current(state: SpaceState, command: Consolidate, now: int) -> bool:
    """Whether the concepts that others are to take the place of are still there."""
    particulars = None if command.concepts is None else command.concepts.particulars
    if particulars is None or not particulars.supersedes:
        return True
    pairs = np.frombuffer(particulars.supersedes, "<u8").reshape(-1, 2).tolist()
    return all(state.row_of(high, low, now) is not None for high, low in pairs if high or low)


def _citations(
    state: SpaceState,
    command: Consolidate,
    ids: NDArray[np.uint64],
    cited: NDArray[np.int64],
    now: int,
) -> Associated:
    """Return what leads from each concept to its episodes, and back."""
    counts = np.frombuffer(command.cited_counts, "<u4")
    concepts = np.repeat(ids.astype("<u8", copy=False), counts, axis=0).tobytes()
    episodes, count = _raw_ids(state, cited), 2 * len(cited)
    return Associated(
        count=count,
        sources=concepts + episodes,
        targets=episodes + concepts,
        kinds=bytes([AssociationKind.DERIVED]) * count,
        flags=bytes([AUTOMATIC]) * count,
        weights=2 * command.weights,
        confidences=np.full(count, AUTOMATIC_CONFIDENCE, "<f4").tobytes(),
        whys=bytes(4 * count),
        labels=[],
        at=now,
    )


def _raw_ids(state: SpaceState, rows: NDArray[np.int64]) -> bytes:
    if not len(rows):
        return b""
    columns = [state.columns[half].take(rows) for half in ("id_high", "id_low")]
    return np.stack(columns, axis=1).astype("<u8", copy=False).tobytes()
