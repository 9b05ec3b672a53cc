"""What the verbs of the library return, as rows of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from engram.model.answer import AnswerRow
from engram.model.completion import EPISODE_FIELDS
from engram.model.recollection import Interval
from engram.retrieval.confidence import hop

if TYPE_CHECKING:
    from engram.model.activation import Activations
    from engram.model.association import Association, AssociationPath
    from engram.model.completion import Completion
    from engram.model.concepts import Belief, Concept
    from engram.model.contradiction import Contradiction
    from engram.model.memory import Memory, SpaceInfo, SpaceStats
    from engram.model.recollection import Recollection
    from engram.service.imagining import Imagined
    from engram.service.predicting import Following


class Rows(NamedTuple):
    """The rows of an answer under their columns."""

    columns: tuple[str, ...]
    rows: tuple[AnswerRow, ...]


RECALLED: Final = (
    "id", "content", "score", "relevance", "confidence", "group", "similarity", "lexical",
    "activation", "retrievability", "occurred", "created",
)  # fmt: skip
_COPIED: Final = ("content", "kind", "occurred")
_PREDICTED: Final = (
    "id", "content", "confidence", "after_s", "kind", "occurred", "path", "sources",
)  # fmt: skip
_COMPLETED: Final = (*EPISODE_FIELDS, "confidence", "sources", "confidences")
_BLENDED: Final = (*EPISODE_FIELDS, "confidence", "novelty", "sources")
_SPREAD: Final = ("memory", "label", "activation", "hops")
_ASSOCIATED: Final = ("source", "kind", "target", "weight", "confidence", "why", "made_at")
_WAYS: Final = ("path", "hops", "strength")
_DISPUTED: Final = ("subject", "relation", "claims", "memories")
_CONCEPTS: Final = ("id", "content", "coherence", "terms", "episodes")
_NAMED: Final = ("id", "name", *_CONCEPTS[1:])
_BELIEFS: Final = (*_CONCEPTS, "held_from", "held_until")
_SPACES: Final = ("id", "phase", "memories", "reason")
_STATS: Final = ("name", "value")


def recalled(hit: Recollection) -> AnswerRow:
    """Return a recalled memory: it stands on itself and on the ways that led to it."""
    memory, parts = hit.memory, hit.parts
    evidence = [memory.id]
    for path in hit.paths or (hit.path,):
        evidence += [step.memory_id for step in path if step.memory_id is not None]
    values = (
        memory.id, memory.content, hit.score, hit.relevance, hit.confidence, hit.group,
        parts["similarity"], parts["lexical"], parts["activation"], parts["retrievability"],
        memory.occurred_at, memory.recorded_at,
    )  # fmt: skip
    return AnswerRow(
        dict(zip(RECALLED, values, strict=True)),
        hit.confidence,
        hit.confidence_interval,
        tuple(dict.fromkeys(evidence)),
        memory,
    )


def predicted(hits: Iterable[Recollection], found: Following) -> Rows:
    """Return what followed: every field is that of one memory, which is cited with its ways."""
    rows = []
    for hit in hits:
        memory = hit.memory
        ways = [tuple(step.memory_id for step in way) for way in found.ways[memory.id]]
        values = (
            memory.id, memory.content, hit.confidence, found.elapsed_s[memory.id], memory.kind,
            memory.occurred_at, ways[0], dict.fromkeys(_COPIED, memory.id),
        )  # fmt: skip
        evidence = (memory.id, *(each for way in ways for each in way if each is not None))
        rows.append(
            AnswerRow(
                dict(zip(_PREDICTED, values, strict=True)),
                hit.confidence,
                hit.confidence_interval,
                tuple(dict.fromkeys(evidence)),
                memory,
            )
        )
    return Rows(_PREDICTED, tuple(rows))


def completed(found: Completion) -> Rows:
    """Return hypotheses: with each the sources of its fields, and how sure each of them is."""
    rows = []
    for each in found:
        told = {field: one.value for field, one in each.fields.items()}
        values = (
            *(told.get(field) for field in EPISODE_FIELDS), each.confidence,
            {field: one.source for field, one in each.fields.items()},
            {field: one.confidence for field, one in each.fields.items()},
        )  # fmt: skip
        rows.append(_sure(_COMPLETED, values, each.confidence, each.evidence))
    return Rows(_COMPLETED, tuple(rows))


def blended(found: Iterable[Imagined]) -> Rows:
    """Return what was imagined: with each the memory that each of its fields was copied from."""
    rows = []
    for each in found:
        told = (each.fields.get(field) for field in EPISODE_FIELDS)
        values = (*told, each.confidence, each.novelty, each.sources)
        rows.append(_sure(_BLENDED, values, each.confidence, each.evidence))
    return Rows(_BLENDED, tuple(rows))


def activated(found: Activations) -> Rows:
    """Return what became active; that is no question of belief."""
    rows = [
        AnswerRow(
            {"memory": memory_id, "label": label, "activation": activation, "hops": hops},
            None,
            None,
            () if memory_id is None else (memory_id,),
        )
        for memory_id, label, activation, hops in found.fields()
    ]
    return Rows(_SPREAD, tuple(rows))


def associated(found: Iterable[Association]) -> Rows:
    """Return associations, each with how sure its maker was."""
    return Rows(_ASSOCIATED, tuple(map(_associated, found)))


def _associated(each: Association) -> AnswerRow:
    source, target = each.source_id or each.source_label, each.target_id or each.target_label
    values = (source, each.kind, target, each.weight, each.confidence, each.why, each.made_at)
    ends = (each.source_id, each.target_id)
    return _sure(_ASSOCIATED, values, each.confidence, [end for end in ends if end is not None])


def ways(found: Iterable[AssociationPath]) -> Rows:
    """Return paths; a path is believed as far as all its associations are, less at each hop."""
    return Rows(_WAYS, tuple(map(_way, found)))


def _way(path: AssociationPath) -> AnswerRow:
    sure, ends = 1.0, []
    for step in path.steps:
        sure *= hop(step.confidence, step.weight)
        ends += [step.source_id, step.target_id]
    first = path.steps[0]
    said = first.source_id or f"#{first.source_label}"
    for step in path.steps:
        said += f" -{step.kind}-> {step.target_id or f'#{step.target_label}'}"
    evidence = [end for end in ends if end is not None]
    return _sure(_WAYS, (said, path.hops, path.strength), sure, evidence)


def disputed(found: Iterable[Contradiction]) -> Rows:
    """Return contradictions: which claim is true is not for the answer to say."""
    rows = []
    for each in found:
        ids = tuple(claim.memory.id for claim in each.claims)
        said = tuple(map(str, each.claims))
        values = (each.subject, each.relation, said, ids)
        rows.append(AnswerRow(dict(zip(_DISPUTED, values, strict=True)), evidence=ids))
    return Rows(_DISPUTED, tuple(rows))


def concepts(found: Iterable[Concept]) -> Rows:
    """Return concepts, on the episodes they cite."""
    return named(found)


def named(found: Iterable[Concept]) -> Rows:
    """Return concepts that were asked for by name."""
    rows = []
    for each in found:
        row = _concept((*_CONCEPTS, "name"), each, (each.name,))
        row = msgspec.structs.replace(row, fields={name: row.fields[name] for name in _NAMED})
        rows.append(row)
    return Rows(_NAMED, tuple(rows))


def beliefs(found: Iterable[Belief]) -> Rows:
    """Return what a concept said, from when until when."""
    return Rows(
        _BELIEFS,
        tuple(_concept(_BELIEFS, each, (each.held_from, each.held_until)) for each in found),
    )


def _concept(columns: Sequence[str], each: Concept | Belief, more: tuple[Any, ...]) -> AnswerRow:
    memory: Memory = each.memory
    values = (memory.id, memory.content, each.coherence, each.terms, each.episodes, *more)
    return _sure(columns, values, memory.confidence, each.episodes, memory)


def _sure(
    columns: Sequence[str],
    values: Sequence[Any],
    confidence: float,
    evidence: Sequence[str],
    memory: Memory | None = None,
) -> AnswerRow:
    """Return a row that is believed to one degree, on some memories, each once."""
    fields = dict(zip(columns, values, strict=True))
    interval = Interval(confidence, confidence)
    return AnswerRow(fields, confidence, interval, tuple(dict.fromkeys(evidence)), memory)


def spaces(found: Iterable[SpaceInfo]) -> Rows:
    """Return the memory spaces of a store."""
    rows = [(each.id, each.phase, each.memories, each.reason) for each in found]
    return Rows(_SPACES, tuple(AnswerRow(dict(zip(_SPACES, each, strict=True))) for each in rows))


def statistics(found: SpaceStats) -> Rows:
    """Return what a space holds, a number a row."""
    values = [(name, getattr(found, name)) for name in found.__struct_fields__]
    return Rows(_STATS, tuple(AnswerRow(dict(zip(_STATS, each, strict=True))) for each in values))
