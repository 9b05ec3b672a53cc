"""The JSON types of answers about statements, concepts, spaces and the server itself."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from engram.engine.verification import SpaceReport
from engram.model.answer import Answer, AnswerRow, PlanStep
from engram.model.concepts import Belief, Concept
from engram.model.health import SpaceHealth
from engram.model.memory import SpaceInfo
from engram.model.recollection import Interval
from engram.service.wire.answered import MemoryValue, Moment, memory_value


class RowValue(msgspec.Struct, frozen=True):
    """One row of an answer: its fields by column, and what it stands on."""

    fields: dict[str, Any]
    confidence: float | None
    confidence_interval: Interval | None
    evidence: tuple[str, ...]
    memory: MemoryValue | None


class PlanValue(msgspec.Struct, frozen=True):
    """How a statement is carried out, and what that is expected to cost."""

    cost_us: float
    steps: tuple[PlanStep, ...]


class AnswerValue(msgspec.Struct, frozen=True):
    """What a statement of the query language is answered with."""

    statement: str
    space: str
    columns: tuple[str, ...]
    rows: tuple[RowValue, ...]
    confidence: float | None
    confidence_interval: Interval | None
    evidence: tuple[str, ...]
    note: str | None
    plan: PlanValue | None
    timings_us: dict[str, float]


def answer_value(answer: Answer) -> AnswerValue:
    """Return an answer as a value."""
    plan = answer.plan
    return AnswerValue(
        statement=answer.statement,
        space=answer.space,
        columns=answer.columns,
        rows=tuple(map(_row_value, answer.rows)),
        confidence=answer.confidence,
        confidence_interval=answer.confidence_interval,
        evidence=answer.evidence,
        note=answer.note,
        plan=None if plan is None else PlanValue(plan.cost_us, plan.steps),
        timings_us=dict(answer.timings_us),
    )


def _row_value(row: AnswerRow) -> RowValue:
    memory = None if row.memory is None else memory_value(row.memory)
    fields = dict(row.fields)
    return RowValue(fields, row.confidence, row.confidence_interval, row.evidence, memory)


class ConceptValue(msgspec.Struct, frozen=True):
    """A concept, and the episodes it was formed of."""

    memory: MemoryValue
    coherence: float
    terms: tuple[str, ...]
    episodes: tuple[str, ...]
    name: str | None


class ConceptsValue(msgspec.Struct, frozen=True):
    """The concepts of a space, the last first."""

    concepts: tuple[ConceptValue, ...]


def concept_value(concept: Concept) -> ConceptValue:
    """Return a concept as a value."""
    memory = memory_value(concept.memory)
    return ConceptValue(memory, concept.coherence, concept.terms, concept.episodes, concept.name)


class BeliefValue(msgspec.Struct, frozen=True):
    """What a concept said for a time, and on what evidence."""

    memory: MemoryValue
    held_from: Moment
    held_until: Moment | None
    coherence: float
    terms: tuple[str, ...]
    episodes: tuple[str, ...]
    name: str | None


class BeliefsValue(msgspec.Struct, frozen=True):
    """All versions of a concept, the oldest first."""

    versions: tuple[BeliefValue, ...]


def belief_value(belief: Belief) -> BeliefValue:
    """Return one version of a concept as a value."""
    return BeliefValue(
        memory_value(belief.memory),
        belief.held_from,
        belief.held_until,
        belief.coherence,
        belief.terms,
        belief.episodes,
        belief.name,
    )


class SpacesValue(msgspec.Struct, frozen=True):
    """The memory spaces of the store."""

    spaces: tuple[SpaceInfo, ...]


class NewSpaceValue(msgspec.Struct, frozen=True):
    """A memory space that was created."""

    id: str
    created: Literal[True] = True


class DroppedSpaceValue(msgspec.Struct, frozen=True):
    """A memory space that was deleted with all its bytes."""

    id: str
    deleted: Literal[True] = True


class AliveValue(msgspec.Struct, frozen=True):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyValue(msgspec.Struct, frozen=True):
    """Whether every space can be used, and how many are being recovered or damaged."""

    ready: bool
    recovering: int = 0
    unavailable: int = 0
    """Damaged ones; the others are served all the same."""


class HealthValue(msgspec.Struct, frozen=True):
    """How the spaces of the store stand, as measured now."""

    spaces: tuple[SpaceHealth, ...]
    resident_bytes: dict[str, int]
    memory_budget: int


class IntrospectValue(msgspec.Struct, frozen=True):
    """What the server is made of, and every number it measures under its metric's name."""

    version: str
    kernels: str
    isa: str
    embedder: str | None
    spaces: int
    metrics: dict[str, float]


class ReembeddedValue(msgspec.Struct, frozen=True):
    """How many memories of a space have vectors of the store's embedder now."""

    space: str
    embedded: int
    embedder: str


class LinkedValue(msgspec.Struct, frozen=True):
    """How many memories of a space are not linked yet to what they are like."""

    space: str
    unlinked: int


class DamageValue(msgspec.Struct, frozen=True):
    """One thing that is wrong: where, why, what is lost if it is given up, what serves instead."""

    path: str
    offset: int
    reason: str
    lost: str
    instead: str


class WayValue(msgspec.Struct, frozen=True):
    """A way to the present: from the snapshot at an LSN (0: none), where it led, or why not."""

    snapshot_lsn: int
    lsn: int
    digest: str
    error: str | None


class VerifiedValue(msgspec.Struct, frozen=True):
    """A space that was read again, all its files; damage is empty when it is whole."""

    space: str
    entries: int
    bytes_read: int
    duration_ms: float
    opens: bool
    lsn: int
    digest: str
    ways: tuple[WayValue, ...]
    damage: tuple[DamageValue, ...]


def verified_value(report: SpaceReport) -> VerifiedValue:
    """Return a report as a value."""
    return VerifiedValue(
        report.space,
        report.entries,
        report.bytes_read,
        report.duration_ms,
        report.opens,
        report.lsn,
        report.digest,
        tuple(WayValue(*each) for each in report.ways),
        tuple(DamageValue(*each) for each in report.damage),
    )
