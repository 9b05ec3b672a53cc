"""The stages of recall, switched on one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from benches.locomo.answers import Asked
from benches.locomo.measures import Scores, recall_at
from engram.kernels.graph.parameters import SpreadParameters
from engram.ports import Embedder
from engram.retrieval.fusion import FusionWeights
from engram.retrieval.seeding import SpreadingWeights


async def ablations(asked: Sequence[Asked], embedder: Embedder) -> dict[str, Scores]:
    """Return the scores of each step; every step has what the ones before it have."""
    whole = FusionWeights()
    lasting = whole._replace(fading=0.0, doubt=0.0)
    near = SpreadingWeights(parameters=SpreadParameters(depth=1))
    steps = {
        "+ words": (lasting._replace(speaker=0.0, time=0.0, activation=0.0), near),
        "+ session edges": (lasting._replace(speaker=0.0, time=0.0), near),
        "+ speakers": (lasting._replace(time=0.0), near),
        "+ times": (lasting, near),
        "+ spreading": (lasting, SpreadingWeights()),
        "+ decay": (whole, SpreadingWeights()),
    }
    conversations = [each.conversation for each in asked]
    vectors = [await each.answers_by_vector(embedder) for each in asked]
    found = {"vector": recall_at(conversations, vectors)}
    for name, weights in steps.items():
        rankings = [await each.weighing(*weights).answers() for each in asked]
        found[name] = recall_at(conversations, rankings)
    return found
