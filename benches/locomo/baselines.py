"""What others do: BM25, cosine, and their convex combination, over all turns of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benches.locomo.conversations import Conversation
from benches.locomo.measures import RESULTS
from engram.kernels.numpy_backend import NumpyBackend
from engram.ports import Embedder
from engram.retrieval.lexical import WordIndex

_TEXTBOOK_K1, _TEXTBOOK_B = 1.2, 0.75

Matrix = NDArray[np.float32]


class Compared(NamedTuple):
    """Scores of all turns for all questions of a conversation, float32[questions, turns] each."""

    words: Matrix
    cosines: Matrix


async def compare(conversation: Conversation, embedder: Embedder) -> Compared:
    """Return the BM25 scores and the cosines of every turn with every question."""
    index, kernels = WordIndex(k1=_TEXTBOOK_K1, b=_TEXTBOOK_B), NumpyBackend()
    index.add(0, [turn.text for turn in conversation.turns])
    view, rows = index.snapshot(), np.arange(len(conversation.turns), dtype=np.uint32)
    asked = [question.text for question in conversation.questions]
    words = np.stack([view.scores(kernels, view.asked(text), rows) for text in asked])
    turns = await embedder.embed([turn.text for turn in conversation.turns])
    return Compared(words, np.asarray(await embedder.embed(asked)) @ turns.T)


def combined(compared: Compared, share: float = 0.5) -> Matrix:
    """Return `share` of the cosines and the rest of the words, each scaled to [0, 1] a question."""
    return share * _scaled(compared.cosines) + (1 - share) * _scaled(compared.words)


def ranked(scores: Matrix, k: int = RESULTS) -> Sequence[Sequence[int]]:
    """Return the places of the `k` best turns of each question, best first."""
    order: list[list[int]] = np.argsort(-scores, axis=1, kind="stable")[:, :k].tolist()
    return order


def _scaled(scores: Matrix) -> Matrix:
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    return np.asarray((scores - low) / np.maximum(high - low, np.float32(1e-9)), np.float32)
