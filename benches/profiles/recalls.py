"""What is sampled: recalls of one kind over 100,000 memories, again and again."""

from __future__ import annotations

import statistics
import sys
import tempfile
from itertools import count
from time import monotonic
from typing import Final

import anyio

import engram
from benches.regression.corpus import texts, unit_rows, word

KINDS: Final = ("vector", "words", "hybrid")
_MEMORIES: Final = 100_000
_CUE_RANKS: Final = (40, 300, 2_000)


async def recall_for(kind: str, seconds: float) -> int:
    """Fill a space, recall for that long, print each stage's median time; return the count."""
    stages: dict[str, list[float]] = {}
    rows = unit_rows(_MEMORIES)
    with tempfile.TemporaryDirectory() as place:
        async with engram.open(place, embedder=None) as db:
            space = await db.space("profiled")
            await space.remember_many(texts(_MEMORIES), embeddings=rows)
            await space.recall(word(1))
            end = monotonic() + seconds
            for number in count():
                if monotonic() > end:
                    for stage, took in stages.items():
                        sys.stdout.write(f"  {statistics.median(took):8.0f} us  {stage}\n")
                    return number
                cue = " ".join(word(rank + number % 500) for rank in _CUE_RANKS)
                found = await space.recall(
                    cue if kind != "vector" else None,
                    embedding=rows[number % _MEMORIES] if kind != "words" else None,
                )
                for stage, took_us in found.timings_us.items():
                    stages.setdefault(stage, []).append(took_us)
    return 0


if __name__ == "__main__":
    recalls_count = anyio.run(recall_for, sys.argv[1], float(sys.argv[2]))
    sys.stdout.write(f"  {recalls_count} recalls\n")
