"""How good rankings are, and how sure a difference between two of them is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benches.locomo.conversations import ADVERSARIAL, CATEGORIES, Conversation

RESULTS: Final = 10
"""The k of recall_at_k."""

_RESAMPLES: Final = 10_000
_SEED: Final = 7

Rank = Callable[[int, int], Sequence[int]]
"""From the number of a conversation and of its question to places of turns, best first."""


class Interval(NamedTuple):
    """A mean and the bounds between which 95 % of its bootstrap resamples lie."""

    mean: float
    low: float
    high: float


class Scores(NamedTuple):
    """One number a question, in the order of the questions: float64[n]."""

    values: NDArray[np.float64]
    categories: NDArray[np.int64]
    conversations: NDArray[np.int64]

    def of_category(self, category: int) -> NDArray[np.float64]:
        """Return the values of one category."""
        return np.asarray(self.values[self.categories == category])

    @property
    def headline(self) -> NDArray[np.float64]:
        """The values of all questions that have an answer: categories 1 to 4."""
        return np.asarray(self.values[self.categories != ADVERSARIAL])

    def headline_of(self, conversation: int) -> NDArray[np.float64]:
        """Return the headline's values of one conversation."""
        chosen = (self.categories != ADVERSARIAL) & (self.conversations == conversation)
        return np.asarray(self.values[chosen])


def recall_at(
    conversations: Sequence[Conversation],
    rankings: Sequence[Sequence[Sequence[int]]],
    k: int = RESULTS,
) -> Scores:
    """Return for each question the share of its evidence among the first `k`."""
    values, categories, owners = [], [], []
    for number, (conversation, ranked) in enumerate(zip(conversations, rankings, strict=True)):
        for question, places in zip(conversation.questions, ranked, strict=True):
            found = len(question.evidence.intersection(places[:k]))
            values.append(found / len(question.evidence))
            categories.append(question.category)
            owners.append(number)
    return Scores(np.array(values, np.float64), np.array(categories), np.array(owners))


def interval(values: NDArray[np.float64]) -> Interval:
    """Return the mean of `values` and its bootstrap interval; the same for the same values."""
    draws = np.random.default_rng(_SEED).integers(0, len(values), (_RESAMPLES, len(values)))
    means = values[draws].mean(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(values.mean()), float(low), float(high))


def gain(ours: Scores, theirs: Scores, category: int | None = None) -> Interval:
    """Return by how much `ours` is better, question by question (paired bootstrap)."""
    if category is None:
        return interval(ours.headline - theirs.headline)
    return interval(ours.of_category(category) - theirs.of_category(category))


def categories_of(scores: Scores) -> list[tuple[int, str]]:
    """Return the categories that have questions, by number."""
    return [(n, name) for n, name in CATEGORIES.items() if (scores.categories == n).any()]
