"""Says what a recall is unsure about, and how much of the doubt each source makes up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.model.doubts import Doubt
from engram.retrieval.confidence import either, hop, negated

if TYPE_CHECKING:
    from engram.model.recall_result import RecallResult
    from engram.model.recollection import Recollection

MEMORY: Final = "memory"
LIKENESS: Final = "likeness"
WAYS: Final = "ways"
INDEPENDENCE: Final = "independence"
WORDS: Final = "unknown_words"
VECTOR: Final = "no_vector"
BUDGET: Final = "budget"


def doubts_about(hit: Recollection) -> tuple[Doubt, ...]:
    """Return what makes a recall unsure of one memory, the most first; what takes nothing is out.

    Amounts are the terms of its confidence (docs/reference/recall.md), each alone: 1 less the
    confidence of the memory, 1 less what it has in common with the cue, what the strongest way to
    it loses over its associations, and the width of the interval.
    """
    kept = 1.0
    for step in hit.path[1:]:
        kept *= hop(1.0, step.weight)
    low, high = hit.confidence_interval
    return _told(
        (MEMORY, negated(hit.memory.confidence), "who remembered it was not sure"),
        (LIKENESS, negated(either(hit.meaning, hit.words)), "not all of the cue is in it"),
        (WAYS, negated(kept), "what leads to it is weak or long"),
        (INDEPENDENCE, high - low, "what supports it may say the same thing several times"),
    )


def doubts_of(result: RecallResult) -> tuple[Doubt, ...]:
    """Return what makes a recall as a whole unsure, the most first; empty when nothing does.

    `unknown_words` is the share of the cue's words that no memory has. The others are there or
    not: the cue was compared by words alone, or spreading was cut short by its budget.
    """
    asked = result.query_analysis
    words = asked.words_known + asked.words_unknown
    return _told(
        (WORDS, asked.words_unknown / words if words else 0.0, "no memory has these words"),
        (VECTOR, float(not asked.has_vector), "there was no vector: words alone were compared"),
        (BUDGET, float(asked.is_partial), "there were more associations than are read at most"),
    )


def _told(*found: tuple[str, float, str]) -> tuple[Doubt, ...]:
    doubts = (Doubt(*each) for each in found if each[1] > 0)
    return tuple(sorted(doubts, key=lambda each: -each.amount))
