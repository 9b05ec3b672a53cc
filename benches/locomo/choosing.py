"""Weights chosen on some conversations, to be measured on another: what tuning is worth."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from benches.locomo.answers import Asked
from benches.locomo.measures import Scores, recall_at
from engram.retrieval.fusion import FusionWeights

_SIMILARITIES: Final = (0.3, 0.4, 0.5, 0.6)
_SPEAKERS: Final = (0.15, 0.25, 0.4)
_ACTIVATIONS: Final = (0.3, 0.4, 0.5)


async def chosen_without(asked: Sequence[Asked]) -> list[tuple[str, Scores]]:
    """Return for each conversation the weights that are best on the others, and their scores.

    Of equally good ones the first. The scores are those of all conversations.
    """
    conversations = [each.conversation for each in asked]
    tried: list[tuple[str, Scores]] = []
    for name, weights in _grid():
        rankings = [await each.weighing(weights).answers() for each in asked]
        tried.append((name, recall_at(conversations, rankings)))
    chosen = []
    for left_out in range(len(asked)):
        others = [number for number in range(len(asked)) if number != left_out]
        means = [
            np.concatenate([scores.headline_of(other) for other in others]).mean()
            for _, scores in tried
        ]
        chosen.append(tried[int(np.argmax(means))])
    return chosen


def _grid() -> list[tuple[str, FusionWeights]]:
    found = []
    for similarity, speaker, activation in itertools.product(
        _SIMILARITIES, _SPEAKERS, _ACTIVATIONS
    ):
        weights = FusionWeights()._replace(
            similarity=similarity,
            lexical=round(1 - similarity, 2),
            speaker=speaker,
            activation=activation,
        )
        name = f"similarity {similarity}, speaker {speaker}, activation {activation}"
        found.append((name, weights))
    return found
