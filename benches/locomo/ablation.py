"""The stages of recall, switched on one after the other.

Every step has what the ones before it have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benches.locomo.answers import Asked
from benches.locomo.measures import Scores, recall_at
from engram.kernels.graph.parameters import SpreadParameters
from engram.ports import Embedder
from engram.retrieval.fusion import FusionWeights
from engram.retrieval.seeding import SpreadingWeights

_LASTING: Final = FusionWeights()._replace(fading=0.0, doubt=0.0)


async def ablations(asked: Sequence[Asked], embedder: Embedder) -> dict[str, Scores]:
    """Return the scores of the steps before memories are linked to what they are like."""
    lasting = _LASTING
    near = SpreadingWeights(parameters=SpreadParameters(depth=1))
    steps = {
        "+ words": (lasting._replace(speaker=0.0, time=0.0, activation=0.0), near),
        "+ session edges": (lasting._replace(speaker=0.0, time=0.0), near),
        "+ speakers": (lasting._replace(time=0.0), near),
        "+ times": (lasting, near),
        "+ spreading": (lasting, SpreadingWeights()),
    }
    conversations = [each.conversation for each in asked]
    vectors = [await each.answers_by_vector(embedder) for each in asked]
    found = {"vector": recall_at(conversations, vectors)}
    for name, weights in steps.items():
        found[name] = await _scores(asked, *weights)
    return found


async def ablations_linked(asked: Sequence[Asked]) -> dict[str, Scores]:
    """Return the scores of the steps after it."""
    return {
        "+ links": await _scores(asked, _LASTING, SpreadingWeights()),
        "+ decay": await _scores(asked, FusionWeights(), SpreadingWeights()),
    }


async def _scores(
    asked: Sequence[Asked], weights: FusionWeights, spreading: SpreadingWeights
) -> Scores:
    rankings = [await each.weighing(weights, spreading).answers() for each in asked]
    return recall_at([each.conversation for each in asked], rankings)
