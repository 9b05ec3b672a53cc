"""What is remembered and asked: made from a seed, the same bytes in every run.

Texts have 20 words whose frequencies fall as 1 / rank. Every memory has about ten associations: to
its neighbours among the twenty turns of its session, and to and from four tags, each of which five
memories share. Vectors lie around centres as those of texts do, or point anywhere. A cue is six
words of one memory, those most frequent ones aside that stand for function words, and a vector near
that memory's.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benches.peers.clusters import clustered_rows
from benches.regression.corpus import DIMENSIONS, texts, unit_rows, word
from engram.service.preparing import NewMemory

F32 = NDArray[np.float32]

LIMIT: Final = 10
_WORDS: Final = 20
_CUE_WORDS: Final = 6
_FUNCTION_WORDS: Final = 50
_TURNS: Final = 20
_TAGS: Final = 4
_SHARING: Final = 5
_QUERIES: Final = 256
_NOISE: Final = 0.5  # length of the noise beside a vector of length 1


class Asked(NamedTuple):
    """A cue: its words and its float32[d] of length 1."""

    text: str
    vector: F32


class Workload(NamedTuple):
    """What is remembered, and the cues."""

    items: list[NewMemory]
    vectors: F32
    asked: list[Asked]

    def nearest(self) -> list[set[int]]:
        """Return the ten rows that are truly nearest to each cue's vector."""
        found = []
        for cue in self.asked:
            cosines = self.vectors @ cue.vector
            found.append(set(np.argpartition(cosines, -LIMIT)[-LIMIT:].tolist()))
        return found


def workload(memories: int, *, anywhere: bool) -> Workload:
    """Return memories with their vectors, `anywhere` or around centres, and what is asked."""
    vectors = unit_rows(memories) if anywhere else clustered_rows(memories, DIMENSIONS)
    contents = texts(memories, words=_WORDS)
    random = np.random.default_rng(11)
    tags = random.integers(0, memories // _SHARING + 1, (memories, _TAGS)).tolist()
    items: list[NewMemory] = [
        {"content": text, "session": str(number // _TURNS), "tags": [f"t{tag}" for tag in own]}
        for number, (text, own) in enumerate(zip(contents, tags, strict=True))
    ]
    frequent = {word(rank) for rank in range(_FUNCTION_WORDS)}
    asked = []
    for row in random.integers(0, memories, _QUERIES).tolist():
        telling = [each for each in dict.fromkeys(contents[row].split()) if each not in frequent]
        chosen = random.permutation(telling)[:_CUE_WORDS].tolist()
        noise = random.standard_normal(DIMENSIONS, np.float32)
        vector = vectors[row] + noise * np.float32(_NOISE / np.linalg.norm(noise))
        vector = np.asarray(vector / np.linalg.norm(vector), np.float32)
        asked.append(Asked(" ".join(chosen), vector))
    return Workload(items, vectors, asked)
