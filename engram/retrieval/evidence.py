"""What supports each memory that is listed: what it shares with the cue, and the ways to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.model.association import AssociationKind
from engram.retrieval.confidence import NO_BELIEF, Belief, Step, joined, supported
from engram.retrieval.fusion import PARTS
from engram.retrieval.trails import Trail, trails_to

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U32
    from engram.kernels.protocol import KernelBackend
    from engram.retrieval.fusion import Candidates, Fused, FusionWeights
    from engram.retrieval.spreading import Reached
    from engram.state.space import View

VIVID: Final = "vivid"
ASSOCIATED: Final = "associated"
RECONSTRUCTED: Final = "reconstructed"

_MEANING: Final = -1
_WORDS: Final = -2
_MEMORY: Final = -3
_SEED: Final = -4  # less the seed's node
_DERIVED: Final = int(AssociationKind.DERIVED)
_LEXICAL, _SPEAKER, _TIME, _ACTIVATION, _CONFIDENCE = (
    PARTS.index(each) for each in ("lexical", "speaker", "time", "activation", "confidence")
)
_COMPARED: Final = [PARTS.index("similarity"), _LEXICAL, _ACTIVATION]


class Evidence(NamedTuple):
    """What supports one memory.

    `meaning` and `words` in [0, 1] are what it has in common with the cue itself: of the way from
    an unrelated cosine to 1, and of the most that a text of average length with every word of the
    cue scores. `ways` lead to it over associations, the strongest first.
    """

    group: str
    belief: Belief = NO_BELIEF
    meaning: float = 0.0
    words: float = 0.0
    ways: tuple[Trail, ...] = ()


class Resemblance(NamedTuple):
    """What a cosine and a BM25 score are measured by."""

    unrelated: float
    words_best: float

    def meaning(self, cosines: F32) -> F32:
        """Return f32[n] in [0, 1]: how far cosines lie above that of an unrelated row."""
        floor = np.float32(self.unrelated)
        shares = (cosines - floor) / max(np.float32(1e-6), np.float32(1) - floor)
        return np.asarray(np.minimum(np.maximum(shares, 0), 1), np.float32)

    def words(self, scores: F32) -> F32:
        """Return f32[n] in [0, 1]: how much of the cue's words BM25 scores stand for."""
        if self.words_best <= 0:
            return np.zeros(len(scores), np.float32)
        return np.asarray(np.minimum(scores / np.float32(self.words_best), 1), np.float32)


class Asked(NamedTuple):
    """What was asked, as far as it decides how sure an answer is."""

    candidates: Candidates
    direct_count: int
    named: U32
    resemblance: Resemblance
    weights: FusionWeights


def judged(
    kernels: KernelBackend, view: View, fused: Fused, reached: Reached | None, asked: Asked
) -> list[Evidence]:
    """Return what supports each of the fused memories."""
    meaning = asked.resemblance.meaning(fused.parts[0]).tolist()
    words = asked.resemblance.words(fused.parts[_LEXICAL]).tolist()
    ways: list[list[Trail]] = [[] for _ in fused.rows]
    starts: dict[int, float] = {}
    if reached is not None:
        ways = trails_to(kernels, view, reached, fused.rows)
        starts = _starts(view, ways, asked)
    is_vivid = _is_vivid(fused, asked)
    confidences = fused.parts[_CONFIDENCE].tolist()
    found = []
    columns = zip(ways, meaning, words, confidences, is_vivid, strict=True)
    for each, like, said, confidence, vivid in columns:
        group = VIVID if vivid else ASSOCIATED
        if not each:
            found.append(Evidence(group, supported(confidence, like, said), like, said))
            continue
        if not vivid and each[0].kinds[-1] == _DERIVED:
            group = RECONSTRUCTED
        belief = joined(_paths(confidence, (like, said), each, starts))
        found.append(Evidence(group, belief, like, said, tuple(each)))
    return found


def _paths(
    confidence: float, own: tuple[float, float], ways: list[Trail], starts: dict[int, float]
) -> list[list[Step]]:
    """Return the paths that support a memory, as `confidence.joined` takes them."""
    root = (_MEMORY, confidence)
    paths = [
        [root, (kind, share)]
        for kind, share in zip((_MEANING, _WORDS), own, strict=True)
        if share > 0
    ]
    for way in ways:
        steps = [root, (_SEED - way.nodes[0], starts.get(way.nodes[0], 0.0))]
        steps += zip(way.edges, way.factors, strict=True)
        paths.append(steps)
    return paths


def _starts(view: View, ways: list[list[Trail]], asked: Asked) -> dict[int, float]:
    """Return what each way's seed has in common with the cue, by its node; 1 if it was named."""
    nodes = list({way.nodes[0] for each in ways for way in each})
    if not nodes:
        return {}
    rows = view.associations.owners_of(np.array(nodes, np.uint32))
    named, candidates = set(asked.named.tolist()), asked.candidates
    is_at = candidates.rows == rows[:, None]
    at, is_there = is_at.argmax(axis=1), is_at.any(axis=1)
    meanings = np.where(is_there, asked.resemblance.meaning(candidates.cosines[at]), 0).tolist()
    shares = np.where(is_there, asked.resemblance.words(candidates.lexical[at]), 0).tolist()
    starts = {}
    for node, row, meaning, words in zip(nodes, rows.tolist(), meanings, shares, strict=True):
        starts[node] = 1.0 if row in named else meaning + words - meaning * words
    return starts


def _is_vivid(fused: Fused, asked: Asked) -> list[bool]:
    """Return which memories owe their place more to the cue itself than to association."""
    weights, candidates, parts = asked.weights, asked.candidates, fused.parts
    if candidates.activation is None:
        return [True] * len(fused.rows)
    values = parts[_COMPARED]
    floors = (asked.resemblance.unrelated, 0.0, 0.0)
    of = (candidates.cosines, candidates.lexical, candidates.activation)
    spans = [float(each.max(initial=floor)) - floor for each, floor in zip(of, floors, strict=True)]
    # On the scale on which the floor is 0 and the best candidate 1; without a better one, nothing.
    shares = values - np.array(floors, np.float32)[:, None]
    shares /= np.array([span if span > 0 else np.inf for span in spans], np.float32)[:, None]
    np.minimum(np.maximum(shares, 0, out=shares), 1, out=shares)
    direct = weights.similarity * shares[0] + weights.lexical * shares[1]
    direct += weights.speaker * parts[_SPEAKER] + weights.time * parts[_TIME]
    is_vivid = (fused.places < asked.direct_count) & (direct >= weights.activation * shares[2])
    return list(is_vivid.tolist())
