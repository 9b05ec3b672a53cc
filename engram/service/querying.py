"""Statements of the query language, carried out: each by the verb of the library it stands for."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from engram.model.answer import Answer, Plan
from engram.model.conditions import Among, Compare, Moment, Span
from engram.model.cue import NO_FILTERS, Filters
from engram.model.errors import InvalidRequest, QueryTooCostly, SpaceForbidden, SpaceNotFound
from engram.model.ids import check_space_id, parse_id
from engram.model.limits import CONCEPT_EPISODES_MAX, LIMIT_MAX
from engram.model.memory import to_datetime
from engram.model.relevance import Standing, grounds_of, relevance
from engram.query.binding import bind
from engram.query.parser import parse
from engram.query.pushing import pushed
from engram.query.syntax import (
    EXPLAIN,
    PROFILE,
    Body,
    Bound,
    Consolidate,
    Cue,
    Imagine,
    MemoryCue,
    Predict,
    Recall,
    ShowSpaces,
    Statement,
    VectorCue,
)
from engram.retrieval.asking import SIMILARITY
from engram.retrieval.confidence import Belief, given
from engram.retrieval.forming import MEMBERS_MIN
from engram.service import consolidating, query_rows, reading
from engram.service.imagining import NOVELTY, SOURCES_MAX, imagined, sources_of
from engram.service.predicting import believed, explained, following
from engram.service.query_plan import (
    RECALL_LIMIT,
    SPACES_PLAN,
    Asked,
    asked_of,
    measured,
    measured_whole,
    plan_of,
)
from engram.service.query_verbs import VERBS, Done, count_of
from engram.service.questions import Question
from engram.service.spaces import space_infos
from engram.service.turns import in_turns

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.model.ids import MemoryId
    from engram.model.recall_result import RecallResult
    from engram.retrieval.asking import Hit
    from engram.service.core import Core
    from engram.service.questions import FilterArguments
    from engram.state.space import View

_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EPISODIC: Final = Compare("kind", "=", "episodic")
_COLUMNS: Final = {"created": "recorded_at", "occurred": "occurred_at", "priority": "priority"}


class Asker(NamedTuple):
    """Who asks, what a statement may cost, and whether what is found is explained."""

    core: Core
    space: str
    budget_ms: float
    explain: bool = False
    may_ask: Callable[[str], bool] | None = None

    def allows(self, space: str) -> bool:
        """Whether a space may be asked."""
        return self.may_ask is None or self.may_ask(space)


async def query(asker: Asker, text: str, parameters: Mapping[str, object]) -> Answer:
    """Carry out `Space.query`."""
    core = asker.core
    _check_budget(asker.budget_ms)
    started = core.clock.monotonic()
    parsed = parse(text)
    statement = bind(parsed, parameters, core.clock.now())
    parsed_us = (core.clock.monotonic() - started) / 1_000
    space = check_space_id(asker.space if statement.space is None else statement.space)
    body = statement.body
    done, plan = Done(query_rows.Rows((), ()), None), SPACES_PLAN
    if isinstance(body, ShowSpaces):
        if statement.mode != EXPLAIN:
            done = await _spaces(asker, None if statement.space is None else space)
    else:
        if not asker.allows(space):
            raise SpaceForbidden(space)
        engine = core.registry.open_now(space) or await core.registry.open(space)
        plan = await _planned(core, engine, statement, asker.budget_ms)
        if statement.mode != EXPLAIN:
            done = await _carried_out(asker, engine, body)
    total_us = (core.clock.monotonic() - started) / 1_000
    if statement.mode == PROFILE:
        plan = _profiled(plan, done, total_us - parsed_us)
    return Answer(
        statement=text,
        space=space,
        columns=done.found.columns,
        rows=done.found.rows,
        timings_us={"parse": parsed_us, **done.timings_us, "total": total_us},
        note=done.note,
        plan=plan if statement.mode else None,
        result=done.result,
    )


def _check_budget(budget_ms: object) -> None:
    is_number = isinstance(budget_ms, int | float) and not isinstance(budget_ms, bool)
    if not is_number or not cast("float", budget_ms) > 0:
        raise InvalidRequest(f"budget_ms {budget_ms!r} is not a number above 0")


async def _planned(core: Core, engine: SpaceEngine, statement: Statement, budget_ms: float) -> Plan:
    """Return the plan; QueryTooCostly when it is expected to cost more than the budget.

    A sample of rows is looked at only where somebody asks for the plan, or where it would cost too
    much if every row had to be read.
    """
    body = statement.body
    plan = plan_of(core, engine, body, sampled=False)
    if statement.mode or plan.cost_us > budget_ms * 1_000:
        if engine.view.sealed:
            plan = await engine.readers.run(lambda _: plan_of(core, engine, body, sampled=True))
        else:
            plan = plan_of(core, engine, body, sampled=True)
    if plan.cost_us > budget_ms * 1_000 and statement.mode != EXPLAIN:
        raise QueryTooCostly(plan.cost_us / 1_000, budget_ms, plan.costliest.name)
    return plan


def _profiled(plan: Plan, done: Done, total_us: float) -> Plan:
    if done.timings_us:
        return measured(plan, done.result, done.timings_us)
    return measured_whole(plan, len(done.found.rows), total_us)


async def _spaces(asker: Asker, named: str | None) -> Done:
    """Return the spaces that may be asked, or of them the one that is named."""
    if named is not None and not asker.allows(named):
        raise SpaceForbidden(named)
    infos = [each for each in await space_infos(asker.core) if asker.allows(each.id)]
    if named is not None:
        infos = [each for each in infos if each.id == named]
        if not infos:
            raise SpaceNotFound(named)
    return Done(query_rows.spaces(infos), infos)


async def _carried_out(asker: Asker, engine: SpaceEngine, body: Body) -> Done:
    if isinstance(body, Recall):
        return await _recall(asker.core, engine, body, explain=asker.explain)
    if isinstance(body, Predict):
        return await _predict(asker.core, engine, body, explain=asker.explain)
    return await _VERBS[type(body)](asker.core, engine, body)


async def _recall(core: Core, engine: SpaceEngine, body: Recall, *, explain: bool) -> Done:
    asked = asked_of(body)
    if asked.limit + asked.offset > LIMIT_MAX:
        raise InvalidRequest(
            f"LIMIT {asked.limit} OFFSET {asked.offset} goes beyond the {LIMIT_MAX:,} memories "
            "that a recall lists at most; narrow it with WHERE"
        )
    selection = _Selection(body, asked, core.clock.monotonic)
    question = _question(body.cue, asked.fetched)._replace(
        explain=explain,
        filters=pushed(body.where),
        select=selection if selection.is_needed else None,
    )
    filters: FilterArguments = {}
    if isinstance(body.as_of, Moment):
        filters = {"as_of": to_datetime(body.as_of.us * 1_000)}
    result = await reading.recall(core, engine, question, filters)
    note = result.note if result else selection.why_nothing(result)
    timings = {**result.timings_us, **selection.timings_us}
    hits = result.recollections
    rows = await in_turns(len(hits), lambda part: map(query_rows.recalled, hits[part]))
    return Done(query_rows.Rows(query_rows.RECALLED, tuple(rows)), result, note, timings)


def _vector(cue: object) -> object:
    return cue if isinstance(cue, tuple) else None


class _Selection:
    """Chooses from what was recalled by what is known of the answer alone, and sorts it."""

    def __init__(self, body: Recall, asked: Asked, monotonic: Callable[[], int]) -> None:
        self._body, self._asked, self._monotonic = body, asked, monotonic
        self.timings_us: dict[str, float] = {}
        self._recalled_count = 0
        self.is_needed = bool(asked.is_chosen or asked.offset or body.base_rate is not None)

    def __call__(self, view: View, hits: list[Hit]) -> list[Hit]:
        """Return what is listed, in the order asked for; ties stay in the order of rank."""
        began = self._monotonic()
        self._recalled_count = len(hits)
        listed = self._listed(view, hits)
        self.timings_us = {"select": (self._monotonic() - began) / 1_000}
        return listed

    def _listed(self, view: View, hits: list[Hit]) -> list[Hit]:
        body, asked = self._body, self._asked
        if body.base_rate is not None:
            base_rate = float(cast("float", body.base_rate))
            hits = [_based(hit, base_rate) for hit in hits]
        threshold = getattr(body.cue, "threshold", None)
        if threshold is not None:
            hits = [hit for hit in hits if hit.parts["similarity"] >= threshold]
        if body.confidence is not None:
            holds = _holding(body.confidence)
            hits = [hit for hit in hits if holds(hit.evidence.belief.value)]
        if body.order is not None:
            key = partial(_sorted_by, view, body.order.key)
            hits = sorted(hits, key=key, reverse=body.order.descending)
        return hits[asked.offset : asked.offset + asked.limit]

    def why_nothing(self, result: RecallResult) -> str | None:
        """Return why no row is left."""
        if not self._recalled_count:
            return result.note
        return (
            f"{self._recalled_count} memories were recalled, and none of them is left by "
            "THRESHOLD, CONFIDENCE and OFFSET"
        )


def _based(hit: Hit, base_rate: float) -> Hit:
    """Return a hit with its confidence taken as evidence, by Bayes' rule."""
    belief = Belief(*(given(base_rate, each, 1.0 - each) for each in hit.evidence.belief))
    return hit._replace(evidence=hit.evidence._replace(belief=belief))


