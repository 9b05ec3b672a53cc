"""Associations between memories: made, ended, listed, and followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar, cast

import anyio
import numpy as np

from engram.model.association import (
    AUTOMATIC,
    Associated,
    Association,
    AssociationKind,
    AssociationPath,
    Neighbour,
    NewAssociation,
)
from engram.model.collecting import LabelTable
from engram.model.commands import ANY_KIND, Associate, Dissociate
from engram.model.errors import InvalidRequest, KernelCancelled, MemoryNotFound
from engram.model.ids import MemoryId, format_id, parse_id
from engram.model.limits import (
    ASSOCIATIONS_COUNT_MAX,
    LIMIT_MAX,
    PATH_HOPS_MAX,
    PATHS_COUNT_MAX,
    WHY_CHARACTERS_MAX,
)
from engram.model.memory import to_datetime
from engram.retrieval.paths import Search, Way, around, best_ways, kind_mask
from engram.service.preparing import check_none
from engram.service.questions import check_deadline
from engram.service.reading import memories_of, on_bodies
from engram.state.association_view import HUB, NO_NODE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.engine.space_engine import SpaceEngine
    from engram.kernels.cancel import CancelFlag
    from engram.retrieval.graph import SpaceGraph
    from engram.service.core import Core
    from engram.state.space import View

T = TypeVar("T")

DIRECTIONS: Final = ("out", "in", "both")
_FIELDS: Final = frozenset(NewAssociation.__annotations__)


class _Edge(NamedTuple):
    """One edge as it was asked for."""

    source: MemoryId
    target: MemoryId
    kind: int
    weight: float
    confidence: float
    why: str | None


def edge_of(fields: NewAssociation) -> _Edge:
    """Return an edge as it was asked for; InvalidRequest lists every rule it breaks."""
    unknown = fields.keys() - _FIELDS
    if unknown:
        known = ", ".join(sorted(_FIELDS))
        raise InvalidRequest(f"unknown field {min(unknown)!r}; an association has {known}")
    missing = [name for name in ("source_id", "target_id") if name not in fields]
    if missing:
        raise InvalidRequest(*(f"{name} is missing" for name in missing))
    violations: list[str] = []
    weight: object = fields.get("weight", 0.5)
    if not (_is_number(weight) and 0 < cast("float", weight) <= 1):
        violations.append(f"weight {weight!r} is not a number above 0 and at most 1")
    confidence: object = fields.get("confidence", 1.0)
    if not (_is_number(confidence) and 0 <= cast("float", confidence) <= 1):
        violations.append(f"confidence {confidence!r} is not a number from 0 to 1")
    why = _why(fields.get("why"), violations)
    source, target = (
        _tried(partial(parse_id, cast("str", fields.get(name))), violations)
        for name in ("source_id", "target_id")
    )
    kind = _tried(partial(AssociationKind.parse, fields.get("kind", "semantic")), violations)
    if source is not None and source == target:
        violations.append("an association leads from one memory to another, not to itself")
    if violations or source is None or target is None or kind is None:
        raise InvalidRequest(*violations)
    numbers = float(cast("float", weight)), float(cast("float", confidence))
    return _Edge(source, target, int(kind), *numbers, why)


def _tried(read: Callable[[], T], violations: list[str]) -> T | None:
    try:
        return read()
    except InvalidRequest as error:
        violations += error.violations
        return None


def _why(why: object, violations: list[str]) -> str | None:
    if why is None:
        return None
    if not isinstance(why, str) or not 1 <= len(why) <= WHY_CHARACTERS_MAX:
        violations.append(f"why must be text of 1 to {WHY_CHARACTERS_MAX} characters")
        return None
    if any("\ud800" <= character <= "\udfff" for character in why):
        violations.append("why holds a lone surrogate, which is no text")
    return why


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def edges_of(items: Iterable[NewAssociation]) -> list[_Edge]:
    """Return many edges as they were asked for; InvalidRequest names the bad ones by position."""
    edges: list[_Edge] = []
    violations: list[str] = []
    for position, item in enumerate(items):
        try:
            edges.append(edge_of(item))
        except InvalidRequest as error:
            violations += [f"item {position}: {violation}" for violation in error.violations]
        except (AttributeError, TypeError) as error:
            violations.append(f"item {position}: not the fields of an association: {error}")
    check_none(violations)
    return edges


def turned(edges: Sequence[_Edge]) -> list[_Edge]:
    """Return the edges that lead back."""
    return [edge._replace(source=edge.target, target=edge.source) for edge in edges]


async def associate(engine: SpaceEngine, edges: Sequence[_Edge]) -> Associated:
    """Make edges in parts, each durable as a whole."""
    created, lsn = 0, engine.view.lsn
    for first in range(0, len(edges), ASSOCIATIONS_COUNT_MAX):
        command = _command(edges[first : first + ASSOCIATIONS_COUNT_MAX])
        outcome, lsn = await engine.submit(command)
        created += int(np.count_nonzero(outcome.created))
    return Associated(created, len(edges) - created, lsn)


def _command(edges: Sequence[_Edge]) -> Associate:
    labels = LabelTable()
    columns = list(zip(*edges, strict=True))
    return Associate(
        count=len(edges),
        sources=np.array(columns[0], "<u8").tobytes(),
        targets=np.array(columns[1], "<u8").tobytes(),
        kinds=bytes(columns[2]),
        flags=bytes(len(edges)),
        weights=np.array(columns[3], "<f4").tobytes(),
        confidences=np.array(columns[4], "<f4").tobytes(),
        whys=np.array([labels.number(why) for why in columns[5]], "<u4").tobytes(),
        labels=labels.labels,
    )


async def dissociate(
    engine: SpaceEngine, source_id: str, target_id: str, kind: str | None
) -> tuple[int, int]:
    """End the edges from one memory to another; return how many, and the LSN."""
    number = ANY_KIND if kind is None else int(AssociationKind.parse(kind))
    command = Dissociate(parse_id(source_id), parse_id(target_id), number)
    outcome, lsn = await engine.submit(command)
    return len(outcome.created), lsn


def kinds_of(kinds: Sequence[str] | None) -> NDArray[np.bool_] | None:
    """Return the mask of the kinds to look at, None for all."""
    if kinds is None:
        return None
    if isinstance(kinds, str):
        raise InvalidRequest(f"kinds must be a list of texts, not one text; use [{kinds!r}]")
    return kind_mask([int(AssociationKind.parse(kind)) for kind in kinds])


def whole(name: str, value: object, most: int) -> int:
    """Return a whole number from 1 to `most`; InvalidRequest otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidRequest(f"{name} {value!r} is not a whole number from 1 to {most}")
    return value


