"""Memories for histories of a store, no two alike, drawn from a seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from engram.testing.store_ledger import Trace

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from engram.ports import Embedder

TAGS: Final = ("red", "green", "\u0645\u0631\u062d\u0628\u0627", "a tag with spaces")
EPOCH: Final = datetime(2020, 2, 29, 12, tzinfo=UTC)
TEXT_CHARACTERS: Final = (0, 1, 40, 300, 5_000)


def is_given(space: str) -> bool:
    """Whether callers give the vectors of a space, and not the store's embedder."""
    return space.startswith("given")


def given(space: str, traces: Sequence[Trace]) -> NDArray[np.float32] | None:
    """Return the vectors a caller gives with the traces, None where the store makes them."""
    if not is_given(space):
        return None
    return np.stack([np.frombuffer(trace.vector, "<f4") for trace in traces])


class Traces:
    """Makes traces that were never there before."""

    def __init__(self, chance: random.Random, embedder: Embedder) -> None:
        self._chance = chance
        self._embedder = embedder
        self._count = 0

    async def make(self, space: str) -> Trace:
        """Return a memory like no other."""
        chance = self._chance
        self._count += 1
        length = chance.choice(TEXT_CHARACTERS)
        content = f"w{self._count} " + "na\u00efve \u5317\u4eac word " * (length // 14)
        if is_given(space) and not length:
            content = ""
        if is_given(space):
            numbers = [chance.uniform(-1, 1) for _ in range(self._embedder.dimensions)]
            vector = np.array(numbers, "<f4")
        else:
            vector = (await self._embedder.embed([content]))[0].astype("<f4")
        days = chance.choice([None, 0, 7, -9000])
        return Trace(
            content=content,
            vector=vector.tobytes(),
            tags=tuple(chance.sample(TAGS, chance.randrange(len(TAGS)))),
            kind=chance.choice(["episodic", "semantic", "procedural", "concept"]),
            confidence=chance.choice([0.0, 0.1, 0.9, 1.0]),
            source=chance.choice([None, "letter", "diary"]),
            session=chance.choice([None, "s1"]),
            metadata=chance.choice([b"", b"{}", b'{"page":7,"of":["x",null]}']),
            occurred_at=None if days is None else EPOCH + timedelta(days=days),
        )
