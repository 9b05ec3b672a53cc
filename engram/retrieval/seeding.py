"""Where activation begins: the memories that resemble a cue most, and those it names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.kernels.graph.parameters import SpreadParameters

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, I64, U32

NAMED: Final = -1
"""The place among the candidates of a memory that the cue names: it is none of them."""


class SpreadingWeights(NamedTuple):
    """How activation begins and how it spreads."""

    # s0, of the fused score: what scores less starts nothing. Cosines are counted from that of an
    # unrelated row already (`UnrelatedCosine`); 0.2 to 0.4 did equally well on LoCoMo.
    seed_floor: float = 0.3
    # Seeds at most: the best ones. More of them are more edges read and hardly more found.
    seeds_max: int = 10
    # The share of a seed's score that it begins with: it leaves room below 1 for what other seeds
    # send it.
    seed_scale: float = 0.5
    # Memories reached by activation alone that are ranked beside the others, at most.
    reached_max: int = 100
    parameters: SpreadParameters = SpreadParameters()


class Seeds(NamedTuple):
    """Rows u32[n] and the activation f32[n] in (0, 1] each begins with.

    `places` i64[n] is where each stands among the candidates, NAMED for what the cue names itself.
    """

    rows: U32
    activations: F32
    places: I64


def seeds_of(rows: U32, scores: F32, places: U32, named: U32, weights: SpreadingWeights) -> Seeds:
    """Return the seeds of a recall.

    A row begins with max(0, (s - s0) / (1 - s0)) times `seed_scale`; one that the cue names itself
    begins with `seed_scale`.

    Args:
        rows: u32[n], the candidates.
        scores: f32[m] in [0, 1], best first, what the best of them have in common with the cue.
        places: u32[m], where these stand among the candidates.
        named: u32[k], memories the cue consists of.
        weights: how activation begins.
    """
    count = min(len(places), weights.seeds_max)
    floor = np.float32(weights.seed_floor)
    scale = np.float32(weights.seed_scale)
    shares = (scores[:count] - floor) / (1 - floor)
    begins = int(np.count_nonzero(shares > 0))  # best first
    activations = np.minimum(shares[:begins], 1) * scale
    chosen = places[:begins].astype(np.int64)
    if not len(named):
        return Seeds(rows[chosen], activations, chosen)
    given = np.full(len(named), scale)
    return Seeds(
        np.concatenate((named, rows[chosen])),
        np.concatenate((given, activations)),
        np.concatenate((np.full(len(named), NAMED), chosen)),
    )