def _sorted_by(view: View, key: str, hit: Hit) -> float:
    if key == "score":
        return hit.score
    if key == "relevance":
        found = hit.evidence
        standing = Standing(found.meaning, found.words, hit.lead, hit.rank)
        return relevance(grounds_of(hit.score, hit.parts, standing))
    if key == "confidence":
        return hit.evidence.belief.value
    column = _COLUMNS.get(key)
    return hit.parts[key] if column is None else view.value(column, hit.row)


async def _predict(core: Core, engine: SpaceEngine, body: Predict, *, explain: bool) -> Done:
    horizon = body.horizon
    horizon_ns = round(horizon.seconds * 1e9) if isinstance(horizon, Span) else None
    ids = cast("tuple[str, ...]", body.given)
    found = await following(engine, ids, horizon_ns, core.clock.now())
    if not found.beliefs:
        within = "" if horizon_ns is None else " within the horizon"
        said = f"nothing followed the memories that were given{within}"
        return Done(query_rows.predicted((), found), None, said)
    question = _question(body.cue, LIMIT_MAX)._replace(
        explain=explain,
        mode=SIMILARITY,
        filters=Filters(where=Among("id", tuple(found.beliefs))),
        select=believed(
            found,
            threshold=getattr(body.cue, "threshold", None),
            holds=_holding(body.confidence),
            limit=count_of(body.limit, RECALL_LIMIT),
        ),
    )
    result = await reading.recall(core, engine, question, {})
    if explain and result:
        result = await explained(engine, found, result)
    note = None if result else "nothing that followed is what was asked for, as surely as that"
    return Done(query_rows.predicted(result, found), result, note)


