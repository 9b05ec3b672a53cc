"""Statements that a verb of the library carries out as it is: SPREAD, COMPLETE, SHOW."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from engram.model.completion import HYPOTHESES_MAX
from engram.model.conditions import Span
from engram.query.syntax import (
    Complete,
    ShowAssociations,
    ShowBeliefs,
    ShowConcepts,
    ShowContradictions,
    ShowPaths,
    ShowStats,
    Spread,
)
from engram.service import associating, consolidating, query_rows, reading, spreading
from engram.service.completing import complete
from engram.service.contradicting import contradictions
from engram.service.query_plan import EDGE_BUDGET, SHOW_LIMIT, SPREAD_HOPS, SPREAD_LIMIT

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.service.core import Core
    from engram.service.spreading import SpreadArguments


class Done(NamedTuple):
    """What a verb came to."""

    found: query_rows.Rows
    result: Any
    note: str | None = None
    timings_us: Mapping[str, float] = {}


async def _spread(core: Core, engine: SpaceEngine, body: Spread) -> Done:
    arguments: SpreadArguments = {"edge_budget": EDGE_BUDGET}
    if body.decay is not None:
        arguments["decay"] = cast("float", body.decay)
    if body.threshold is not None:
        arguments["threshold"] = cast("float", body.threshold)
    if body.kinds:
        arguments["kinds"] = cast("tuple[str, ...]", body.kinds)
    found = await spreading.spread(
        core,
        engine,
        cast("tuple[str, ...]", body.sources),
        count_of(body.max_hops, SPREAD_HOPS),
        count_of(body.limit, SPREAD_LIMIT),
        arguments,
    )
    note = None
    if found.is_partial:
        note = f"more than {found.edges_count:,} associations; the rest was not followed"
    elif not len(found):
        note = "no association leads from there to anything that becomes active enough"
    return Done(query_rows.activated(found), found, note)


async def _complete(core: Core, engine: SpaceEngine, body: Complete) -> Done:
    fields: dict[str, list[str]] = {}
    for each in body.given:
        fields.setdefault(each.field, []).append(str(each.value))
    found = await complete(core, engine, fields, count_of(body.limit, HYPOTHESES_MAX))
    return Done(query_rows.completed(found), found, found.note)


def count_of(value: object, otherwise: int) -> int:
    """Return a bound number of a statement, another one where it was left out."""
    return otherwise if value is None else cast("int", value)


def _kinds(kinds: object) -> tuple[str, ...] | None:
    return cast("tuple[str, ...]", kinds) or None


async def _associations(_: Core, engine: SpaceEngine, body: ShowAssociations) -> Done:
    memory, limit = cast("str", body.memory), count_of(body.limit, SHOW_LIMIT)
    direction = body.direction or "out"
    found = await associating.listed(engine, memory, direction, _kinds(body.kinds), limit)
    return Done(query_rows.associated(found), found)


async def _paths(_: Core, engine: SpaceEngine, body: ShowPaths) -> Done:
    hops = None if body.max_hops is None else cast("int", body.max_hops)
    search = associating.search_of(body.how or "strongest", _kinds(body.kinds), hops)
    source, target = cast("str", body.source), cast("str", body.target)
    span, k = body.deadline, count_of(body.limit, 1)
    deadline_ms = span.seconds * 1_000 if isinstance(span, Span) else None
    found = await associating.paths(engine, source, target, search, k, deadline_ms)
    note = None if found else "no way leads from the one to the other"
    return Done(query_rows.ways(found), found, note)


async def _contradictions(core: Core, engine: SpaceEngine, body: ShowContradictions) -> Done:
    memory = cast("str | None", body.memory)
    found = await contradictions(core, engine, memory, count_of(body.limit, SHOW_LIMIT))
    return Done(query_rows.disputed(found), found)


async def _concepts(core: Core, engine: SpaceEngine, body: ShowConcepts) -> Done:
    found = await consolidating.concepts(core, engine, count_of(body.limit, SHOW_LIMIT))
    return Done(query_rows.concepts(found), found)


async def _beliefs(core: Core, engine: SpaceEngine, body: ShowBeliefs) -> Done:
    found = await consolidating.belief_history(core, engine, cast("str", body.concept))
    return Done(query_rows.beliefs(found), found)


async def _stats(core: Core, engine: SpaceEngine, _: ShowStats) -> Done:
    found = reading.statistics(engine, core)
    return Done(query_rows.statistics(found), found)


VERBS: Final[dict[type, Callable[[Core, SpaceEngine, Any], Awaitable[Done]]]] = {
    Spread: _spread,
    Complete: _complete,
    ShowAssociations: _associations,
    ShowPaths: _paths,
    ShowContradictions: _contradictions,
    ShowConcepts: _concepts,
    ShowBeliefs: _beliefs,
    ShowStats: _stats,
}
"""By statement, what carries it out."""
