"""The JSON of answers, as the types of the library; what both spell alike is read as it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from engram.model.activation import ActivationColumns, Activations
from engram.model.answer import Answer, AnswerRow, Plan, PlanStep
from engram.model.association import Association, AssociationPath, NearDuplicate, Neighbour
from engram.model.completion import CompletedField, Completion, Hypothesis
from engram.model.concepts import Belief, Concept
from engram.model.contradiction import Contradiction
from engram.model.explanation import PathStep
from engram.model.health import SpaceHealth, StoreHealth
from engram.model.ids import parse_ids
from engram.model.memory import Memory, ResidentBytes, SpaceInfo
from engram.model.recall_result import RecallResult
from engram.model.recognition import Recognition
from engram.model.recollection import Interval, QueryAnalysis, Recollection

if TYPE_CHECKING:
    from engram.engine.verification import SpaceReport

# Columns of answers, and names of statistics, that hold times; JSON has them as text.
_TIMES: Final = frozenset(
    ("occurred", "created", "made_at", "held_from", "held_until", "checkpoint_at", "scrubbed_at")
)


class _Step(msgspec.Struct):
    memory_id: str | None
    label: str | None
    kind: str | None
    weight: float


def _way(steps: tuple[_Step, ...]) -> tuple[PathStep, ...]:
    return tuple(PathStep(each.memory_id, each.label, each.kind, each.weight) for each in steps)


class Recalled(msgspec.Struct):
    """One recalled memory."""

    memory: Memory
    score: float
    parts: dict[str, float]
    group: str
    confidence: float
    confidence_interval: Interval
    path: tuple[_Step, ...]
    cites: tuple[str, ...]
    explanation: str | None
    matched_terms: tuple[str, ...]
    paths: tuple[tuple[_Step, ...], ...]
    meaning: float
    words: float
    lead: float
    rank: int

    def value(self) -> Recollection:
        """Return it as the library does."""
        return Recollection(
            memory=self.memory,
            score=self.score,
            parts=self.parts,
            matched_terms=self.matched_terms,
            explanation=self.explanation,
            confidence=self.confidence,
            confidence_interval=self.confidence_interval,
            group=self.group,
            path=_way(self.path),
            paths=tuple(map(_way, self.paths)),
            cites=self.cites,
            meaning=self.meaning,
            words=self.words,
            lead=self.lead,
            rank=self.rank,
        )


class RecalledMany(msgspec.Struct):
    """A whole recall."""

    recollections: tuple[Recalled, ...]
    candidates: int
    searched: int
    lsn: int
    note: str | None
    query_analysis: QueryAnalysis
    timings_us: dict[str, float]

    def value(self, cue: str | None) -> RecallResult:
        """Return it as the library does."""
        return RecallResult(
            tuple(each.value() for each in self.recollections),
            self.timings_us,
            self.candidates,
            self.searched,
            self.lsn,
            self.note,
            self.query_analysis,
            cue,
        )


class Recognized(msgspec.Struct):
    """How familiar something is."""

    familiarity: float
    familiarity_interval: Interval
    identical: str | None
    nearest: tuple[Recalled, ...]
    note: str | None

    def value(self) -> Recognition:
        """Return it as the library does."""
        return Recognition(
            self.familiarity,
            self.familiarity_interval,
            self.identical,
            tuple(each.value() for each in self.nearest),
            self.note,
        )


class _Hypothesis(msgspec.Struct):
    fields: dict[str, CompletedField]
    confidence: float


class Completed(msgspec.Struct):
    """Hypotheses of an episode."""

    hypotheses: tuple[_Hypothesis, ...]
    note: str | None

    def value(self) -> Completion:
        """Return it as the library does."""
        found = tuple(Hypothesis(each.fields, each.confidence) for each in self.hypotheses)
        return Completion(found, self.note)


class Versions(msgspec.Struct):
    """All versions of a memory."""

    versions: tuple[Memory, ...]


class _Label(msgspec.Struct):
    label: str
    memories: int


class Labels(msgspec.Struct):
    """Labels and how many memories have each."""

    labels: tuple[_Label, ...]


class Associations(msgspec.Struct):
    """Associations of a memory."""

    associations: tuple[Association, ...]


class Ended(msgspec.Struct):
    """How many associations were ended."""

    ended: int


class Neighbours(msgspec.Struct):
    """Memories around one."""

    neighbours: tuple[Neighbour, ...]


class Paths(msgspec.Struct):
    """Ways between two memories."""

    paths: tuple[AssociationPath, ...]


class _Activation(msgspec.Struct):
    memory_id: str | None
    label: str | None
    activation: float
    hops: int


class Activated(msgspec.Struct):
    """What activation reached."""

    activations: tuple[_Activation, ...]
    reached_count: int
    edges_count: int
    is_partial: bool

    def value(self) -> Activations:
        """Return it as the library does."""
        found = self.activations
        halves = np.frombuffer(parse_ids([each.memory_id or _NOBODY for each in found]), ">u8")
        columns = ActivationColumns(
            halves[::2].astype(np.uint64),
            halves[1::2].astype(np.uint64),
            np.array([each.activation for each in found], np.float32),
            np.array([each.hops for each in found], np.uint8),
            {at: each.label for at, each in enumerate(found) if each.label is not None},
        )
        return Activations(
            columns, self.reached_count, self.edges_count, is_partial=self.is_partial
        )


_NOBODY: Final = "00000000-0000-0000-0000-000000000000"


class Contradictions(msgspec.Struct):
    """What memories say that cannot be true together."""

    contradictions: tuple[Contradiction, ...]


class Pairs(msgspec.Struct):
    """Memories that may say the same."""

    pairs: tuple[NearDuplicate, ...]


class Concepts(msgspec.Struct):
    """The concepts of a space."""

    concepts: tuple[Concept, ...]


class Beliefs(msgspec.Struct):
    """All versions of a concept."""

    versions: tuple[Belief, ...]


class _Row(msgspec.Struct):
    fields: dict[str, Any]
    confidence: float | None
    confidence_interval: Interval | None
    evidence: tuple[str, ...]
    memory: Memory | None


class _Plan(msgspec.Struct):
    steps: tuple[PlanStep, ...]


class Answered(msgspec.Struct):
    """What a statement was answered with."""

    statement: str
    space: str
    columns: tuple[str, ...]
    rows: tuple[_Row, ...]
    note: str | None
    plan: _Plan | None
    timings_us: dict[str, float]

    def value(self) -> Answer:
        """Return it as the library does, without its `result`."""
        return Answer(
            self.statement,
            self.space,
            self.columns,
            tuple(map(_row, self.rows)),
            self.timings_us,
            self.note,
            None if self.plan is None else Plan(self.plan.steps),
        )


def _row(row: _Row) -> AnswerRow:
    return AnswerRow(
        _fields(row.fields), row.confidence, row.confidence_interval, row.evidence, row.memory
    )


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a row with times as times and lists as tuples."""
    found = {name: _field(name, value) for name, value in fields.items()}
    if found.keys() == {"name", "value"}:
        found["value"] = _field(str(found["name"]), found["value"])
    return found