async def listed(
    engine: SpaceEngine, memory_id: str, direction: str, kinds: Sequence[str] | None, limit: int
) -> tuple[Association, ...]:
    """Return the edges of a memory, the heaviest first."""
    if direction not in DIRECTIONS:
        raise InvalidRequest(f"direction {direction!r} is none of {', '.join(DIRECTIONS)}")
    identity, mask = parse_id(memory_id), kinds_of(kinds)
    limit = whole("limit", limit, LIMIT_MAX)

    def read(view: View, found: SpaceGraph, _: CancelFlag) -> tuple[Association, ...]:
        edges = _edges_at(view, found, _node(view, identity, engine.space), direction)
        values = view.associations
        if mask is not None:
            edges = edges[mask[values.gather("kind", edges)]]
        order = np.lexsort((edges, -values.gather("weight", edges).astype(np.float64)))
        return described(view, edges[order[:limit]])

    return await _reading(engine, read)


def _edges_at(view: View, found: SpaceGraph, node: int, direction: str) -> NDArray[np.int64]:
    """Return the state's numbers of the edges that leave a node or lead to it."""
    graph = found.graph
    if node >= graph.nodes_count:
        return np.zeros(0, np.int64)
    numbers = [np.zeros(0, np.uint32)]
    if direction != "in":
        numbers.append(found.numbers[graph.offsets[node] : graph.offsets[node + 1]])
        late = found.fresh_numbers
        numbers.append(late[view.associations.gather("source", late.astype(np.int64)) == node])
    if direction != "out":
        numbers.append(found.numbers[graph.edges["target"] == node])
        if graph.fresh is not None:
            numbers.append(found.fresh_numbers[graph.fresh.edges["target"] == node])
    return np.concatenate(numbers).astype(np.int64)


def edges_from(
    view: View, found: SpaceGraph, rows: Sequence[int], *, but: int
) -> dict[int, NDArray[np.int64]]:
    """Return the edges that leave memories, without those with a flag, by position in `rows`."""
    edges: dict[int, NDArray[np.int64]] = {}
    for at, row in enumerate(rows):
        node = view.associations.node_of(row)
        if node != NO_NODE:
            leaving = _edges_at(view, found, node, "out")
            flags = view.associations.gather("flags", leaving)
            chosen = leaving[(flags & np.uint8(but)) == 0]
            if len(chosen):
                edges[at] = chosen
    return edges


async def _reading(engine: SpaceEngine, read: Callable[[View, SpaceGraph, CancelFlag], T]) -> T:
    """Return what `read` makes of the newest view and its graph, in a thread for reading."""
    view = engine.view
    return await engine.readers.run(lambda cancel: read(view, engine.graph.at(view), cancel))


def _node(view: View, identity: MemoryId, space: str) -> int:
    """Return the node of a living memory, NO_NODE when it has no edge."""
    row = view.row_of(*identity)
    if row is None:
        raise MemoryNotFound(str(identity), space)
    return view.associations.node_of(row)


