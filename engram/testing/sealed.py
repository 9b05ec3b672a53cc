"""A sealed segment that is held in RAM: the same to its readers as one on disk."""

from __future__ import annotations

from collections.abc import Iterable

import blake3
import numpy as np
from numpy.typing import NDArray

from engram.kernels.sketches.encoding import encode_sketches
from engram.model.errors import check
from engram.state.gathering import gathered
from engram.state.moves import Landing
from engram.state.space import View


class MemorySealed:
    """An `engram.state.bodies.Sealed` of arrays and one run of text."""

    def __init__(
        self,
        number: int,
        vectors: NDArray[np.float32],
        norms: NDArray[np.float32],
        text: bytes = b"",
        tier: str = "warm",
    ) -> None:
        self.tier = tier
        self.number = number
        self.norms = norms
        self.count = len(norms)
        self.digest = blake3.blake3(vectors.tobytes() + text).digest()
        self._vectors = vectors
        self._text = text
        sketches = encode_sketches(vectors, norms)
        self.centre, self.signs, self.magnitudes, self.factors = sketches

    def vectors(self, offsets: NDArray[np.uint32]) -> NDArray[np.float32]:
        """Return float32[m, d] vectors as they were given."""
        return self._vectors[offsets]

    def expect_vectors(self, offsets: NDArray[np.uint32]) -> None:
        """Do nothing: they are in RAM."""

    def expect_text(self, offset: int, bytes_count: int) -> None:
        """Do nothing: it is in RAM."""

    def read(self, offset: int, bytes_count: int) -> bytes:
        """Return bytes of its texts."""
        check(offset + bytes_count <= len(self._text), "texts are read within their segment")
        return self._text[offset : offset + bytes_count]

    @property
    def resident_bytes(self) -> int:
        """Bytes that one on disk would hold in RAM."""
        sketches = (self.centre, self.signs, self.magnitudes, self.factors)
        return self.norms.nbytes + sum(array.nbytes for array in sketches)


def sealed_in_memory(view: View, rows: Iterable[int], number: int) -> Landing:
    """Return a segment of the bodies of `rows`, ready to be moved to."""
    bodies = gathered(view, np.array(list(rows), np.uint32))
    pieces = list(bodies.vectors)
    vectors = np.concatenate(pieces) if pieces else np.zeros((len(bodies.rows), 0), np.float32)
    lengths = np.stack([bodies.content_bytes, bodies.metadata_bytes], axis=1).astype(np.uint64)
    starts = (np.cumsum(lengths) - lengths.ravel()).reshape(-1, 2)
    segment = MemorySealed(number, vectors, bodies.norms, b"".join(bodies.texts))
    return Landing(segment, bodies.rows, starts[:, 0], starts[:, 1])
