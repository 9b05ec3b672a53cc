"""Reads a segment's bodies from end to end, or some of them, in pieces of bounded size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.model.errors import check
from engram.storage.bodies import Bodies, text_starts
from engram.storage.limits import READ_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, U32
    from engram.storage.block_file import BlockFile


def stream_bodies(
    *,
    rows: U32,
    ids: NDArray[np.uint64],
    norms: F32,
    content_bytes: U32,
    metadata_bytes: U32,
    dimensions: int,
    vectors: BlockFile,
    texts: BlockFile,
    keep: U32 | None,
    void: U32 | None,
) -> Bodies:
    """Return the bodies at ascending `keep` offsets, or all, those at `void` emptied.

    What is read is verified: taking a piece raises FileCorrupted or StorageFailed.
    """
    n = len(rows)
    starts, _ = text_starts(content_bytes, metadata_bytes)
    ends = starts + content_bytes + metadata_bytes
    is_void = np.zeros(n, np.bool_)
    is_void[_ascending(void, n)] = void is not None
    kept = _ascending(keep, n)
    full = kept[~is_void[kept]]
    return Bodies(
        rows=rows[kept],
        ids=ids[kept],
        norms=np.where(is_void, np.float32(0), norms)[kept],
        content_bytes=np.where(is_void, np.uint32(0), content_bytes)[kept],
        metadata_bytes=np.where(is_void, np.uint32(0), metadata_bytes)[kept],
        dimensions=dimensions,
        vectors=_vectors(vectors, kept, is_void, dimensions),
        texts=_texts(texts, starts[full], ends[full]),
    )


def _ascending(offsets: U32 | None, count: int) -> U32:
    """Return the offsets, all of them for None; they must ascend and be of bodies."""
    if offsets is None:
        return np.arange(count, dtype=np.uint32)
    is_right = bool((np.diff(offsets, prepend=-1, append=count).astype(np.int64) > 0).all())
    check(is_right, "bodies are named in their order, each once")
    return offsets


def _vectors(
    file: BlockFile, kept: U32, is_void: NDArray[np.bool_], dimensions: int
) -> Iterator[F32]:
    """Give the kept vectors; of strides without a kept one nothing is read."""
    if not dimensions:
        return
    rows = file.block_bytes // (4 * dimensions)
    stride = max(1, READ_BYTES // file.block_bytes)
    last = 0
    for first in range(0, file.blocks_count, stride):
        end = min(first + stride, file.blocks_count)
        before, last = last, int(np.searchsorted(kept, end * rows))
        if last > before:
            table = np.frombuffer(b"".join(file.read(range(first, end))), np.float32)
            chosen = kept[before:last]
            piece = table.reshape(-1, dimensions)[chosen - np.uint32(first * rows)]
            piece[is_void[chosen]] = 0
            yield piece


def _texts(
    file: BlockFile, starts: NDArray[np.uint64], ends: NDArray[np.uint64]
) -> Iterator[bytes]:
    """Give the texts between starts and ends, each block that holds some of them read once."""
    if not len(starts):
        return
    is_first = np.concatenate([[True], starts[1:] != ends[:-1]])
    is_last = np.concatenate([is_first[1:], [True]])
    number, block = -1, b""
    for start, end in zip(starts[is_first].tolist(), ends[is_last].tolist(), strict=True):
        position = start
        while position < end:
            wanted, inside = divmod(position, file.block_bytes)
            if wanted != number:
                number, (block,) = wanted, file.read([wanted])
            piece = block[inside : inside + end - position]
            position += len(piece)
            yield piece
