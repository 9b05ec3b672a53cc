"""What supports each memory that is listed: what it shares with the cue, and the ways to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from engram.model.association import AssociationKind
from engram.retrieval.confidence import NO_BELIEF, Belief, Step, either, joined, supported
from engram.retrieval.fusion import PARTS
from engram.retrieval.seeding import NAMED
from engram.retrieval.trails import Trail, trails_to

if TYPE_CHECKING:
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
_ACTIVATION: Final = PARTS.index("activation")


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

    def meaning(self, cosine: float) -> float:
        """Return in [0, 1] how far a cosine lies above that of an unrelated row."""
        return _share(cosine, self.unrelated, max(1e-6, 1.0 - self.unrelated))

    def words(self, score: float) -> float:
        """Return in [0, 1] how much of the cue's words a BM25 score stands for."""
        return _share(score, 0.0, self.words_best)


class Asked(NamedTuple):
    """What was asked, as far as it decides how sure an answer is."""

    candidates: Candidates
    direct_count: int
    resemblance: Resemblance
    weights: FusionWeights


def judged(
    kernels: KernelBackend, view: View, fused: Fused, reached: Reached | None, asked: Asked
) -> list[Evidence]:
    """Return what supports each of the fused memories."""
    parts = fused.parts.tolist()
    similarities, scores, *_, confidences = parts
    ways: list[list[Trail]] = [[] for _ in confidences]
    starts: dict[int, float] = {}
    if reached is not None:
        ways = trails_to(kernels, view, reached, fused.rows)
        starts = _starts(ways, reached, asked)
    meaning = map(asked.resemblance.meaning, similarities)
    words = map(asked.resemblance.words, scores)
    is_vivid = _is_vivid(parts, fused.places.tolist(), asked)
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


def _starts(ways: list[list[Trail]], reached: Reached, asked: Asked) -> dict[int, float]:
    """Return what each way's seed has in common with the cue, by its node; 1 if it was named."""
    nodes = reached.spread.rows[: len(reached.seed_places)].tolist()
    places = dict(zip(nodes, reached.seed_places.tolist(), strict=True))
    candidates, starts = asked.candidates, {}
    for node in {way.nodes[0] for each in ways for way in each}:
        place = places[node]
        if place == NAMED:
            starts[node] = 1.0
        else:
            meaning = asked.resemblance.meaning(candidates.cosines.item(place))
            words = asked.resemblance.words(candidates.lexical.item(place))
            starts[node] = either(meaning, words)
    return starts


def _is_vivid(parts: list[list[float]], places: list[int], asked: Asked) -> list[bool]:
    """Return which memories owe their place more to the cue itself than to association."""
    weights, candidates = asked.weights, asked.candidates
    if candidates.activation is None:
        return [True] * len(places)
    # On the scale on which the floor is 0 and the best candidate 1; without a better one, nothing.
    floor = asked.resemblance.unrelated
    cosine = float(candidates.cosines.max(initial=floor)) - floor
    score = float(candidates.lexical.max(initial=0.0))
    activation = float(candidates.activation.max(initial=0.0))
    columns = zip(places, *parts[: _ACTIVATION + 1], strict=True)
    return [
        place < asked.direct_count
        and weights.similarity * _share(like, floor, cosine)
        + weights.lexical * _share(said, 0.0, score)
        + weights.speaker * speaker
        + weights.time * time
        >= weights.activation * _share(brought, 0.0, activation)
        for place, like, said, speaker, time, brought in columns
    ]


def _share(value: float, floor: float, span: float) -> float:
    """Return in [0, 1] how much of a span a value lies above a floor; 0 of an empty one."""
    return min(max((value - floor) / span, 0.0), 1.0) if span > 0 else 0.0
