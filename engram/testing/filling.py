"""Fills a state with many memories at once, as bulk loads do."""

from __future__ import annotations

import numpy as np

from engram.model.commands import RememberBatch
from engram.state.apply import apply
from engram.state.decide import decide
from engram.state.space import SpaceState


def batch_of(
    count: int, dimensions: int, seed: int = 0, *, text_bytes: int = 100, metadata: bytes = b""
) -> RememberBatch:
    """Return memories with random vectors of length 1 and texts of `text_bytes` words and digits.

    Every text begins with its number behind `seed`, so that no two are the same.
    """
    chance = np.random.default_rng(seed)
    vectors = chance.standard_normal((count, dimensions), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = [f"memory {seed} {number} ".encode() for number in range(count)]
    texts = [(word * (text_bytes // len(word) + 1))[:text_bytes] for word in words]
    return RememberBatch(
        count=count,
        contents=b"".join(texts),
        content_bytes=np.full(count, text_bytes, "<u4").tobytes(),
        content_keys=chance.integers(1, 2**63, count).astype("<u8").tobytes(),
        kinds=bytes(count),
        confidences=np.ones(count, "<f4").tobytes(),
        occurred_at=bytes(8 * count),
        dated=bytes(count),
        sources=bytes(4 * count),
        sessions=bytes(4 * count),
        tag_counts=bytes(count),
        tags=b"",
        labels=[],
        metadata=metadata * count,
        metadata_bytes=np.full(count, len(metadata), "<u4").tobytes(),
        inverse_norms=np.ones(count, "<f4").tobytes(),
        vectors=vectors.tobytes(),
        dimensions=dimensions,
        embedder="",
        chance=chance.bytes(10 * count),
    )


def fill(state: SpaceState, batch: RememberBatch, now: int = 1) -> None:
    """Remember a batch at wall time `now` (nanoseconds)."""
    for event, vectors in decide(state, "filled", [batch], now).events:
        apply(state, event, vectors, state.lsn + 1)
