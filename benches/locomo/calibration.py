"""How often what recall lists is what was asked for, by the relevance it states; and fitting it.

Judged are the first ten of every question that has an answer, as evidence or not; by each embedder
and without, in the modes `hybrid` and `similarity`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benches.locomo.answers import Asked, remembered
from benches.locomo.conversations import ADVERSARIAL, Conversation
from benches.locomo.embedding import OnceEmbedder
from benches.locomo.measures import RESULTS
from engram.adapters.embedders.loading import load_embedder
from engram.model.recollection import Recollection
from engram.model.relevance import Grounds, RelevanceWeights, features, relevance

EMBEDDERS: Final = ("static", "minilm", "none")
MODES: Final = ("hybrid", "similarity")

_BINS: Final = 10
_STEPS_MAX: Final = 50
_PRECISION: Final = 1e-9
# Keeps the steps defined where some feature is always 0; far below what judgements say.
_RIDGE: Final = 1e-9

Numbers = NDArray[np.float64]


class Judgement(NamedTuple):
    """One memory of an answer: how it was recalled, and whether it holds what was asked for."""

    conversation: int
    embedder: str
    mode: str
    grounds: Grounds
    confidence: float
    is_right: bool


class Calibration(NamedTuple):
    """How far stated probabilities are from how often, and how well they tell right from wrong.

    `error` is the expected calibration error over ten bins of equal width, `brier` the mean squared
    error, `order` how often a right one is stated above a wrong one (area under the ROC curve), of
    `size` judgements.
    """

    error: float
    brier: float
    order: float
    size: int


async def judgements(
    conversations: Sequence[Conversation], embedder: str, directory: Path
) -> list[Judgement]:
    """Return what is recalled for each question, judged, with an embedder of `EMBEDDERS`."""
    loaded = None if embedder == "none" else OnceEmbedder(load_embedder(embedder))
    found: list[Judgement] = []
    async with remembered(conversations, loaded, directory) as asked:
        for number, each in enumerate(asked):
            if loaded is not None:
                await each.space.wait_linked()
            for mode in MODES:
                found += [
                    Judgement(number, embedder, mode, hit.grounds, hit.confidence, is_right)
                    for hit, is_right in await _answers(each, mode)
                ]
    return found


async def _answers(asked: Asked, mode: str) -> list[tuple[Recollection, bool]]:
    """Return what is recalled for the questions, and whether it is evidence."""
    found = []
    for question in asked.conversation.questions:
        if question.category != ADVERSARIAL:
            result = await asked.space.recall(question.text, limit=RESULTS, mode=mode)
            found += [(hit, asked.place_of[hit.memory.id] in question.evidence) for hit in result]
    return found


def fitted(*judged: Sequence[Judgement]) -> RelevanceWeights:
    """Return the weights under which some sets of judgements are likeliest (Newton's method).

    Each set counts as much as each other, however many judgements it has.
    """
    rows = np.array([(1.0, *features(one.grounds)) for each in judged for one in each])
    right = np.array([one.is_right for each in judged for one in each], np.float64)
    counts = np.concatenate([np.full(len(each), 1.0 / len(each)) for each in judged])
    weights = np.zeros(rows.shape[1])
    for _ in range(_STEPS_MAX):
        stated = 1.0 / (1.0 + np.exp(-(rows @ weights)))
        slope = rows.T @ (counts * (stated - right)) + _RIDGE * weights
        bend = (rows * (counts * stated * (1.0 - stated))[:, None]).T @ rows
        step = np.linalg.solve(bend + _RIDGE * np.eye(len(weights)), slope)
        weights -= step
        if np.abs(step).max() < _PRECISION:
            break
    return RelevanceWeights(*weights.tolist())


def left_out(judged: Sequence[Judgement]) -> list[float]:
    """Return the relevance of each, with weights fitted to the other conversations."""
    numbers = sorted({each.conversation for each in judged})
    weights = {
        number: fitted([each for each in judged if each.conversation != number])
        for number in numbers
    }
    return [relevance(each.grounds, weights[each.conversation]) for each in judged]


def calibration(stated: Sequence[float], judged: Sequence[Judgement]) -> Calibration:
    """Return how well what was stated of each agrees with what it was."""
    said = np.array(stated)
    right = np.array([each.is_right for each in judged], np.float64)
    bins = np.minimum((said * _BINS).astype(int), _BINS - 1)
    gaps = [abs((said - right)[bins == number].sum()) for number in range(_BINS)]
    return Calibration(
        float(sum(gaps)) / len(said),
        float(((said - right) ** 2).mean()),
        _order(said, right),
        len(said),
    )


def _order(said: Numbers, right: Numbers) -> float:
    """Return the share of pairs of a right and a wrong one that stand in that order, ties half."""
    values, number_of = np.unique(said, return_inverse=True)
    rights = np.bincount(number_of, right, len(values))
    wrongs = np.bincount(number_of, 1.0 - right, len(values))
    below = np.cumsum(wrongs) - wrongs
    return float((rights * (below + wrongs / 2)).sum() / (rights.sum() * wrongs.sum()))


def by_way(judged: Sequence[Judgement]) -> Iterator[tuple[str, list[int]]]:
    """Yield each embedder with its mode, and the places of its judgements; last, all of them."""
    ways = dict.fromkeys((each.embedder, each.mode) for each in judged)
    for way in ways:
        places = [n for n, each in enumerate(judged) if (each.embedder, each.mode) == way]
        yield ", ".join(way), places
    yield "all", list(range(len(judged)))
