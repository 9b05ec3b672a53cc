"""Turns what the pipeline found into what a caller meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from engram.model.association import AssociationKind
from engram.model.explanation import PathStep, excerpt
from engram.model.ids import format_id
from engram.model.recollection import Interval, QueryAnalysis, Recollection
from engram.state.association_view import HUB

if TYPE_CHECKING:
    from engram.model.memory import Memory
    from engram.retrieval.asking import Cue, Found, Hit
    from engram.retrieval.trails import Trail
    from engram.state.space import View

# What interference takes is told from half a percent on.
_TAKEN_ALL_BUT: Final = 0.995
_KINDS: Final = tuple(kind.label for kind in AssociationKind)


def rows_on_ways(view: View, hits: Sequence[Hit]) -> list[int]:
    """Return the rows of the memories on all ways to some hits, each once."""
    nodes = {node for hit in hits for way in hit.evidence.ways for node in way.nodes}
    owners = view.associations.owners_of(np.array(sorted(nodes), np.uint32))
    return [owner for owner in owners.tolist() if owner < HUB]


def recollections(
    view: View,
    hits: Sequence[Hit],
    memories: Sequence[Memory],
    texts: dict[int, str] | None,
    cited: dict[int, tuple[str, ...]],
) -> tuple[Recollection, ...]:
    """Return what was recalled; `texts` by row are those on the ways, None without explanation.

    `cited` by row are the ids of what concepts were formed of.
    """
    told = _Told(view, hits, texts)
    return tuple(
        [
            _recollection(told, hit, memory, cited.get(hit.row, ()))
            for hit, memory in zip(hits, memories, strict=True)
        ]
    )


def analysed(cue: Cue, found: Found) -> QueryAnalysis:
    """Return what was made of a cue."""
    spread = found.spreading
    return QueryAnalysis(
        mode=cue.mode,
        has_vector=found.has_vector,
        words_known=found.terms_known,
        words_unknown=found.terms_unknown,
        unrelated=found.unrelated,
        seeds=0 if spread is None else spread.seeds_count,
        reached=0 if spread is None else spread.reached_count,
        edges=0 if spread is None else spread.edges_touched,
        is_partial=spread is not None and spread.is_partial,
    )


def why_nothing(living: int, found: Found, cue: Cue) -> str:
    """Return why a recall found nothing, in words."""
    if not living:
        at_that_time = "" if cue.filters.as_of is None else " at that time"
        return f"the memory space is empty{at_that_time}"
    if not found.candidates:
        return f"the filters removed all {living} memories"
    looked = f"{found.candidates} of {living} memories passed the filters"
    if cue.rows and cue.text is None and cue.vector is None:
        return f"{looked}, none is like the memories that were named or associated with them"
    if not found.has_vector:
        return f"{looked}, none shares a word with the cue, and there was no vector to compare"
    return f"{looked}, none resembles the cue or shares a word with it"


class _Told:
    """What is told of the ways to some hits; all of them are looked up together."""

    def __init__(self, view: View, hits: Sequence[Hit], texts: dict[int, str] | None) -> None:
        self.explains = texts is not None
        self._labels, self._texts = view.labels.labels, texts or {}
        nodes = list({node for hit in hits for way in self.shown(hit) for node in way.nodes})
        self._owners: dict[int, int] = {}
        self._ids: dict[int, str] = {}
        if not nodes:
            return
        owners = view.associations.owners_of(np.array(nodes, np.uint32))
        self._owners = dict(zip(nodes, owners.tolist(), strict=True))
        rows = owners[owners < HUB]
        if len(rows):
            halves = (view.gather(half, rows).tolist() for half in ("id_high", "id_low"))
            self._ids = dict(zip(rows.tolist(), map(format_id, *halves), strict=True))

    def shown(self, hit: Hit) -> Sequence[Trail]:
        """Return the ways to a hit that are told: the strongest, or to explain it all."""
        return hit.evidence.ways if self.explains else hit.evidence.ways[:1]

    def path(self, way: Trail) -> tuple[PathStep, ...]:
        """Return a way in steps."""
        first, *others = way.nodes
        followed = zip(others, way.kinds, way.weights, strict=True)
        steps = [self._step(node, _KINDS[kind], weight) for node, kind, weight in followed]
        return (self._step(first, None, 1.0), *steps)

    def _step(self, node: int, kind: str | None, weight: float) -> PathStep:
        owner = self._owners[node]
        if owner >= HUB:
            return PathStep(None, self._labels[owner ^ HUB], kind, weight)
        text = self._texts.get(owner)
        return PathStep(self._ids[owner], None if text is None else excerpt(text), kind, weight)


def _recollection(told: _Told, hit: Hit, memory: Memory, cited: tuple[str, ...]) -> Recollection:
    evidence = hit.evidence
    belief = evidence.belief
    paths = tuple([told.path(way) for way in told.shown(hit)])
    return Recollection(
        memory=memory,
        score=hit.score,
        parts=hit.parts,
        matched_terms=hit.matched_terms,
        explanation=_explanation(hit) if told.explains else None,
        confidence=belief.value,
        confidence_interval=Interval(belief.low, belief.high),
        group=evidence.group,
        path=paths[0] if paths else (),
        paths=paths if told.explains else (),
        cites=cited,
        meaning=evidence.meaning,
        words=evidence.words,
        lead=hit.lead,
        rank=hit.rank,
    )


def _explanation(hit: Hit) -> str:
    parts = hit.parts
    matched = hit.matched_terms
    words = f"shares the word{'s'[: len(matched) - 1]} {', '.join(matched)}" if matched else ""
    meaning = f"cosine {parts['similarity']:.2f}" if parts["similarity"] else ""
    speaker = "said by whom the cue names" if parts["speaker"] else ""
    time = "near a time the cue names" if parts["time"] else ""
    brought = f"activation {parts['activation']:.2f}" if parts["activation"] else ""
    found = "; ".join(part for part in (meaning, words, speaker, time, brought) if part)
    taken = f", as similar memories take {1 - hit.left:.0%}" if hit.left < _TAKEN_ALL_BUT else ""
    raised = f"raised by {hit.raised:.2f} by what its session recalled; " if hit.raised else ""
    return (
        f"{found or 'nothing in common'}; "
        f"{parts['retrievability']:.0%} of its strength is left{taken}; {raised}"
        f"stored with confidence {parts['confidence']:.2f}"
    )