def _holding(bound: Bound | None) -> Callable[[float], bool]:
    """Return what says whether a confidence is what was asked for."""
    if bound is None:
        return lambda _: True
    holds, wanted = _COMPARE[bound.operator], float(cast("float", bound.value))
    return lambda each: holds(each, wanted)


def _question(cue: Cue, limit: int) -> Question:
    return Question(
        text=cue if isinstance(cue, str) else None,
        embedding=cue.numbers if isinstance(cue, VectorCue) else _vector(cue),  # type: ignore[arg-type]
        limit=limit,
        explain=False,
        memory_ids=(cue.id,) if isinstance(cue, MemoryCue) else (),
    )


async def _imagine(core: Core, engine: SpaceEngine, body: Imagine) -> Done:
    threshold = getattr(body.cue, "threshold", None)
    ids = tuple(map(str, body.based_on))
    question = _question(body.cue, SOURCES_MAX)._replace(
        reinforce=False,
        filters=Filters(where=Among("id", ids)) if ids else NO_FILTERS,
        select=None if threshold is None else partial(_alike, threshold),
    )
    result = await reading.recall(core, engine, question, {})
    novelty = NOVELTY if body.novelty is None else float(cast("float", body.novelty))
    holds, limit = _holding(body.confidence), count_of(body.limit, RECALL_LIMIT)
    found = imagined(sources_of(result), novelty, holds, limit)
    note = result.note or (None if found else "nothing that came to mind can be told so surely")
    return Done(query_rows.blended(found), tuple(found), note)


async def _consolidate(core: Core, engine: SpaceEngine, body: Consolidate) -> Done:
    if body.where is None:
        episodes = await _brought_to_mind(core, engine, cast("Cue", body.cue))
    else:
        episodes = await consolidating.episodes_of(engine, body.where)
    done = await consolidating.form(core, engine, cast("str", body.into), episodes)
    if done.concept is None:
        note = f"a concept stands on {MEMBERS_MIN} episodes with a vector at least; "
        return Done(query_rows.named(()), None, f"{note}{done.episodes} found")
    is_new = done.concept.memory.id not in done.older
    said = None if is_new else "the concept cites all of these already; nothing changed"
    return Done(query_rows.named((done.concept,)), done.concept, said)


async def _brought_to_mind(core: Core, engine: SpaceEngine, cue: Cue) -> list[MemoryId]:
    """Return the ids of the episodes that RECALL of a cue lists."""
    threshold = getattr(cue, "threshold", None)
    limit = RECALL_LIMIT if threshold is None else CONCEPT_EPISODES_MAX
    question = _question(cue, limit)._replace(
        reinforce=False,
        filters=Filters(where=_EPISODIC),
        select=None if threshold is None else partial(_alike, threshold),
    )
    result = await reading.recall(core, engine, question, {})
    return [parse_id(hit.memory.id) for hit in result]


def _alike(threshold: float, _: View, hits: list[Hit]) -> list[Hit]:
    return [hit for hit in hits if hit.parts["similarity"] >= threshold]


_VERBS: Final[dict[type, Callable[[Core, SpaceEngine, Any], Awaitable[Done]]]] = {
    Imagine: _imagine,
    Consolidate: _consolidate,
    **VERBS,
}
