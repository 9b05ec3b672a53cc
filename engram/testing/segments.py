"""Bodies of memories made from a seed, to be sealed in segments and read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engram.storage.bodies import Bodies


@dataclass(frozen=True)
class SampleBodies:
    """Bodies that stay at hand: float32[n, d] vectors, and the texts one by one."""

    rows: NDArray[np.uint32]
    ids: NDArray[np.uint64]
    vectors: NDArray[np.float32]
    contents: list[bytes]
    metadata: list[bytes]

    @property
    def norms(self) -> NDArray[np.float32]:
        """float32[n]: inverse lengths, 0 for vectors of zeros."""
        lengths = np.sqrt(np.square(self.vectors, dtype=np.float64).sum(axis=1))
        inverse = np.divide(1.0, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
        return np.asarray(inverse, np.float32)

    def bodies(self, piece_rows: int = 1000) -> Bodies:
        """Return them as a writer takes them, the vectors in pieces of so many rows."""
        n, d = self.vectors.shape
        return Bodies(
            rows=self.rows,
            ids=self.ids,
            norms=self.norms,
            content_bytes=np.array([len(text) for text in self.contents], np.uint32),
            metadata_bytes=np.array([len(text) for text in self.metadata], np.uint32),
            dimensions=d,
            vectors=[self.vectors[i : i + piece_rows] for i in range(0, n, piece_rows) if d],
            texts=[
                part for pair in zip(self.contents, self.metadata, strict=True) for part in pair
            ],
        )

    def at(self, offsets: Sequence[int]) -> SampleBodies:
        """Return some of them."""
        chosen = np.asarray(offsets, np.int64)
        return SampleBodies(
            self.rows[chosen],
            self.ids[chosen],
            self.vectors[chosen],
            [self.contents[offset] for offset in offsets],
            [self.metadata[offset] for offset in offsets],
        )


def sample_bodies(
    count: int, dimensions: int, *, seed: int = 0, text_bytes_max: int = 120
) -> SampleBodies:
    """Return bodies as memories have them: some without a vector, a text or metadata."""
    generator = np.random.default_rng(seed)
    vectors = generator.standard_normal((count, dimensions)).astype(np.float32)
    vectors[generator.random(count) < 0.1] = 0  # noqa: PLR2004 - a tenth
    words = [word.encode() for word in ("tea ", "in ", "Zürich ", "北京 ", "moon ", "of ", "Ada ")]

    def text(is_there: bool) -> bytes:
        length = int(generator.integers(1, text_bytes_max + 1)) if is_there else 0
        drawn = generator.integers(0, len(words), length // 3 + 1)
        return b"".join(words[number] for number in drawn)[:length]

    return SampleBodies(
        rows=np.cumsum(generator.integers(1, 4, count)).astype(np.uint32),
        ids=generator.integers(0, 2**64, (count, 2), np.uint64),
        vectors=vectors,
        contents=[text(generator.random() < 0.95) for _ in range(count)],  # noqa: PLR2004 - most
        metadata=[text(generator.random() < 0.3) for _ in range(count)],  # noqa: PLR2004 - some
    )
