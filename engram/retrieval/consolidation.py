"""What a run of consolidation comes to: which episodes form a concept, and what it says.

Nothing here depends on a clock or on chance: equal views give equal plans.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.association import AUTOMATIC, AssociationKind
from engram.retrieval.tokens import Tokenizer
from engram.state.association_view import HUB
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT
from engram.state.concepts import CONCEPT_KIND
from engram.state.space import ALIVE, HAS_VECTOR, REPLAYED, SUPPRESSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32
    from engram.retrieval.graph import SpaceGraph
    from engram.state.space import View

EPISODES_MAX: Final = 100
"""Episodes replayed in one run, at most."""

COSINE_MIN: Final = 0.8
"""Between an episode and another one, or a concept, it may belong with."""

LIKENESS_MIN: Final = 0.6
"""Of the link between them. Where all texts point the same way a cosine says little."""

MEMBERS_MIN: Final = 3
MEMBERS_MAX: Final = 64
"""Episodes of a concept: fewer are no pattern, more are cited by another concept."""

COHERENCE_MIN: Final = 0.65
"""Of the episodes of a concept: the mean cosine of their pairs."""

APART_NS_MAX: Final = 30 * 86_400 * 10**9
"""30 days between the episodes that first form a concept, at most; later ones join it whenever."""

CONFIDENCE_SHARE: Final = 0.9
"""Of the mean confidence of its episodes, what a concept has at a coherence of 1."""

_TOKENIZER: Final = Tokenizer()
_SENTENCES: Final = 2
_SENTENCE_CHARACTERS_MAX: Final = 400
_TERMS_MAX: Final = 8
_TERM_SHARE: Final = 0.5
_EPISODE: Final = np.uint8(ALIVE | HAS_VECTOR)
_EPISODIC: Final = 0  # `MemoryKind.EPISODIC`
_SHOWN: Final = np.uint8(ALIVE | HAS_VECTOR | SUPPRESSED)


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


class Plan(NamedTuple):
    """What a run comes to: the episodes replayed, and the concepts formed or grown."""

    replayed: NDArray[np.int64]
    concepts: tuple[Concept, ...]


class _Ways(NamedTuple):
    """Edges between memories: which of the rows asked for they leave, and to which row."""

    places: NDArray[np.int64]
    targets: NDArray[np.int64]
    kinds: NDArray[np.uint8]
    weights: F32
    flags: NDArray[np.uint8]


def formed_rows(view: View) -> NDArray[np.int64]:
    """Return int64[n]: the rows of the concepts that live and are not hidden."""
    return _rows_where(view, view.count, _EPISODE | np.uint8(REPLAYED), CONCEPT_KIND)


def _rows_where(view: View, count: int, flags: np.uint8, kind: int) -> NDArray[np.int64]:
    """Return the rows below `count` that have a kind and these flags, page by page."""
    found = [np.zeros(0, np.int64)]
    for first in range(0, count, PAGE_ROWS):
        number, inside = first >> PAGE_SHIFT, min(count - first, PAGE_ROWS)
        held = view.columns["flags"][number][:inside] & (_SHOWN | np.uint8(REPLAYED))
        fits = (held == flags) & (view.columns["kind"][number][:inside] == kind)
        found.append(np.flatnonzero(fits) + first)
    return np.concatenate(found)


def waiting(view: View) -> NDArray[np.int64]:
    """Return int64[n]: rows of linked episodes that were not replayed yet, in their order.

    Those that expire one day are left out: what they say must go with them.
    """
    rows = _rows_where(view, view.associations.linked_rows, _EPISODE, _EPISODIC)
    return rows[np.asarray(view.gather("ended_at", rows) == 0)] if len(rows) else rows


def by_priority(view: View, graph: SpaceGraph, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ascending rows in the order they are replayed.

    By surprise times confidence, highest first; each is followed by those it reminds of, and these
    by theirs, so that what belongs together is replayed together. Surprise is 1 less the likeness
    of the most similar memory recorded before.
    """
    if not len(rows):
        return rows
    ways = _ways(view, graph, rows)
    is_link = ways.kinds == AssociationKind.SEMANTIC
    known = is_link & (ways.targets < rows[ways.places])
    best = np.zeros(len(rows), np.float32)
    np.maximum.at(best, ways.places[known], ways.weights[known])
    priority = (1 - np.minimum(best, 1)) * view.gather("confidence", rows)
    order = np.lexsort((rows, -priority))
    inside = np.minimum(np.searchsorted(rows, ways.targets), len(rows) - 1)
    waits = rows[inside] == ways.targets
    near = is_link & (ways.weights >= LIKENESS_MIN)
    links = [(ways.places[near & waits], inside[near & waits])]
    rest = near & ~waits
    links += _over_concepts(view, graph, ways.places[rest], ways.targets[rest], len(rows))
    sources, targets = (np.concatenate(ends) for ends in zip(*links, strict=True))
    return rows[_with_followers(order, sources, targets)]


