"""What a run of consolidation comes to: which episodes form a concept, and what it says.

Nothing here depends on a clock or on chance: equal views give equal plans.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.association import AssociationKind
from engram.model.details import taken_apart
from engram.retrieval.consolidation import (
    LIKENESS_MIN,
    are_concepts,
    are_episodes,
    citations,
    ways_from,
)
from engram.retrieval.tokens import Tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32
    from engram.retrieval.graph import SpaceGraph
    from engram.state.space import View

COSINE_MIN: Final = 0.8
"""Between an episode and another one, or a concept, it may belong with."""

MEMBERS_MIN: Final = 3
MEMBERS_MAX: Final = 64
"""Episodes of a concept: fewer are no pattern, more are cited by another concept."""

COHERENCE_MIN: Final = 0.65
"""Of the episodes of a concept: the mean cosine of their pairs."""

APART_NS_MAX: Final = 30 * 86_400 * 10**9
"""30 days between the episodes that first form a concept, at most; later ones join it whenever."""

CONFIDENCE_SHARE: Final = 0.9
"""Of the mean confidence of its episodes, what a concept has at a coherence of 1."""

NAME: Final = "name"
"""Under which the metadata of a concept has what somebody called it."""

_TOKENIZER: Final = Tokenizer()
# Texts that are looked through for shared words: the most central ones tell what it is about, and
# what grows is told anew each time.
_TOLD_MAX: Final = 16
_SENTENCES: Final = 2
_SENTENCE_CHARACTERS_MAX: Final = 400
_TERMS_MAX: Final = 8
_TERM_SHARE: Final = 0.5


class Concept(NamedTuple):
    """A concept to be remembered: its episodes, and the row it takes the place of, -1 for none."""

    rows: NDArray[np.int64]
    supersedes: int
    vector: F32
    coherence: float
    confidence: float
    stability_days: float
    difficulty: float
    occurred_at: int
    weights: F32
    content: str
    terms: tuple[str, ...]
    name: str | None = None
    """What somebody called it; None: nobody did."""


class Plan(NamedTuple):
    """What a run comes to: the episodes replayed, and the concepts formed or grown."""

    replayed: NDArray[np.int64]
    concepts: tuple[Concept, ...]


Planning = Generator[None, None, Plan]


def planning(view: View, graph: SpaceGraph, rows: NDArray[np.int64]) -> Planning:
    """Return what comes of replaying episodes, in this order; blocks where a body is sealed.

    It yields every few 100 us, so that whoever works it off may let others go first.
    """
    run = _Run(view, graph, rows)
    yield
    return (yield from run.plan())


class _Run:
    """One run on its way: who is alike, who belongs where already, then who belongs together."""

    def __init__(self, view: View, graph: SpaceGraph, rows: NDArray[np.int64]) -> None:
        self._view, self._rows = view, rows
        links = ways_from(view, graph, rows)
        chosen = (links.kinds == AssociationKind.SEMANTIC) & (links.weights >= LIKENESS_MIN)
        chosen &= are_episodes(view, links.targets)
        places, targets = links.places[chosen], links.targets[chosen]
        known = np.unique(np.concatenate((rows, targets)))
        cited = ways_from(view, graph, known)
        formed = citations(cited) & are_concepts(view, cited.targets)
        self._concept_of: dict[int, int] = {}
        for place, concept in zip(cited.places[formed], cited.targets[formed], strict=True):
            self._concept_of.setdefault(int(known[place]), int(concept))
        concepts = np.array(sorted(set(self._concept_of.values())), np.int64)
        back = ways_from(view, graph, concepts)
        held = citations(back) & are_episodes(view, back.targets)
        self._members: dict[int, list[int]] = {int(row): [] for row in concepts}
        for place, row in zip(back.places[held], back.targets[held], strict=True):
            self._members[int(concepts[place])].append(int(row))
        every = np.unique(np.concatenate((known, back.targets[held], concepts))).astype(np.int64)
        units = view.vectors_of(every) * view.norms_of(every)[:, None]
        self._every = every
        self._place = {row: n for n, row in enumerate(every.tolist())}
        self._units = np.asarray(units, np.float32)
        self._near = self._neighbours(rows[places], targets)
        self._means: dict[int, F32] = {}  # of groups, until they grow

    def _neighbours(
        self, sources: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> dict[int, list[int]]:
        ends = [self._units[np.searchsorted(self._every, each)] for each in (sources, targets)]
        are_near = np.einsum("nd,nd->n", *ends) >= COSINE_MIN
        near: dict[int, list[int]] = {}
        pairs = zip(sources[are_near].tolist(), targets[are_near].tolist(), strict=True)
        for source, target in pairs:
            near.setdefault(source, []).append(target)
        return near

    def plan(self) -> Planning:
        """Let each episode join a concept it belongs with, or form one with those like it."""
        groups: dict[int, list[int]] = {}  # new ones by a number below 0, others by their row
        for row in self._rows.tolist():
            yield
            if row in self._concept_of:
                continue
            near = self._near.get(row, [])
            joined = self._concept_for(row, near, groups)
            if joined is not None:
                self._take(groups, joined, [row])
                continue
            members = self._coherent([row, *self._free(row, near)])
            if len(members) >= MEMBERS_MIN:
                self._take(groups, -1 - len(groups), members)
        concepts = []
        for number, members in groups.items():
            concepts.append((yield from self._concept(number, members)))
        formed = tuple(each for each in concepts if each.coherence >= COHERENCE_MIN)
        cited = [each.rows for each in formed]
        return Plan(np.unique(np.concatenate((self._rows, *cited))).astype(np.int64), formed)

    def _take(self, groups: dict[int, list[int]], number: int, rows: list[int]) -> None:
        groups.setdefault(number, [*self._members.get(number, [])]).extend(rows)
        self._means.pop(number, None)
        for row in rows:
            self._concept_of[row] = number

    def _concept_for(
        self, row: int, near: Sequence[int], groups: dict[int, list[int]]
    ) -> int | None:
        """Return the concept of its neighbours that it is nearest to, if it is near enough."""
        best: tuple[float, int] | None = None
        for number in sorted({self._concept_of[n] for n in near if n in self._concept_of}):
            members = groups.get(number) or self._members.get(number, [])
            if not members or len(members) >= MEMBERS_MAX:
                continue
            if number not in self._means:
                self._means[number] = self._mean(members)
            cosine = float(self._means[number] @ self._units[self._place[row]])
            if cosine >= COSINE_MIN and (best is None or cosine > best[0]):
                best = (cosine, number)
        return None if best is None else best[1]

    def _free(self, row: int, near: Sequence[int]) -> list[int]:
        free = [n for n in near if n not in self._concept_of]
        if not free:
            return free
        moments = self._view.gather("occurred_at", np.array([row, *free]))
        apart = np.abs(moments[1:] - moments[0]) <= APART_NS_MAX
        return [n for n, together in zip(free, apart.tolist(), strict=True) if together]

    def _coherent(self, members: list[int]) -> list[int]:
        """Return the members without those that fit least, until the rest is coherent."""
        while len(members) >= MEMBERS_MIN and self._coherence(members) < COHERENCE_MIN:
            fits = np.einsum("nd,d->n", self._units_of(members), self._total(members))
            least = 1 + int(np.argmin(fits[1:]))  # never the one it began with
            members = members[:least] + members[least + 1 :]
        return members

    def _concept(self, number: int, members: list[int]) -> Generator[None, None, Concept]:
        rows, view = np.array(sorted(members), np.int64), self._view
        name = None if number < 0 else name_of(view, number)
        return (yield from _described(view, rows, self._units_of(rows.tolist()), number, name))

    def _units_of(self, members: Sequence[int]) -> F32:
        return np.asarray(self._units[[self._place[row] for row in members]])

    def _total(self, members: Sequence[int]) -> F32:
        return np.asarray(self._units_of(sorted(members)).sum(axis=0))

    def _mean(self, members: Sequence[int]) -> F32:
        return _direction(self._total(members))

    def _coherence(self, members: Sequence[int]) -> float:
        return _coherence_of(self._total(members), len(members))


def concept_of(
    view: View, rows: NDArray[np.int64], supersedes: int, name: str | None
) -> Generator[None, None, Concept]:
    """Return the concept that stands on two or more ascending rows, whatever they have in common.

    It takes the place of the row `supersedes`, -1 for none. May read sealed segments.
    """
    units = np.asarray(view.vectors_of(rows) * view.norms_of(rows)[:, None], np.float32)
    yield
    return (yield from _described(view, rows, units, supersedes, name))


def name_of(view: View, concept: int) -> str | None:
    """Return what somebody called the concept in a row; may read a sealed segment."""
    metadata = taken_apart(view.metadata_of(concept)).metadata or {}
    name = metadata.get(NAME)
    return name if isinstance(name, str) else None


def _described(
    view: View, rows: NDArray[np.int64], units: F32, supersedes: int, name: str | None
) -> Generator[None, None, Concept]:
    """Return the concept of ascending rows with these unit vectors."""
    total = np.asarray(units.sum(axis=0))
    mean, coherence = _direction(total), _coherence_of(total, len(rows))
    central = np.einsum("nd,d->n", units, mean)
    order = np.lexsort((rows, -central))
    told = rows[order[:_TOLD_MAX]]
    content, terms = yield from _told([bytes(text).decode() for text in view.contents(told)])
    confidence = float(view.gather("confidence", rows).astype(np.float64).mean())
    return Concept(
        rows=rows,
        supersedes=max(supersedes, -1),
        vector=mean,
        coherence=coherence,
        confidence=min(max(confidence * CONFIDENCE_SHARE * coherence, 0.0), 1.0),
        stability_days=float(view.gather("stability_days", rows).max()),
        difficulty=float(view.gather("difficulty", rows).mean()),
        occurred_at=int(view.gather("occurred_at", rows).max()),
        weights=np.clip(central, 0.05, 1.0).astype(np.float32),
        content=content,
        terms=terms,
        name=name,
    )


def _direction(total: F32) -> F32:
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12), np.float32)


def _coherence_of(total: F32, count: int) -> float:
    """Return the mean cosine of all pairs: what the square of the sum of unit vectors says."""
    squared = total.astype(np.float64)
    return float(np.clip((squared @ squared - count) / (count * (count - 1)), -1, 1))


def _told(texts: Sequence[str]) -> Generator[None, None, tuple[str, tuple[str, ...]]]:
    """Return what a concept says, from the texts of its most central episodes, in that order.

    That is the words at least half of them share, and the texts of the most central ones.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(set(_TOKENIZER.query(text)))
        yield
    least = max(2, len(texts) * _TERM_SHARE)
    shared = sorted(
        (word for word in counts if counts[word] >= least), key=lambda w: (-counts[w], w)
    )
    terms = tuple(shared[:_TERMS_MAX])
    told = [text[:_SENTENCE_CHARACTERS_MAX] for text in dict.fromkeys(texts) if text]
    lines = [", ".join(terms), *told[:_SENTENCES]]
    return "\n".join(filter(None, lines)), terms
