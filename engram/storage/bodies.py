"""The bodies of memories on their way from one place to another, in pieces of bounded size."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from engram.model.errors import check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, U32
    from engram.kernels.sketches.encoding import Sketches
    from engram.ports import ReadableBuffer


class Bodies(NamedTuple):
    """Bodies of n memories: vector, content and metadata of each. Read once, from the start."""

    rows: U32
    """uint32[n]: their rows."""
    ids: NDArray[np.uint64]
    """uint64[n, 2]: their ids."""
    norms: F32
    """float32[n]: one over the length of each vector; 0 where a memory has none."""
    content_bytes: U32
    """uint32[n]: lengths of the contents."""
    metadata_bytes: U32
    """uint32[n]: lengths of the metadata."""
    dimensions: int
    """Numbers in a vector; 0 where the space has none."""
    vectors: Iterable[F32]
    """float32[m, dimensions] pieces, n rows in all, those of memories without a vector zero; no
    piece where `dimensions` is 0."""
    texts: Iterable[ReadableBuffer]
    """Pieces of one run of bytes: each memory's content and then its metadata, memory by memory."""
    sketches: Sketches | None = None
    """Of just these vectors, when they are known already; made by the writer otherwise."""

    @property
    def text_bytes(self) -> int:
        """Bytes of all contents and metadata."""
        return int(self.content_bytes.sum(dtype=np.int64) + self.metadata_bytes.sum(dtype=np.int64))


def text_starts(
    content_bytes: U32, metadata_bytes: U32
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return uint64[n] offsets of contents and uint64[n] of metadata in the run of texts."""
    lengths = np.empty(2 * len(content_bytes) + 1, np.uint64)
    lengths[0], lengths[1::2], lengths[2::2] = 0, content_bytes, metadata_bytes
    starts = np.cumsum(lengths, dtype=np.uint64)
    return starts[:-1:2].copy(), starts[1::2].copy()


def joined(parts: Sequence[Bodies]) -> Bodies:
    """Return the bodies of several parts as one, in their order.

    All parts have the same dimensions.
    """
    check(len({part.dimensions for part in parts}) == 1, "joined bodies have vectors of one length")
    return Bodies(
        rows=np.concatenate([part.rows for part in parts]),
        ids=np.concatenate([part.ids for part in parts]),
        norms=np.concatenate([part.norms for part in parts]),
        content_bytes=np.concatenate([part.content_bytes for part in parts]),
        metadata_bytes=np.concatenate([part.metadata_bytes for part in parts]),
        dimensions=parts[0].dimensions,
        vectors=chain.from_iterable(part.vectors for part in parts),
        texts=chain.from_iterable(part.texts for part in parts),
    )
