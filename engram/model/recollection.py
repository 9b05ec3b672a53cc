"""One memory as a recall brings it: why it came, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from engram.model.explanation import PathStep
from engram.model.memory import Memory
from engram.model.relevance import Grounds, grounds_of, plain_grounds, relevance


class Interval(NamedTuple):
    """The bounds within which a confidence lies, from 0 to 1."""

    low: float
    high: float


class Recollection(msgspec.Struct, frozen=True):
    """One recalled memory with its fused score and the parts it was fused from.

    `confidence` is how sure the recall is that this was asked for, within `confidence_interval`
    (docs/reference/recall.md); `group` is vivid, associated or reconstructed. `path` is the
    strongest way over associations that leads to the memory, from one that the cue found; empty
    when none does. `matched_terms`, `explanation` and `paths`, all ways that were told apart, are
    filled in when the recall was asked to explain. `meaning` and `words` are what it has in common
    with the cue itself, from 0 to 1; `lead` is by how much the best scored higher than the next, 0
    for the others; `rank` is how many scored higher.
    """

    memory: Memory
    score: float
    parts: Mapping[str, float]
    matched_terms: tuple[str, ...] = ()
    explanation: str | None = None
    confidence: float = 0.0
    confidence_interval: Interval = Interval(0.0, 0.0)
    group: str = "vivid"
    path: tuple[PathStep, ...] = ()
    paths: tuple[tuple[PathStep, ...], ...] = ()
    cites: tuple[str, ...] = ()
    """Of a concept that consolidation formed: the ids of the memories it was formed of."""
    meaning: float = 0.0
    words: float = 0.0
    lead: float = 0.0
    rank: int = 0

    @property
    def grounds(self) -> Grounds:
        """What its relevance is computed from."""
        standing = self.meaning, self.words, self.lead, self.rank
        return grounds_of(self.score, self.parts, standing)

    @property
    def relevance(self) -> float:
        """How likely the memory is what was asked for, from 0 to 1, as judgements have it."""
        standing = self.meaning, self.words, self.lead, self.rank
        return relevance(plain_grounds(self.score, self.parts, standing))


class QueryAnalysis(msgspec.Struct, frozen=True):
    """What was made of a cue.

    `unrelated` is the cosine that counts as none; `seeds` is how many memories activation began
    with, `reached` how many memories and concept nodes it came to, `edges` how many associations
    were read, and `is_partial` says that there were more of them than the budget allows.
    """

    mode: str
    has_vector: bool
    words_known: int = 0
    words_unknown: int = 0
    unrelated: float | None = None
    seeds: int = 0
    reached: int = 0
    edges: int = 0
    is_partial: bool = False
