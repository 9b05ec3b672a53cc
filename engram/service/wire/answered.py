"""The JSON types of answers, and how they are made of what the library returns.

Times are ISO 8601 in UTC. What is not declared here is a type of `engram.model` as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec.structs import astuple

from engram.model.activation import Activations
from engram.model.association import Association, AssociationPath, Neighbour
from engram.model.categories import category_of
from engram.model.completion import Completion, Hypothesis
from engram.model.details import Episode
from engram.model.explanation import PathStep
from engram.model.memory import ForgetReceipt, Memory, RememberedMany
from engram.model.recall_result import RecallResult
from engram.model.recognition import Recognition
from engram.model.recollection import Interval, QueryAnalysis, Recollection

T = TypeVar("T", bound=msgspec.Struct)
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


def _copier(kind: type[T]) -> Callable[[Any], T]:
    """Return what makes a `kind` of an object that has attributes of the same names."""
    read = attrgetter(*kind.__struct_fields__)
    return lambda source: kind(*read(source))


class MemoryValue(msgspec.Struct, frozen=True):
    """A memory with its times and its strength now; the fields of `Memory` in their order."""

    id: str
    space: str
    content: str
    kind: str
    confidence: float
    occurred_at: Moment
    recorded_at: Moment
    tags: tuple[str, ...]
    source: str | None
    session: str | None
    metadata: dict[str, Any] | None
    seen_count: int
    stability_days: float
    difficulty: float
    retrievability: float
    ended_at: Moment | None
    entities: tuple[str, ...]
    priority: int
    expires_at: Moment | None
    episode: Episode | None
    confidence_reason: str | None
    fact_key: str | None
    fact_value: str | None
    supersedes: str | None
    superseded_by: str | None
    access_count: int
    last_access_at: Moment | None
    suppressed: bool
    confidence_category: str


# All fields in their order: by their names they took more than twice as long.
_memory: Final[Callable[..., MemoryValue]] = MemoryValue


def memory_value(memory: Memory) -> MemoryValue:
    """Return a memory as a value."""
    return _memory(*astuple(memory), category_of(memory.confidence))


def memory_values(memories: Iterable[Memory]) -> tuple[MemoryValue, ...]:
    """Return memories as values."""
    return tuple(map(memory_value, memories))


class RememberedValue(msgspec.Struct, frozen=True):
    """A memory that is durable now: what it is called and what it is connected with already."""

    id: str
    space: str
    lsn: int
    created: bool
    confidence: float
    links: int
    """Associations that leave it so far; those to what is like it follow in the background."""
    near_duplicates: tuple[str, ...] = ()
    """Memories that are known to say the same, perhaps."""


class RememberedManyValue(msgspec.Struct, frozen=True):
    """Memories that are durable now: an id for each, in order."""

    ids: list[str]
    space: str
    lsn: int
    created_count: int


class PageValue(msgspec.Struct, frozen=True):
    """One page of a listing; `cursor` leads to the next, null at the end."""

    memories: tuple[MemoryValue, ...]
    total: int
    cursor: str | None


class HistoryValue(msgspec.Struct, frozen=True):
    """All versions of a memory, the oldest first; each says how often it was recalled."""

    versions: tuple[MemoryValue, ...]


class ForgottenValue(msgspec.Struct, frozen=True):
    """What forgetting came to; only erasing fills in the rest."""

    ids: list[str]
    space: str
    mode: str
    lsn: int
    erased_at: Moment | None = None
    segments_rewritten: int = 0
    files_overwritten: int = 0
    bytes_overwritten: int = 0
    archives: tuple[str, ...] = ()


class StepValue(msgspec.Struct, frozen=True):
    """One step of the way to a memory; of id and label one may be null."""

    memory_id: str | None
    label: str | None
    kind: str | None
    weight: float


_step_value: Final[Callable[[PathStep], StepValue]] = _copier(StepValue)


class RecollectionValue(msgspec.Struct, frozen=True):
    """One recalled memory: its score and what that is made of, and how likely it was asked for.

    The fields of `Recollection` in their order, the relevance behind the score.
    """

    memory: MemoryValue
    score: float
    relevance: float
    parts: dict[str, float]
    matched_terms: tuple[str, ...]
    explanation: str | None
    confidence: float
    confidence_interval: Interval
    group: str
    path: tuple[StepValue, ...]
    paths: tuple[tuple[StepValue, ...], ...]
    cites: tuple[str, ...]
    meaning: float = 0.0
    """What it has in common with the cue itself by meaning, and by words, from 0 to 1."""
    words: float = 0.0
    lead: float = 0.0
    """By how much the best scored higher than the next; 0 for the others."""
    rank: int = 0


class RecalledValue(msgspec.Struct, frozen=True):
    """What was recalled, best first; `note` says why nothing was."""

    recollections: tuple[RecollectionValue, ...]
    space: str
    candidates: int
    searched: int
    lsn: int
    note: str | None
    recall_confidence: float
    recall_confidence_interval: Interval
    query_analysis: QueryAnalysis
    timings_us: dict[str, float]


_recollection: Final[Callable[..., RecollectionValue]] = RecollectionValue


def recollection_value(hit: Recollection) -> RecollectionValue:
    """Return one recalled memory as a value."""
    memory, score, parts, *stated, path, paths, cites, meaning, words, lead, rank = astuple(hit)
    return _recollection(
        memory_value(memory),
        score,
        hit.relevance,
        dict(parts),
        *stated,
        tuple(map(_step_value, path)),
        tuple([tuple(map(_step_value, way)) for way in paths]),
        cites,
        meaning,
        words,
        lead,
        rank,
    )


def recalled_value(result: RecallResult, space: str) -> RecalledValue:
    """Return a whole recall as a value."""
    return RecalledValue(
        recollections=tuple(map(recollection_value, result.recollections)),
        space=space,
        candidates=result.candidates,
        searched=result.searched,
        lsn=result.lsn,
        note=result.note,
        recall_confidence=result.recall_confidence,
        recall_confidence_interval=result.recall_confidence_interval,
        query_analysis=result.query_analysis,
        timings_us=dict(result.timings_us),
    )


class RecognizedValue(msgspec.Struct, frozen=True):
    """How familiar something is, from 0 to 1, and what it is most like."""

    familiarity: float
    familiarity_interval: Interval
    identical: str | None
    nearest: tuple[RecollectionValue, ...]
    note: str | None


def recognized_value(found: Recognition) -> RecognizedValue:
    """Return a recognition as a value."""
    return RecognizedValue(
        found.familiarity,
        found.familiarity_interval,
        found.identical,
        tuple(map(recollection_value, found.nearest)),
        found.note,
    )


class CompletedFieldValue(msgspec.Struct, frozen=True):
    """One field of a completed episode, and the memories it was copied from."""

    value: str | tuple[str, ...]
    source: str
    confidence: float
    evidence: tuple[str, ...]


class HypothesisValue(msgspec.Struct, frozen=True):
    """One way to complete an episode."""

    fields: dict[str, CompletedFieldValue]
    confidence: float


class CompletedValue(msgspec.Struct, frozen=True):
    """Hypotheses, the surest first; `note` says why there is none."""

    hypotheses: tuple[HypothesisValue, ...]
    note: str | None


_field_value: Final[Callable[[Any], CompletedFieldValue]] = _copier(CompletedFieldValue)


def completed_value(found: Completion) -> CompletedValue:
    """Return a completion as a value."""

    def value(one: Hypothesis) -> HypothesisValue:
        fields = {name: _field_value(each) for name, each in one.fields.items()}
        return HypothesisValue(fields, one.confidence)

    return CompletedValue(tuple(map(value, found.hypotheses)), found.note)


class AssociationsValue(msgspec.Struct, frozen=True):
    """Associations of a memory, the heaviest first."""

    associations: tuple[Association, ...]


class DissociatedValue(msgspec.Struct, frozen=True):
    """How many associations were ended."""

    ended: int


class NeighbourValue(msgspec.Struct, frozen=True):
    """A memory some associations away."""

    memory: MemoryValue
    hops: int
    strength: float


class NeighboursValue(msgspec.Struct, frozen=True):
    """The memories around one, nearest first."""

    neighbours: tuple[NeighbourValue, ...]


def neighbours_value(found: Iterable[Neighbour]) -> NeighboursValue:
    """Return neighbours as a value."""
    return NeighboursValue(
        tuple(NeighbourValue(memory_value(each.memory), each.hops, each.strength) for each in found)
    )


class ActivationValue(msgspec.Struct, frozen=True):
    """How active a memory became, or the label of a tag or an entity: of these one is null."""

    memory_id: str | None
    label: str | None
    activation: float
    hops: int


class ActivationsValue(msgspec.Struct, frozen=True):
    """What activation reached, the most active first."""

    activations: tuple[ActivationValue, ...]
    reached_count: int
    edges_count: int
    is_partial: bool


_activation_value: Final[Callable[[Any], ActivationValue]] = _copier(ActivationValue)


def activations_value(found: Activations) -> ActivationsValue:
    """Return what activation reached as a value."""
    listed = tuple(_activation_value(found[at]) for at in range(len(found)))
    return ActivationsValue(listed, found.reached_count, found.edges_count, found.is_partial)


class PathValue(msgspec.Struct, frozen=True):
    """One way between two memories."""

    steps: tuple[Association, ...]
    strength: float
    hops: int


class PathsValue(msgspec.Struct, frozen=True):
    """Ways between two memories, the best first; none when there is none."""

    paths: tuple[PathValue, ...]


_path_value: Final[Callable[[AssociationPath], PathValue]] = _copier(PathValue)


def paths_value(found: Iterable[AssociationPath]) -> PathsValue:
    """Return ways as a value."""
    return PathsValue(tuple(map(_path_value, found)))


def forgotten_value(receipt: ForgetReceipt, space: str) -> ForgottenValue:
    """Return a receipt of forgetting as a value."""
    return ForgottenValue(
        list(receipt.ids),
        space,
        receipt.mode,
        receipt.lsn,
        receipt.erased_at,
        receipt.segments_rewritten,
        receipt.files_overwritten,
        receipt.bytes_overwritten,
        receipt.archives,
    )


def remembered_many_value(done: RememberedMany, space: str) -> RememberedManyValue:
    """Return the outcome of a batch as a value."""
    return RememberedManyValue(list(done.ids), space, done.lsn, done.created_count)