def described(view: View, edges: NDArray[np.int64]) -> tuple[Association, ...]:
    """Return edges of the state as callers read them."""
    found, labels = view.associations, view.labels.labels
    columns = {
        name: found.gather(name, edges).tolist()
        for name in ("kind", "flags", "weight", "confidence", "why")
    }
    sources, targets = (_ends(view, found.gather(name, edges)) for name in ("source", "target"))
    return tuple(
        Association(
            source_id=source[0],
            source_label=source[1],
            target_id=target[0],
            target_label=target[1],
            kind=AssociationKind(kind).label,
            weight=weight,
            confidence=confidence,
            why=labels[why] or None,
            made_at=to_datetime(made_at),
            automatic=bool(flags & AUTOMATIC),
        )
        for source, target, kind, flags, weight, confidence, why, made_at in zip(
            sources, targets, *columns.values(), found.made_at(edges).tolist(), strict=True
        )
    )


def _ends(view: View, nodes: NDArray[np.int64]) -> list[tuple[str | None, str | None]]:
    """Return an id or a label for each node."""
    ends: list[tuple[str | None, str | None]] = []
    for owner in view.associations.owners_of(nodes).tolist():
        if owner & HUB:
            ends.append((None, view.labels.labels[owner & ~HUB]))
        else:
            row = np.array([owner])
            high, low = (int(view.gather(name, row)[0]) for name in ("id_high", "id_low"))
            ends.append((format_id(high, low), None))
    return ends


async def neighbours(
    core: Core,
    engine: SpaceEngine,
    memory_id: str,
    hops: int,
    kinds: Sequence[str] | None,
    limit: int,
) -> tuple[Neighbour, ...]:
    """Return the memories around one, nearest first."""
    identity, mask = parse_id(memory_id), kinds_of(kinds)
    hops, limit = whole("hops", hops, PATH_HOPS_MAX), whole("limit", limit, LIMIT_MAX)

    async def read() -> tuple[Neighbour, ...]:
        view = engine.view
        node = _node(view, identity, engine.space)
        rows, levels, strengths = await engine.readers.run(partial(_around, engine, view, node))
        memories = await memories_of(core, engine, view, rows, core.clock.now())
        return tuple(map(Neighbour, memories, levels, strengths))

    def _around(
        engine: SpaceEngine, view: View, node: int, cancel: CancelFlag
    ) -> tuple[list[int], list[int], list[float]]:
        search = Search(engine.graph.at(view), mask, hops, shortest=True, cancel=cancel)
        reached = around(search, node)
        owners = view.associations.owners_of(reached.nodes)
        chosen = np.flatnonzero(owners < HUB)[:limit]
        columns = (owners, reached.hops, reached.strengths)
        rows, levels, strengths = (column[chosen].tolist() for column in columns)
        return rows, levels, strengths

    return await on_bodies(engine, read)


async def paths(
    engine: SpaceEngine,
    source_id: str,
    target_id: str,
    search: Callable[..., Search],
    k: int,
    deadline_ms: float | None = None,
) -> tuple[AssociationPath, ...]:
    """Return up to k ways from one memory to another, best first; none when there is none.

    KernelCancelled when the deadline comes first.
    """
    ends = parse_id(source_id), parse_id(target_id)
    k = whole("k", k, PATHS_COUNT_MAX)
    check_deadline(deadline_ms)
    if ends[0] == ends[1]:
        raise InvalidRequest("a path leads from one memory to another, not to itself")

    def read(view: View, found: SpaceGraph, cancel: CancelFlag) -> tuple[AssociationPath, ...]:
        source, target = (_node(view, end, engine.space) for end in ends)
        if NO_NODE in (source, target):
            return ()
        ways = best_ways(search(found, cancel), source, target, k)
        return tuple(_path(view, found, way) for way in ways)

    if deadline_ms is None:
        return await _reading(engine, read)
    with anyio.move_on_after(deadline_ms / 1_000):
        return await _reading(engine, read)
    raise KernelCancelled


def search_of(
    how: str, kinds: Sequence[str] | None, hops_max: int | None
) -> Callable[[SpaceGraph, CancelFlag], Search]:
    """Return what makes the search that a caller asked for, once there is a graph."""
    if how not in ("strongest", "shortest"):
        raise InvalidRequest(f"how {how!r} is neither strongest nor shortest")
    mask = kinds_of(kinds)
    hops = PATH_HOPS_MAX if hops_max is None else whole("hops_max", hops_max, PATH_HOPS_MAX)
    return lambda found, cancel: Search(found, mask, hops, how == "shortest", cancel)


def _path(view: View, found: SpaceGraph, way: Way) -> AssociationPath:
    edges = found.state_edges(np.array(way.edges, np.int64))
    return AssociationPath(described(view, edges), way.strength)
