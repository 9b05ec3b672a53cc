"""The stages of recall, switched on one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from benches.locomo.answers import Asked
from benches.locomo.measures import Scores, recall_at
from engram.ports import Embedder
from engram.retrieval.fusion import FusionWeights


async def ablations(asked: Sequence[Asked], embedder: Embedder) -> dict[str, Scores]:
    """Return the scores of each step; every step has what the ones before it have."""
    plain = FusionWeights()._replace(speaker=0.0, fading=0.0, doubt=0.0)
    steps = {
        "+ words": plain,
        "+ speakers": plain._replace(speaker=FusionWeights().speaker),
        "+ decay": FusionWeights(),
    }
    conversations = [each.conversation for each in asked]
    vectors = [await each.answers_by_vector(embedder) for each in asked]
    found = {"vector": recall_at(conversations, vectors)}
    for name, weights in steps.items():
        found[name] = recall_at(conversations, [await each.answers(weights) for each in asked])
    return found
