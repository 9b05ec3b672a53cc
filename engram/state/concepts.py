"""Concepts and the episodes they were formed from: a concept lives while all of these do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.model.association import AUTOMATIC, AssociationKind
from engram.state.association_view import HUB, NO_NODE
from engram.state.space import ALIVE, ERASED, REPLAYED, SUPPRESSED

if TYPE_CHECKING:
    from engram.state.space import SpaceState, View

CONCEPT_KIND: Final = 3
"""`MemoryKind.CONCEPT` as the columns hold it."""


def memories_count(view: View) -> int:
    """Return how many memories live, those that expired and were not cleared away included.

    Concepts that consolidation formed are none: they stand for memories that are counted.
    """
    return view.count - view.forgotten_count - view.formed_count


def concepts_of(state: SpaceState, row: int) -> list[int]:
    """Return the rows of the living concepts that were formed from the memory in a row."""
    flags = state.columns["flags"]
    if not int(flags.value(row)) & REPLAYED:
        return []
    wanted = ALIVE | REPLAYED
    return [each for each in citing(state, row) if int(flags.value(each)) & wanted == wanted]


def citing(state: SpaceState, row: int) -> list[int]:
    """Return the rows of all concepts formed from a memory that were not erased, living or not."""
    kinds, flags = state.columns["kind"], state.columns["flags"]
    return [
        each
        for each in _derived(state, row)
        if int(kinds.value(each)) == CONCEPT_KIND and not int(flags.value(each)) & ERASED
    ]


def is_formed(state: SpaceState, row: int) -> bool:
    """Whether a row's memory is a concept that consolidation formed."""
    is_concept = int(state.columns["kind"].value(row)) == CONCEPT_KIND
    return is_concept and bool(int(state.columns["flags"].value(row)) & REPLAYED)


def episodes_of(state: SpaceState, concept: int) -> list[int]:
    """Return the rows of the living episodes that a concept was formed from."""
    return [each for each in _derived(state, concept) if state.alive(each)]


def end_concepts(state: SpaceState, row: int, at: int) -> None:
    """End the concepts formed from a memory that was just ended; the others are replayed anew."""
    for concept in concepts_of(state, row):
        release(state, concept)
        state.end(concept, at)


def release(state: SpaceState, concept: int) -> None:
    """Let the episodes of a concept be replayed anew, those of another one aside."""
    flags = state.columns["flags"]
    for row in episodes_of(state, concept):
        if concepts_of(state, row) in ([concept], []):
            flags.set(np.array([row]), int(flags.value(row)) & ~REPLAYED)


def are_hidden(state: SpaceState, concept: int) -> bool:
    """Whether one of a concept's episodes is hidden."""
    flags = state.columns["flags"]
    return any(int(flags.value(row)) & SUPPRESSED for row in episodes_of(state, concept))


def note_replayed(state: SpaceState, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    """Note that episodes were replayed, or that concepts came of that."""
    flags = state.columns["flags"]
    flags.set(rows, flags.take(rows) | np.uint8(REPLAYED))


def _derived(state: SpaceState, row: int) -> list[int]:
    """Return the rows that citations lead to from a row."""
    associations = state.associations
    if row >= associations.row_nodes.count:
        return []
    node = int(associations.row_nodes.value(row))
    if node == NO_NODE:
        return []
    columns, found = associations.columns, []
    for edge in associations.edges_from(node):
        is_citation = int(columns["kind"].value(edge)) == AssociationKind.DERIVED
        if is_citation and int(columns["flags"].value(edge)) & AUTOMATIC:
            owner = int(associations.owners.value(int(columns["target"].value(edge))))
            if owner < HUB:
                found.append(owner)
    return found