def _over_concepts(
    view: View,
    graph: SpaceGraph,
    places: NDArray[np.int64],
    targets: NDArray[np.int64],
    count: int,
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return links from places to the concepts of what they are like, and back.

    Concepts have numbers from `count` on.
    """
    if not len(places):
        return []
    known, of = np.unique(targets, return_inverse=True)
    ways = _ways(view, graph, known)
    formed = _citations(ways) & _are_concepts(view, ways.targets)
    concept_of = np.full(len(known), -1, np.int64)
    concept_of[ways.places[formed]] = ways.targets[formed]
    concepts = concept_of[of]
    places, concepts = places[concepts >= 0], concepts[concepts >= 0]
    _, numbers = np.unique(concepts, return_inverse=True)
    return [(places, numbers + count), (numbers + count, places)]


def _with_followers(
    order: NDArray[np.int64], sources: NDArray[np.int64], targets: NDArray[np.int64]
) -> list[int]:
    """Return all places in this order, each followed by those that links lead to from it.

    Links may go by numbers beyond the places, which are not returned.
    """
    most = max(len(order), int(sources.max(initial=-1)) + 1)
    by_source = np.argsort(sources, kind="stable")
    begins = np.searchsorted(sources[by_source], np.arange(most + 1)).tolist()
    linked = targets[by_source].tolist()
    is_seen = bytearray(most)
    found: list[int] = []
    for place in order.tolist():
        if is_seen[place]:
            continue
        is_seen[place] = 1
        at = len(found)
        found.append(place)
        while at < len(found):
            for other in linked[begins[found[at]] : begins[found[at] + 1]]:
                if not is_seen[other]:
                    is_seen[other] = 1
                    found.append(other)
            at += 1
    return [place for place in found if place < len(order)]


def planned(view: View, graph: SpaceGraph, rows: NDArray[np.int64]) -> Plan:
    """Return what comes of replaying episodes, in this order; blocks where a body is sealed."""
    return _Run(view, graph, rows).plan()


class _Run:
    """One run on its way: who is alike, who belongs where already, then who belongs together."""

    def __init__(self, view: View, graph: SpaceGraph, rows: NDArray[np.int64]) -> None:
        self._view, self._rows = view, rows
        links = _ways(view, graph, rows)
        chosen = (links.kinds == AssociationKind.SEMANTIC) & (links.weights >= LIKENESS_MIN)
        chosen &= _are_episodes(view, links.targets)
        places, targets = links.places[chosen], links.targets[chosen]
        known = np.unique(np.concatenate((rows, targets)))
        cited = _ways(view, graph, known)
        formed = _citations(cited) & _are_concepts(view, cited.targets)
        self._concept_of: dict[int, int] = {}
        for place, concept in zip(cited.places[formed], cited.targets[formed], strict=True):
            self._concept_of.setdefault(int(known[place]), int(concept))
        concepts = np.array(sorted(set(self._concept_of.values())), np.int64)
        back = _ways(view, graph, concepts)
        held = _citations(back) & _are_episodes(view, back.targets)
        self._members: dict[int, list[int]] = {int(row): [] for row in concepts}
        for place, row in zip(back.places[held], back.targets[held], strict=True):
            self._members[int(concepts[place])].append(int(row))
        every = np.unique(np.concatenate((known, back.targets[held], concepts))).astype(np.int64)
        units = view.vectors_of(every) * view.norms_of(every)[:, None]
        self._place = {int(row): n for n, row in enumerate(every)}
        self._units = np.asarray(units, np.float32)
        self._near = self._neighbours(rows, places, targets)

    def _neighbours(
        self, rows: NDArray[np.int64], places: NDArray[np.int64], targets: NDArray[np.int64]
    ) -> dict[int, list[int]]:
        near: dict[int, list[int]] = {}
        for source, target in zip(rows[places].tolist(), targets.tolist(), strict=True):
            if self._cosine(self._unit(source), target) >= COSINE_MIN:
                near.setdefault(source, []).append(target)
        return near

    def plan(self) -> Plan:
        """Let each episode join a concept it belongs with, or form one with those like it."""
        groups: dict[int, list[int]] = {}  # new ones by a number below 0, others by their row
        for row in self._rows.tolist():
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
        concepts = [self._concept(number, members) for number, members in groups.items()]
        formed = tuple(each for each in concepts if each.coherence >= COHERENCE_MIN)
        cited = [each.rows for each in formed]
        return Plan(np.unique(np.concatenate((self._rows, *cited))).astype(np.int64), formed)

    def _take(self, groups: dict[int, list[int]], number: int, rows: list[int]) -> None:
        groups.setdefault(number, [*self._members.get(number, [])]).extend(rows)
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
            cosine = self._cosine(self._mean(members), row)
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

    def _concept(self, number: int, members: list[int]) -> Concept:
        rows = np.array(sorted(members), np.int64)
        view, mean, coherence = self._view, self._mean(members), self._coherence(members)
        central = np.einsum("nd,d->n", self._units_of(rows.tolist()), mean)
        order = np.lexsort((rows, -central))
        texts = [bytes(text).decode() for text in view.contents(rows)]
        content, terms = _told([texts[n] for n in order.tolist()])
        confidence = float(view.gather("confidence", rows).astype(np.float64).mean())
        return Concept(
            rows=rows,
            supersedes=max(number, -1),
            vector=mean,
            coherence=coherence,
            confidence=min(max(confidence * CONFIDENCE_SHARE * coherence, 0.0), 1.0),
            stability_days=float(view.gather("stability_days", rows).max()),
            difficulty=float(view.gather("difficulty", rows).mean()),
            occurred_at=int(view.gather("occurred_at", rows).max()),
            weights=np.clip(central, 0.05, 1.0).astype(np.float32),
            content=content,
            terms=terms,
        )

    def _unit(self, row: int) -> F32:
        return np.asarray(self._units[self._place[row]])

    def _cosine(self, unit: F32, row: int) -> float:
        return float(unit @ self._unit(row))

    def _units_of(self, members: Sequence[int]) -> F32:
        return np.asarray(self._units[[self._place[row] for row in members]])

    def _total(self, members: Sequence[int]) -> F32:
        return np.asarray(self._units_of(sorted(members)).sum(axis=0))

    def _mean(self, members: Sequence[int]) -> F32:
        total = self._total(members)
        return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12), np.float32)

    def _coherence(self, members: Sequence[int]) -> float:
        """Return the mean cosine of all pairs: what the square of the sum of unit vectors says."""
        total, count = self._total(members).astype(np.float64), len(members)
        return float(np.clip((total @ total - count) / (count * (count - 1)), -1, 1))


def _told(texts: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return what a concept says, from the texts of its episodes, the most central first.

    That is the words at least half of them share, and the texts of the most central ones.
    """
    counts = Counter(word for text in texts for word in set(_TOKENIZER.query(text)))
    least = max(2, len(texts) * _TERM_SHARE)
    shared = sorted(
        (word for word in counts if counts[word] >= least), key=lambda w: (-counts[w], w)
    )
    terms = tuple(shared[:_TERMS_MAX])
    told = [text[:_SENTENCE_CHARACTERS_MAX] for text in dict.fromkeys(texts) if text]
    lines = [", ".join(terms), *told[:_SENTENCES]]
    return "\n".join(filter(None, lines)), terms


def _are_episodes(view: View, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(rows):
        return np.zeros(0, bool)
    fits = (view.gather("flags", rows) & _SHOWN) == _EPISODE
    fits &= (view.gather("kind", rows) == _EPISODIC) & (view.gather("ended_at", rows) == 0)
    return np.asarray(fits)


def _are_concepts(view: View, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(rows):
        return np.zeros(0, bool)
    formed = _EPISODE | np.uint8(REPLAYED)
    flags, kinds = view.gather("flags", rows), view.gather("kind", rows)
    return np.asarray(((flags & (_SHOWN | np.uint8(REPLAYED))) == formed) & (kinds == CONCEPT_KIND))


def _citations(ways: _Ways) -> NDArray[np.bool_]:
    is_made = (ways.flags & AUTOMATIC) != 0
    return np.asarray((ways.kinds == AssociationKind.DERIVED) & is_made)


def _ways(view: View, graph: SpaceGraph, rows: NDArray[np.int64]) -> _Ways:
    """Return the edges that leave rows and lead to other memories."""
    found, base = view.associations, graph.graph
    nodes = found.nodes_of(rows) if len(rows) else np.zeros(0, np.uint32)
    places = np.flatnonzero(nodes < base.nodes_count)
    starts = base.offsets[nodes[places]].astype(np.int64)
    counts = base.offsets[nodes[places] + 1].astype(np.int64) - starts
    begins = np.cumsum(counts) - counts
    at = np.repeat(starts - begins, counts) + np.arange(int(counts.sum()))
    numbers, owners = graph.numbers[at].astype(np.int64), np.repeat(places, counts)
    late = graph.fresh_numbers.astype(np.int64)
    if len(late) and len(nodes):
        sources = found.gather("source", late)
        order = np.argsort(nodes, kind="stable")
        spot = np.minimum(np.searchsorted(nodes[order], sources), len(nodes) - 1)
        is_ours = nodes[order][spot] == sources
        numbers = np.concatenate((numbers, late[is_ours]))
        owners = np.concatenate((owners, order[spot[is_ours]]))
    targets = found.owners_of(found.gather("target", numbers)).astype(np.int64)
    inside = (targets < HUB) & (targets < view.count)
    numbers, owners = numbers[inside], owners[inside]
    return _Ways(
        owners,
        targets[inside],
        found.gather("kind", numbers).astype(np.uint8),
        found.gather("weight", numbers).astype(np.float32),
        found.gather("flags", numbers).astype(np.uint8),
    )
