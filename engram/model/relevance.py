"""How likely a memory that a recall lists is what was asked for.

A logistic function of what a recall knows of a memory anyway:

    1 / (1 + e^-z),  z = -1.95 + c (1.39 f + 6.27 d) - 1.03 ln(1 + r)

c is what the memory and the cue itself have in common, by meaning or by words: what the memory is
worth by any measure. f is its score, without what strength and doubt took from it, and d by how
much the best one's exceeds the next: what it is worth beside the others of this recall. r is how
many memories scored higher. So it rises with each part of a score and falls with the rank.

The constants were fitted to judgements; docs/reference/recall.md says which, and how well they do
on others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

FADING: Final = 0.2
"""How much of its score a wholly faded memory loses."""

DOUBT: Final = 0.1
"""How much a wholly unbelieved one loses."""


class Standing(NamedTuple):
    """How a memory stands to a cue and in an answer.

    `meaning` and `words` are what it has in common with the cue itself, from 0 to 1; `lead` is by
    how much the best score exceeds the next, 0 for the others; `rank` how many scored higher.
    """

    meaning: float = 0.0
    words: float = 0.0
    lead: float = 0.0
    rank: int = 0


class Grounds(NamedTuple):
    """What a relevance is computed from: three shares from 0 to 1, and a rank from 0 on."""

    common: float
    likeness: float
    lead: float
    rank: int


class RelevanceWeights(NamedTuple):
    """The constants of the formula, as fitted by `python -m benches.locomo --calibration`."""

    none: float = -1.95
    likeness: float = 1.39
    lead: float = 6.27
    rank: float = -1.03


_FITTED: Final = RelevanceWeights()


def grounds_of(
    score: float, parts: Mapping[str, float], standing: tuple[float, float, float, int]
) -> Grounds:
    """Return what the relevance of a memory with this score and these parts is computed from.

    `standing` is a `Standing`, or what one has.
    """
    return Grounds(*plain_grounds(score, parts, standing))


def plain_grounds(
    score: float, parts: Mapping[str, float], standing: tuple[float, float, float, int]
) -> tuple[float, float, float, int]:
    """Return what `grounds_of` does without its names, which cost nearly as much as the numbers.

    Answers compute a relevance for each memory they list.
    """
    meaning, words, lead, rank = standing
    left = 1.0 - FADING * (1.0 - parts["retrievability"])
    left *= 1.0 - DOUBT * (1.0 - parts["confidence"])
    common = meaning + words - meaning * words
    likeness, lead = score / left, lead / left
    # Two calls of min() would be a third of the time of a relevance.
    return common, 1.0 if likeness > 1.0 else likeness, 1.0 if lead > 1.0 else lead, rank  # noqa: FURB136


def features(grounds: tuple[float, float, float, int]) -> tuple[float, float, float]:
    """Return what the weights of likeness, lead and rank multiply."""
    common, likeness, lead, rank = grounds
    return common * likeness, common * lead, math.log1p(rank)


def relevance(
    grounds: tuple[float, float, float, int], weights: RelevanceWeights = _FITTED
) -> float:
    """Return how likely a memory is what was asked for, from 0 to 1."""
    likeness, lead, rank = features(grounds)
    none, by_likeness, by_lead, by_rank = weights
    z = none + by_likeness * likeness + by_lead * lead + by_rank * rank
    return 1.0 / (1.0 + math.exp(-z))
