"""How sure a recall is of a memory: evidence along paths, joined.

A path begins with what the cue has in common with a memory and leads over associations to the
memory that is listed. It supports it with

    c * s * (c_1 w_1) * ... * (c_h w_h) * e^(-0.35 h)

where c is how sure the listed memory is, s what the cue and the first memory have in common, c_i
and w_i confidence and weight of an association, and h their number. Without any association, s is
of the listed memory itself.

Independent paths are joined by noisy-OR, 1 - prod(1 - p) (Pearl, "Probabilistic Reasoning in
Intelligent Systems", 1988). Paths that share edges are not independent: they are laid into a tree
by their beginnings, and a shared beginning is a factor of all that follows it, once. What they
share later on is not seen, so the interval stays open to both sides: from the best path alone (all
of them say the same) to all paths as if they shared nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

HOP_DECAY: Final = 0.35
"""What a hop takes away from what is believed: e^-0.35 = 0.70 is left after each."""

PATHS_MAX: Final = 8
"""Paths that are joined: the best ones; what the ninth adds is within the interval."""

_HOP: Final = math.exp(-HOP_DECAY)
_Numbers = TypeVar("_Numbers", float, NDArray[np.float64])

Step = tuple[int, float]
"""What a step of a path is, and by how much it multiplies: a number that two paths share if and
only if they share the step."""


class Belief(NamedTuple):
    """How sure a recall is, from 0 to 1: not below `low` and not above `high`."""

    value: float
    low: float
    high: float


NO_BELIEF: Final = Belief(0.0, 0.0, 0.0)


def both(a: float, b: float) -> float:
    """Return how sure it is that two independent things hold: a b."""
    return a * b


def either(a: float, b: float) -> float:
    """Return how sure it is that one of two independent things holds: a + b - a b."""
    return a + b - a * b


def negated(a: float) -> float:
    """Return how sure it is that something does not hold: 1 - a."""
    return 1.0 - a


def given(base_rate: float, if_true: float, if_false: float) -> float:
    """Return how sure something is after evidence, by Bayes' rule; the base rate without any.

    Args:
        base_rate: how often it holds.
        if_true: how often there is such evidence where it holds.
        if_false: how often where it does not.
    """
    supported = base_rate * if_true
    total = supported + (1.0 - base_rate) * if_false
    return supported / total if total > 0 else base_rate


def hop(confidence: _Numbers, weight: _Numbers) -> _Numbers:
    """Return what one association leaves of what is believed before it, or each of many."""
    return confidence * weight * _HOP


def joined(paths: Sequence[Sequence[Step]]) -> Belief:
    """Return how sure the best `PATHS_MAX` of some paths make what they lead to.

    Factors lie in [0, 1]. The order of paths does not matter.
    """
    if len(paths) == 1 and paths[0]:
        only = _product(paths[0])
        return Belief(only, only, only)
    ranked = sorted(((_product(path), tuple(path)) for path in paths if path), reverse=True)
    best = ranked[:PATHS_MAX]
    if not best:
        return NO_BELIEF
    low, high = best[0][0], 1.0
    for product, _ in best:
        high *= 1.0 - product
    # Rounding must not turn the bounds round.
    high = max(low, 1.0 - high)
    value = _tree([path for _, path in best])
    return Belief(min(max(value, low), high), low, high)


def supported(confidence: float, meaning: float, words: float) -> Belief:
    """Return what `joined` makes of what a memory itself has in common with a cue, far sooner.

    Its paths are the memory's confidence and each of the two shares; a share of 0 is no path.
    """
    if not (meaning > 0 and words > 0):
        only = confidence * max(meaning, words)
        return Belief(only, only, only)
    first, second = confidence * meaning, confidence * words
    low = max(first, second)
    high = max(low, 1.0 - (1.0 - low) * (1.0 - min(first, second)))
    value = 1.0 - (1.0 - confidence * (1.0 - (1.0 - meaning) * (1.0 - words)))
    return Belief(min(max(value, low), high), low, high)


def _product(path: Sequence[Step]) -> float:
    product = 1.0
    for _, factor in path:
        product *= factor
    return product


def _tree(paths: Sequence[tuple[Step, ...]]) -> float:
    """Return 1 - prod(1 - factor * what follows) over the different first steps of paths."""
    if len(paths) == 1:
        return _product(paths[0])
    following: dict[Step, list[tuple[Step, ...]]] = {}
    for path in paths:
        following.setdefault(path[0], []).append(path[1:])
    doubt = 1.0
    for (_, factor), rests in following.items():
        # A path that ends here leads to the memory by itself: nothing more is needed.
        doubt *= 1.0 - factor * (1.0 if () in rests else _tree(rests))
    return 1.0 - doubt
