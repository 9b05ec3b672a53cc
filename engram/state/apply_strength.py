"""Apply what is decided about strength: reviews, accesses, settings, and what is hidden."""

from __future__ import annotations

import numpy as np

from engram.model.events import Accessed, Configured, Reviewed, Suppressed
from engram.model.space_settings import SpaceSettings
from engram.state.concepts import are_hidden, concepts_of
from engram.state.named import rows_named
from engram.state.space import ALIVE, LAPSED, SUPPRESSED, SpaceState


def reviewed(event: Reviewed, state: SpaceState, vectors: object) -> None:  # noqa: ARG001
    """Assign stability, difficulty and the time of the review."""
    rows = rows_named(state, event.ids)
    columns = state.columns
    columns["reviewed_at"].set(rows, event.at)
    columns["stability_days"].set(rows, np.frombuffer(event.stabilities, "<f4"))
    columns["difficulty"].set(rows, np.frombuffer(event.difficulties, "<f4"))
    for row, useful in zip(rows.tolist(), event.useful, strict=True):
        flags = int(columns["flags"].value(row))
        after = flags & ~LAPSED if useful else flags | LAPSED
        if after != flags:
            columns["flags"].set(np.array([row]), after)
    state.recorded_last = max(state.recorded_last, event.at)


def accessed(event: Accessed, state: SpaceState, vectors: object) -> None:  # noqa: ARG001
    """Count the accesses."""
    rows = rows_named(state, event.ids)
    counts, times = np.frombuffer(event.counts, "<u4"), np.frombuffer(event.times, "<i8")
    state.accesses.add(rows, counts, times)


def configured(event: Configured, state: SpaceState, vectors: object) -> None:  # noqa: ARG001
    """Take over the settings."""
    state.settings = SpaceSettings(
        forgetting=event.forgetting,
        weights=tuple(np.frombuffer(event.weights, "<f8").tolist()),
        beta=event.beta,
        fast_hours=event.fast_hours,
        slow_hours=event.slow_hours,
        fast_share=event.fast_share,
        interference=event.interference,
        priming=event.priming,
    )
    state.recorded_last = max(state.recorded_last, event.at)


def suppressed(event: Suppressed, state: SpaceState, vectors: object) -> None:  # noqa: ARG001
    """Hide memories, or bring them back."""
    for row in rows_named(state, event.ids).tolist():
        set_hidden(state, row, hidden=event.hidden)
    state.recorded_last = max(state.recorded_last, event.at)


def set_hidden(state: SpaceState, row: int, *, hidden: bool) -> None:
    """Hide a living memory, or bring it back; nothing where it is so already."""
    flags = int(state.columns["flags"].value(row))
    if bool(flags & SUPPRESSED) == hidden or not flags & ALIVE:
        return
    state.columns["flags"].set(np.array([row]), flags ^ SUPPRESSED)
    state.suppressed_count += 1 if hidden else -1
    for concept in concepts_of(state, row):
        set_hidden(state, concept, hidden=are_hidden(state, concept))
