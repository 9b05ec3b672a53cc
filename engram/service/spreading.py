"""Activation that spreads from named memories, and nothing else: no likeness, no ranking, no text.

A memory's text is read by whoever wants it; the answer here is columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypedDict, cast

import numpy as np
from anyio import lowlevel

from engram.kernels.graph.parameters import SpreadParameters
from engram.model.activation import ActivationColumns, Activations
from engram.model.association import AssociationKind
from engram.model.errors import InvalidRequest
from engram.model.ids import MemoryId, parse_ids
from engram.model.limits import CUE_MEMORIES_MAX, PATH_HOPS_MAX
from engram.service.associating import whole
from engram.service.questions import check_limit
from engram.state.association_view import HUB, NO_NODE
from engram.state.columns import RowSet
from engram.state.current import not_found
from engram.state.space import ALIVE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.engine.space_engine import SpaceEngine
    from engram.kernels.graph.protocol import Spread
    from engram.service.core import Core
    from engram.state.space import View

# So many associations are read in 200 us, which is as long as the event loop may be held.
_INLINE_EDGES: Final = 24_576
# More memories than that are sooner looked up together.
_FEW: Final = 32
# Of so many times as many as are listed, those reached first, the least is a bound for all.
_NEAR: Final = 8
_NOTHING: Final = ActivationColumns(
    np.zeros(0, np.uint64),
    np.zeros(0, np.uint64),
    np.zeros(0, np.float32),
    np.zeros(0, np.uint8),
    {},
)


class SpreadArguments(TypedDict, total=False):
    """How activation fades; what is left out is as in a recall."""

    decay: float
    threshold: float
    fan_exponent: float
    kinds: Sequence[str] | None
    edge_budget: int


class _Course:
    """Parameters in two sizes, for the event loop and for a thread, and where to begin."""

    __slots__ = ("_edges_per_seed", "inline", "whole")

    def __init__(self, inline: SpreadParameters, whole: SpreadParameters) -> None:
        self.inline, self.whole = inline, whole
        self._edges_per_seed = 0.0

    def is_quick(self, seeds_count: int) -> bool:
        """Whether what came before says that the event loop need not wait for long."""
        if self.whole is self.inline:
            return True
        return self._edges_per_seed * seeds_count <= _INLINE_EDGES

    def went(self, seeds_count: int, done: Spread) -> None:
        """Note what came of it."""
        self._edges_per_seed += (done.edges_touched / seeds_count - self._edges_per_seed) / 8


async def spread(
    core: Core,
    engine: SpaceEngine,
    memory_ids: Sequence[str],
    hops: int,
    limit: int,
    arguments: SpreadArguments,
) -> Activations:
    """Carry out `Space.spread` over the newest durable view."""
    check_limit(limit)
    course = _checked(whole("hops", hops, PATH_HOPS_MAX), arguments)
    # Who asks again and again without a pause must not keep the event loop for itself.
    await lowlevel.checkpoint()
    view, now = engine.view, core.clock.now()
    seeds = _seeds(engine, view, memory_ids, now)

    if engine.graph.is_due(view):
        found = await engine.readers.run(lambda _: engine.graph.at(view))
    else:
        found = engine.graph.at(view)
    nodes = seeds[seeds < found.graph.nodes_count]
    if not len(nodes):
        return Activations(_NOTHING, 0, 0, is_partial=False)
    begun = np.ones(len(nodes), np.float32)
    done, kernels = None, core.kernels
    if course.is_quick(len(nodes)):
        done = kernels.spread(found.graph, nodes, begun, course.inline)
    if done is None or (done.is_partial and course.whole is not course.inline):
        done = await engine.readers.run(
            lambda cancel: kernels.spread(found.graph, nodes, begun, course.whole, cancel=cancel)
        )
    course.went(len(nodes), done)
    return _told(view, done, len(nodes), limit, now)


def _seeds(
    engine: SpaceEngine, view: View, memory_ids: Sequence[str], now: int
) -> NDArray[np.uint32]:
    """Return the nodes of living memories, each once; without those that have no association."""
    if isinstance(memory_ids, str):
        raise InvalidRequest(f"memory_ids must be a list of ids, not one; use [{memory_ids!r}]")
    if not 1 <= len(memory_ids) <= CUE_MEMORIES_MAX:
        raise InvalidRequest(
            f"{len(memory_ids)} memory_ids; activation begins at 1 to {CUE_MEMORIES_MAX:,} memories"
        )
    halves = np.frombuffer(parse_ids(memory_ids), ">u8").astype(np.uint64).reshape(-1, 2)
    rows = _rows(view, halves, now)
    missing = (rows < 0).nonzero()[0]
    if len(missing):
        raise not_found(view, engine.space, _identity(halves[missing[0]]), now)
    each = dict.fromkeys(rows.tolist())
    if len(each) < len(rows):
        rows = np.array(list(each), np.int64)
    nodes = view.associations.nodes_of(rows)
    return np.asarray(nodes[nodes != NO_NODE], np.uint32)


def _rows(view: View, halves: NDArray[np.uint64], now: int) -> NDArray[np.int64]:
    """Return the row of each memory that lives, -1 where none does; ids are uint64[n, 2]."""
    rows = np.full(len(halves), -1, np.int64)
    if len(rows) > _FEW:
        found = view.ids.find_many(np.ascontiguousarray(halves[:, 1]))
        at = ((found >= 0) & (found < view.count)).nonzero()[0]
        chosen = RowSet(found[at])
        columns = view.columns
        ended_at = chosen.take(columns["ended_at"])
        lives = (chosen.take(columns["flags"]) & ALIVE) != 0
        lives &= (ended_at == 0) | (ended_at > now)
        lives &= chosen.take(columns["id_high"]) == halves[at, 0]
        rows[at[lives]] = chosen.rows[lives]
    # Two memories may have one low half, and one may be there twice, forgotten and anew.
    for place in (rows < 0).nonzero()[0].tolist():
        row = view.row_of(*_identity(halves[place]), now=now)
        rows[place] = -1 if row is None else row
    return rows


def _identity(halves: NDArray[np.uint64]) -> MemoryId:
    return MemoryId(*halves.tolist())


def _checked(hops: int, arguments: SpreadArguments) -> _Course:
    """Return the parameters; InvalidRequest lists every one that is out of its range."""
    unknown = arguments.keys() - SpreadArguments.__annotations__.keys()
    if unknown:
        known = ", ".join(sorted(SpreadArguments.__annotations__))
        raise InvalidRequest(f"unknown argument {min(unknown)!r}; besides those there are {known}")
    given = dict(arguments)
    kinds = given.pop("kinds", None)
    if isinstance(kinds, str):
        raise InvalidRequest(f"kinds must be a list of texts, not one text; use [{kinds!r}]")
    numbers = None
    if kinds is not None:
        several = cast("Sequence[str]", kinds)
        numbers = tuple(sorted({int(AssociationKind.parse(kind)) for kind in several}))
    try:
        return _parameters(hops, numbers, *sorted(cast("dict[str, float]", given).items()))
    except TypeError as error:
        raise InvalidRequest(f"an argument is no number: {error}") from error


@lru_cache(maxsize=64)
def _parameters(hops: int, kinds: tuple[int, ...] | None, *more: tuple[str, float]) -> _Course:
    """Return checked parameters; making them takes longer than many a call of the kernel."""
    weights: tuple[float, ...] = ()
    if kinds is not None:
        weights = tuple(float(kind in kinds) for kind in range(256))
    named = dict(more)
    asked = SpreadParameters(depth=hops, kind_weights=weights, **named)  # type: ignore[arg-type]
    if asked.edge_budget <= _INLINE_EDGES:
        return _Course(asked, asked)
    named["edge_budget"] = _INLINE_EDGES
    first = SpreadParameters(depth=hops, kind_weights=weights, **named)  # type: ignore[arg-type]
    return _Course(first, asked)


def _told(view: View, done: Spread, seeds_count: int, limit: int, now: int) -> Activations:
    """Return the most active nodes, ties by number; without seeds and what is over at `now`."""
    known = view.associations.node_count
    nodes = done.rows[seeds_count:]
    activations, hops = done.activations[seeds_count:], done.hops[seeds_count:]
    if view.expiring_count or (len(nodes) and int(nodes.max()) >= known):
        lives = np.flatnonzero(_living(view, nodes, now))
        nodes, activations, hops = nodes[lives], activations[lives], hops[lives]
    reached_count = len(nodes)
    if reached_count > limit:
        # All that are as active as the last one listed, so that ties are those of the numbers. Most
        # of them were reached first: the least of the best there is a bound for the others.
        near = activations[: _NEAR * limit]
        at = len(near) - limit
        top = np.flatnonzero(activations >= np.partition(near, at)[at])
        nodes, activations, hops = nodes[top], activations[top], hops[top]
    order = np.lexsort((nodes, -activations))[:limit]
    columns = _columns(view, nodes[order], activations[order], hops[order])
    return Activations(columns, reached_count, done.edges_touched, is_partial=done.is_partial)


def _living(view: View, nodes: NDArray[np.uint32], now: int) -> NDArray[np.bool_]:
    lives = nodes < view.associations.node_count
    owners = np.full(len(nodes), HUB, np.uint32)
    owners[lives] = view.associations.owners_of(nodes[lives])
    rows = np.flatnonzero(owners < HUB)
    if len(rows):
        inside = owners[rows] < view.count
        lives[rows[~inside]] = False
        rows = rows[inside]
        ended_at = view.gather("ended_at", owners[rows])
        lives[rows[(ended_at != 0) & (ended_at <= now)]] = False
    return np.asarray(lives, bool)


def _columns(
    view: View,
    nodes: NDArray[np.uint32],
    activations: NDArray[np.float32],
    hops: NDArray[np.uint8],
) -> ActivationColumns:
    if not len(nodes):
        return _NOTHING
    rows = view.associations.owners_of(nodes)
    hubs = (rows >= HUB).nonzero()[0].tolist()
    texts = view.labels.labels
    labels = {at: texts[int(rows[at]) ^ HUB] for at in hubs}
    rows[hubs] = 0
    chosen = RowSet(rows)
    high, low = (chosen.take(view.columns[name]) for name in ("id_high", "id_low"))
    return ActivationColumns(high, low, activations, hops, labels)
