"""How a statement is carried out, and what that is expected to cost.

Costs are microseconds on the machine the constants were measured on; what a caller is promised is
their order, and that a statement of a size is refused or not, wherever it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import numpy as np

from engram.model.answer import Plan, PlanStep
from engram.model.completion import HYPOTHESES_MAX
from engram.model.conditions import (
    METADATA,
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Contains,
    Has,
    Matches,
    Moment,
    Not,
    reads_bodies,
)
from engram.model.limits import CONCEPT_EPISODES_MAX, LIMIT_MAX
from engram.query.printer import printed_condition
from engram.query.syntax import (
    Complete,
    Consolidate,
    Imagine,
    Predict,
    Recall,
    ShowAssociations,
    ShowBeliefs,
    ShowConcepts,
    ShowContradictions,
    ShowPaths,
    ShowStats,
    Spread,
)
from engram.retrieval.conditions import Judge
from engram.service.expected_cost import (
    BOUND_US,
    FILTER_US,
    HIT_US,
    INDEX_US,
    SCAN_US,
    SCORE_US,
    SPREAD_US,
    WORDS_US,
)
from engram.service.imagining import SOURCES_MAX

if TYPE_CHECKING:
    from engram.engine.space_engine import SpaceEngine
    from engram.model.recall_result import RecallResult
    from engram.query.syntax import Body
    from engram.service.core import Core
    from engram.state.space import View

RECALL_LIMIT: Final = 10
SPREAD_LIMIT: Final = 100
SHOW_LIMIT: Final = 100
SPREAD_HOPS: Final = 3
EDGE_BUDGET: Final = 200_000

# Microseconds: to read a text of a hundred characters and look for another in it, or compare it
# with a pattern, to read metadata the first time, to make a memory of a row.
CONTAINS_US, MATCHES_US, METADATA_US, RESULT_US = 0.9, 4.0, 10.0, 20.0
# To follow an edge, to read what a text says of whom, to embed a short text with the embedder that
# comes along, to score what is recalled, and to see what followed a memory.
EDGE_US, STATEMENT_US, EMBED_US, FUSE_US, FOLLOW_US = 0.008, 21.0, 100.0, 250.0, 700.0
# And to read an episode the first time, and to weigh it for a hypothesis.
EPISODE_US, COMPLETE_US = 16.0, 0.5

# And to form a concept and record it, and to have it cite one more episode.
FORM_US, MEMBER_US = 4_500.0, 9.0

# So many rows are looked at to guess how many meet a condition.
_SAMPLE_ROWS: Final = 128
# What is guessed of conditions on metadata, which are not read for a guess.
_METADATA_SHARE: Final = 0.1
_OPTIONAL_US = 25.0

SPACES_PLAN: Final = Plan((PlanStep("show", "every space, opened if need be", 1, _OPTIONAL_US),))
"""Of SHOW SPACES, which belongs to no space."""


class Asked(NamedTuple):
    """A recall as it is carried out: how many are fetched, and whether they are chosen from."""

    fetched: int
    is_chosen: bool
    limit: int
    offset: int


def asked_of(body: Recall) -> Asked:
    """Return how many memories a recall fetches to list what was asked for.

    What is known of the answer alone (confidence, threshold, order) is judged over all that the
    recall may list, so that LIMIT and OFFSET count what is left.
    """
    limit = RECALL_LIMIT if body.limit is None else _int(body.limit)
    offset = 0 if body.offset is None else _int(body.offset)
    threshold = getattr(body.cue, "threshold", None)
    is_sorted = body.order is not None and (body.order.key, body.order.descending) != (
        "score",
        True,
    )
    is_chosen = is_sorted or body.confidence is not None or threshold is not None
    fetched = LIMIT_MAX if is_chosen else min(limit + offset, LIMIT_MAX)
    return Asked(fetched, is_chosen, limit, offset)


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def plan_of(core: Core, engine: SpaceEngine, body: Body, *, sampled: bool) -> Plan:
    """Return the plan of a bound statement; without `sampled` every row may meet its conditions.

    Sampling may read sealed segments, and then it blocks.
    """
    view = engine.view
    if isinstance(body, Recall):
        return Plan(_recall_steps(core, engine, view, body, sampled=sampled))
    if isinstance(body, Consolidate):
        return Plan((_consolidate_step(core, engine, view, body, sampled=sampled),))
    return Plan((_other_step(engine, view, body),))


def _recall_steps(
    core: Core, engine: SpaceEngine, view: View, body: Recall, *, sampled: bool
) -> tuple[PlanStep, ...]:
    asked, living = asked_of(body), view.count - view.forgotten_count
    share = 1.0
    if body.where is not None and sampled:
        share = share_meeting(engine, view, body.where)
    passing = round(living * share)
    has_text = isinstance(body.cue, str)
    steps = []
    if has_text and view.dimensions and core.embedder is not None:
        steps.append(PlanStep("embed", f"the cue by {view.embedder}", 1, EMBED_US))
    steps.append(_filter_step(engine, view, body, passing, sampled=sampled))
    found = min(passing, asked.fetched)
    if view.dimensions and (not has_text or core.embedder is not None):
        steps.append(_vector_step(engine, view, found))
    if has_text:
        behind = max(0, view.count - engine.words.rows_indexed)
        cost = view.count * WORDS_US + behind * INDEX_US
        steps.append(PlanStep("words", "BM25 over the passing rows", found, cost))
    edges = view.associations.edge_count
    if edges:
        detail = f"activation over up to {min(edges, EDGE_BUDGET):,} of {edges:,} associations"
        steps.append(PlanStep("spread", detail, found, SPREAD_US))
    cost = FUSE_US + found * HIT_US + min(found, asked.limit) * RESULT_US
    steps.append(PlanStep("fuse", "scores and confidences", found, cost))
    if asked.is_chosen or asked.offset:
        kept = max(0, min(asked.limit, found - asked.offset))
        steps.append(PlanStep("select", _selection(body, asked), kept, _OPTIONAL_US))
    return tuple(steps)


def _filter_step(
    engine: SpaceEngine, view: View, body: Recall, passing: int, *, sampled: bool
) -> PlanStep:
    said = []
    if body.where is not None and sampled:  # else nobody reads it
        said.append(printed_condition(body.where))
    if isinstance(body.as_of, Moment):
        said.append("what was known then")
    cost = 0.0 if body.where is None and body.as_of is None else view.count * FILTER_US
    if body.where is not None:
        rows = _rows_read(engine, view, body.where) if sampled else view.count
        cost += bodies_us(engine, view, body.where, rows)
    return PlanStep("filter", "; ".join(said) or "what lives", passing, cost)


def _consolidate_step(
    core: Core, engine: SpaceEngine, view: View, body: Consolidate, *, sampled: bool
) -> PlanStep:
    """Return the one step of CONSOLIDATE: what is chosen, and a concept of it."""
    if body.cue is not None:
        steps = _recall_steps(core, engine, view, Recall(body.cue), sampled=sampled)
        found, detail = steps[-1].rows, "what a recall brings to mind"
    else:
        share = share_meeting(engine, view, cast("Condition", body.where)) if sampled else 1.0
        passing = round((view.count - view.forgotten_count) * share)
        asked = Recall("", where=body.where)
        steps = (_filter_step(engine, view, asked, passing, sampled=sampled),)
        found, detail = min(passing, CONCEPT_EPISODES_MAX), steps[0].detail
    cost = sum(step.cost_us for step in steps) + FORM_US + found * MEMBER_US
    return PlanStep("consolidate", f"{detail}, into {body.into}", 1, cost)


def _rows_read(engine: SpaceEngine, view: View, condition: Condition) -> int:
    """Return of about how many rows bodies are read: those that pass what columns tell."""
    parts = condition.parts if isinstance(condition, AllOf) else ()
    cheap = tuple(part for part in parts if not reads_bodies(part))
    if not cheap:
        return view.count
    least = 1 / _SAMPLE_ROWS  # a sample does not tell how much rarer it is
    return round(view.count * max(least, share_meeting(engine, view, AllOf(cheap))))


def _vector_step(engine: SpaceEngine, view: View, found: int) -> PlanStep:
    sketched = view.hot.count - engine.sketches.behind(view.hot)
    sealed = view.count - view.hot.count if view.sealed else 0
    cost = (sketched + sealed) * BOUND_US + (view.hot.count - sketched) * SCAN_US
    cost += engine.sketches.scored_expected * SCORE_US
    return PlanStep("vectors", f"cosines of {view.dimensions} dimensions", found, cost)


def _selection(body: Recall, asked: Asked) -> str:
    threshold = getattr(body.cue, "threshold", None)
    said = [f"of up to {asked.fetched:,} recalled"]
    if threshold is not None:
        said.append(f"similarity >= {threshold}")
    if body.confidence is not None:
        said.append(f"confidence {body.confidence.operator} {body.confidence.value}")
    if body.order is not None:
        said.append(f"sorted by {body.order.key}")
    return ", ".join([*said, f"{asked.limit:,} from {asked.offset:,} on"])


class _Size(NamedTuple):
    """How large a space is, as far as statements other than a recall go by it."""

    rows: int
    edges: int
    nodes: int
    unread: int
    untold: int


def _spread_step(size: _Size, body: Spread) -> PlanStep:
    hops = _int(body.max_hops) or SPREAD_HOPS
    reached = min(len(body.sources) * (size.edges / size.nodes + 1) ** hops, size.edges)
    reached = min(reached, EDGE_BUDGET)
    rows = min(int(reached), _int(body.limit) or SPREAD_LIMIT)
    return PlanStep("spread", f"up to {hops} hops", rows, _OPTIONAL_US + reached * EDGE_US)


def _predict_step(_: _Size, body: Predict) -> PlanStep:
    rows = _int(body.limit) or RECALL_LIMIT
    detail = f"forward from {len(body.given)} memories, then what resembles the cue"
    cost = len(body.given) * FOLLOW_US + FUSE_US + rows * (HIT_US + RESULT_US)
    return PlanStep("predict", detail, rows, cost)


def _imagine_step(size: _Size, body: Imagine) -> PlanStep:
    rows = _int(body.limit) or RECALL_LIMIT
    detail = f"blends of up to {SOURCES_MAX} memories that a recall brings to mind"
    cost = size.rows * SCAN_US + SPREAD_US + FUSE_US + SOURCES_MAX * (HIT_US + RESULT_US)
    return PlanStep("imagine", detail, rows, cost)


def _complete_step(size: _Size, body: Complete) -> PlanStep:
    rows = _int(body.limit) or HYPOTHESES_MAX
    cost = FUSE_US + size.untold * EPISODE_US + size.rows * rows * COMPLETE_US
    return PlanStep("complete", f"of {len(body.given)} given fields", rows, cost)


def _paths_step(size: _Size, body: ShowPaths) -> PlanStep:
    k = _int(body.limit) or 1
    return PlanStep("paths", f"{k} of them", k, _OPTIONAL_US + k * size.edges * EDGE_US)


def _associations_step(size: _Size, body: ShowAssociations) -> PlanStep:
    rows = min(_int(body.limit) or SHOW_LIMIT, round(size.edges / size.nodes))
    return PlanStep("associations", "of one memory", rows, _OPTIONAL_US + size.edges * EDGE_US)


def _contradictions_step(size: _Size, body: ShowContradictions) -> PlanStep:
    rows = _int(body.limit) or SHOW_LIMIT
    cost = _OPTIONAL_US + size.unread * STATEMENT_US
    return PlanStep("contradictions", "what texts say of whom", rows, cost)


def _concepts_step(size: _Size, body: ShowConcepts | ShowBeliefs) -> PlanStep:
    rows = _int(getattr(body, "limit", None)) or SHOW_LIMIT
    cost = _OPTIONAL_US + size.rows * FILTER_US + size.edges * EDGE_US
    return PlanStep("concepts", "with what they cite", rows, cost)


_STEPS: Final[dict[type, Callable[[_Size, Any], PlanStep]]] = {
    Spread: _spread_step,
    Predict: _predict_step,
    Imagine: _imagine_step,
    Complete: _complete_step,
    ShowPaths: _paths_step,
    ShowAssociations: _associations_step,
    ShowContradictions: _contradictions_step,
    ShowConcepts: _concepts_step,
    ShowBeliefs: _concepts_step,
    ShowStats: lambda *_: PlanStep("show", "what is counted anyway", 1, _OPTIONAL_US),
}


def _other_step(engine: SpaceEngine, view: View, body: Body) -> PlanStep:
    edges, nodes = view.associations.edge_count, max(1, view.associations.node_count)
    read = (engine.facts.rows_read, engine.facts.episodes.rows_read)
    size = _Size(view.count, edges, nodes, *(max(0, view.count - rows) for rows in read))
    return _STEPS[type(body)](size, body)


def bodies_us(engine: SpaceEngine, view: View, condition: Condition, rows: int) -> float:
    """Return what judging some rows by a condition takes beside their columns."""
    if isinstance(condition, AllOf | AnyOf):
        return sum(bodies_us(engine, view, part, rows) for part in condition.parts)
    if isinstance(condition, Not):
        return bodies_us(engine, view, condition.part, rows)
    if isinstance(condition, Matches):
        return rows * MATCHES_US
    if isinstance(condition, Contains) or condition.field == "content":
        return rows * CONTAINS_US
    if not condition.field.startswith(METADATA):
        return 0.0
    path = condition.field.removeprefix(METADATA)
    return engine.row_masks.metadata.unread(view, path) * METADATA_US


def share_meeting(engine: SpaceEngine, view: View, condition: Condition) -> float:
    """Return about what share of rows meets a condition, from a sample spread over all."""
    count = min(view.count, _SAMPLE_ROWS)
    if not count:
        return 0.0
    rows = np.linspace(0, view.count - 1, count).astype(np.int64)
    judge = Judge(view, engine.row_masks.metadata)
    return _share(judge, condition, rows)


def _share(
    judge: Judge, condition: Condition, rows: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> float:
    """Return the share of some rows that meet a condition; parts on metadata are guessed."""
    if not _on_metadata(condition):
        return float(judge.meets(condition, rows).mean())
    if isinstance(condition, Not):
        return 1.0 - _share(judge, condition.part, rows)
    if isinstance(condition, AllOf):
        return float(np.prod([_share(judge, part, rows) for part in condition.parts]))
    if isinstance(condition, AnyOf):
        return 1.0 - float(np.prod([1.0 - _share(judge, part, rows) for part in condition.parts]))
    is_other = isinstance(condition, Compare) and condition.operator == "!="
    return 1.0 - _METADATA_SHARE if is_other else _METADATA_SHARE


def _on_metadata(condition: Condition) -> bool:
    if isinstance(condition, AllOf | AnyOf):
        return any(map(_on_metadata, condition.parts))
    if isinstance(condition, Not):
        return _on_metadata(condition.part)
    if isinstance(condition, Contains | Matches | Has):
        return False
    return condition.field.startswith(METADATA)


_MEASURED: Final = {
    "embed": ("embed",),
    "filter": ("filter",),
    "vectors": ("vectors", "sketches", "rerank"),
    "words": ("words",),
    "spread": ("seeds", "spread"),
    "fuse": ("fuse", "evidence", "memories"),
    "select": ("select",),
}


def measured(plan: Plan, result: RecallResult, timings_us: Mapping[str, float]) -> Plan:
    """Return the plan of a recall with what it came to."""
    steps = []
    rows = {
        "filter": result.candidates,
        "spread": result.query_analysis.reached,
        "select": len(result),
    }
    for step in plan.steps:
        took = [timings_us[name] for name in _MEASURED[step.name] if name in timings_us]
        steps.append(_with(step, rows.get(step.name), sum(took) if took else None))
    return Plan(tuple(steps))


def measured_whole(plan: Plan, rows: int, total_us: float) -> Plan:
    """Return the plan of one step with what it came to."""
    return Plan(tuple(_with(step, rows, total_us) for step in plan.steps))


def _with(step: PlanStep, rows: int | None, took_us: float | None) -> PlanStep:
    return PlanStep(step.name, step.detail, step.rows, step.cost_us, rows, took_us)
