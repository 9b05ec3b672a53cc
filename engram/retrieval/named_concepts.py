"""Concepts that somebody named: which one has a name, and what it comes to with more episodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engram.model.conditions import Compare
from engram.model.errors import InvalidRequest, MemoryNotFound
from engram.model.ids import format_id, parse_id
from engram.retrieval.conditions import Judge
from engram.retrieval.consolidation import (
    are_concepts,
    are_episodes,
    citations,
    concept_rows,
    episode_rows,
    ways_from,
)
from engram.retrieval.forming import MEMBERS_MIN, Concept, concept_of, name_of
from engram.state.current import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from numpy.typing import NDArray

    from engram.model.conditions import Condition
    from engram.model.ids import MemoryId
    from engram.retrieval.graph import SpaceGraph
    from engram.retrieval.metadata_index import MetadataIndex
    from engram.state.space import View


class Wanted(NamedTuple):
    """What somebody asked for: the name of a concept, and the episodes it is to cite, too."""

    space: str
    name: str
    episodes: Sequence[MemoryId]


class Naming(NamedTuple):
    """What INTO a name comes to in a view: the rows cited, the row it has now, -1 for none.

    `concept` is what is to be remembered, None where nothing would change, or too little is there.
    """

    rows: NDArray[np.int64]
    older: int
    concept: Concept | None


def episodes_meeting(
    view: View, metadata: MetadataIndex, condition: Condition, stop: Callable[[], None]
) -> NDArray[np.int64]:
    """Return int64[n]: the rows of the episodes that meet a condition; may read sealed segments.

    `stop` is called now and then; what it raises ends the search.
    """
    rows = episode_rows(view)
    return rows[Judge(view, metadata, stop).meets(condition, rows)]


def naming(
    view: View,
    graph: SpaceGraph,
    metadata: MetadataIndex,
    wanted: Wanted,
) -> Generator[None, None, Naming]:
    """Return what a concept comes to with some episodes; those that are gone are left out.

    A name that is the id of a concept stands for it. What it cites already it goes on citing.

    Raises:
        MemoryNotFound, InvalidRequest: the name is the id of no memory, or of no concept; or the
            concept is hidden.
    """
    older = _row_named(view, metadata, wanted)
    yield
    found = [view.row_of(each.high, each.low) for each in wanted.episodes]
    rows = np.array(sorted({row for row in found if row is not None}), np.int64)
    rows = rows[are_episodes(view, rows)]
    known = rows[:0] if older < 0 else _cited_by(view, graph, older)
    rows = np.union1d(known, rows).astype(np.int64)
    yield
    if len(rows) < MEMBERS_MIN or len(rows) == len(known):
        return Naming(rows, older, None)
    kept = wanted.name if older < 0 else name_of(view, older)
    return Naming(rows, older, (yield from concept_of(view, rows, older, kept)))


def _row_named(view: View, metadata: MetadataIndex, wanted: Wanted) -> int:
    """Return the row of the concept that a name or an id stands for, -1 for none of this name."""
    name = wanted.name
    try:
        identity = parse_id(name)
    except InvalidRequest:
        rows = concept_rows(view)
        held = rows[Judge(view, metadata).meets(Compare("metadata.name", "=", name), rows)]
        if not len(held):
            return -1
        row = int(held[-1])
    else:
        found = versions(view, identity, 0)
        if not found:
            raise MemoryNotFound(name, wanted.space) from None
        row = found[-1]
        if row not in concept_rows(view):
            raise InvalidRequest(
                f"memory {name} is no concept that consolidation formed; INTO takes the id of one, "
                "or a name"
            ) from None
    if not are_concepts(view, np.array([row])).all():
        halves = (int(view.value(half, row)) for half in ("id_high", "id_low"))
        raise InvalidRequest(
            f"the concept {name} is hidden; reveal {format_id(*halves)} and what it cites first, "
            "or take another name"
        )
    return row


def _cited_by(view: View, graph: SpaceGraph, concept: int) -> NDArray[np.int64]:
    ways = ways_from(view, graph, np.array([concept]))
    targets = ways.targets[citations(ways)]
    return np.unique(targets[are_episodes(view, targets)]).astype(np.int64)