def _field(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, str) and name in _TIMES:
        return datetime.fromisoformat(value)
    return value


class Spaces(msgspec.Struct):
    """The memory spaces of a store."""

    spaces: tuple[SpaceInfo, ...]


class Health(msgspec.Struct):
    """How a store and its spaces stand."""

    spaces: tuple[SpaceHealth, ...]
    resident_bytes: dict[str, int]
    memory_budget: int

    def value(self) -> StoreHealth:
        """Return it as the library does."""
        named = {each: self.resident_bytes.get(each, 0) for each in ResidentBytes._fields}
        return StoreHealth(ResidentBytes(**named), self.memory_budget, self.spaces)


class Reembedded(msgspec.Struct):
    """How many memories were embedded."""

    embedded: int


class Linked(msgspec.Struct):
    """How many memories are not linked yet."""

    unlinked: int


class _Damage(msgspec.Struct):
    path: str
    offset: int
    reason: str
    lost: str
    instead: str


class _VerifiedWay(msgspec.Struct):
    snapshot_lsn: int
    lsn: int
    digest: str
    error: str | None


class Verified(msgspec.Struct):
    """What reading a space again found."""

    space: str
    entries: int
    bytes_read: int
    duration_ms: float
    opens: bool
    lsn: int
    digest: str
    ways: tuple[_VerifiedWay, ...]
    damage: tuple[_Damage, ...]

    def value(self) -> SpaceReport:
        """Return it as the library does."""
        from engram.engine.verification import Damage, SpaceReport, Way  # noqa: PLC0415 - seldom

        return SpaceReport(
            self.space,
            self.entries,
            self.bytes_read,
            self.duration_ms,
            self.opens,
            self.lsn,
            self.digest,
            [Way(*msgspec.structs.astuple(each)) for each in self.ways],
            [Damage(*msgspec.structs.astuple(each)) for each in self.damage],
        )


class _Restored(msgspec.Struct):
    space: str
    backup_id: str
    backup_space: str
    lsn: int
    memories: int
    recorded_last: datetime
    digest: str
    erased: int


class RestoredSpaces(msgspec.Struct):
    """The spaces that were restored."""

    spaces: tuple[_Restored, ...]
