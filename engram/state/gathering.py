"""Bodies read together, wherever they are, in pieces of bounded size.

Nothing here holds more than a piece, so that bodies can be sealed and moved in little RAM.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.state.columns import Arena, Array
from engram.state.space import ERASED, View

# 1,024 vectors or 1 MiB of texts at once: 1.5 MB of 384-dimensional vectors, copied in under a
# millisecond, after which another thread may have the interpreter.
PIECE_ROWS: Final = 1_024
PIECE_BYTES: Final = 1 << 20


class Gathered(NamedTuple):
    """The bodies of n rows; the pieces are read once, while they are taken, and may block."""

    rows: NDArray[np.uint32]
    """uint32[n]."""
    ids: NDArray[np.uint64]
    """uint64[n, 2]: high and low half."""
    norms: NDArray[np.float32]
    """float32[n]: one over the length of each vector; 0 where a memory has none."""
    content_bytes: NDArray[np.uint32]
    metadata_bytes: NDArray[np.uint32]
    dimensions: int
    vectors: Iterator[NDArray[np.float32]]
    """float32[m, dimensions] pieces, n rows in all; none where the space has no vectors."""
    texts: Iterator[bytes]
    """Pieces of one run of bytes: each row's content and then its metadata."""


def gathered(view: View, rows: NDArray[np.uint32]) -> Gathered:
    """Return the bodies of `rows` (uint32[n], in the order they are wanted) as `view` has them.

    Of a memory that was erased nothing is read, wherever it still stands.
    """
    return Gathered(
        rows=rows,
        ids=np.stack([view.gather("id_high", rows), view.gather("id_low", rows)], axis=1),
        norms=norms_of(view, rows),
        content_bytes=view.gather("content_bytes", rows),
        metadata_bytes=view.gather("metadata_bytes", rows),
        dimensions=view.dimensions,
        vectors=vector_pieces(view, rows),
        texts=_texts(view, rows),
    )


def norms_of(view: View, rows: Array) -> NDArray[np.float32]:
    """Return float32[n] inverse norms, 0 where a memory has no vector or was erased."""
    norms = view.norms_of(rows)
    norms[(view.gather("flags", rows) & ERASED) != 0] = 0
    return norms


def body_bytes(view: View, rows: Array) -> NDArray[np.int64]:
    """Return int64[n]: bytes that the vector, content and metadata of each row take."""
    texts = view.gather("content_bytes", rows).astype(np.int64) + view.gather(
        "metadata_bytes", rows
    )
    return texts + 4 * view.dimensions


def vector_pieces(view: View, rows: Array) -> Iterator[NDArray[np.float32]]:
    """Yield float32[m, dimensions] vectors of the rows, zeros where one has none."""
    for first in range(0, len(rows) if view.dimensions else 0, PIECE_ROWS):
        chosen = rows[first : first + PIECE_ROWS]
        found = view.vectors_of(chosen)
        found[(view.gather("flags", chosen) & ERASED) != 0] = 0
        yield found


def _texts(view: View, rows: Array) -> Iterator[bytes]:
    metadata_bytes = view.gather("metadata_bytes", rows)
    lengths = view.gather("content_bytes", rows).astype(np.int64) + metadata_bytes
    for first, last in pieces(lengths):
        chosen = rows[first:last]
        found = view.contents(chosen)
        if not metadata_bytes[first:last].any():
            yield b"".join(found)
            continue
        run: list[bytes | bytearray] = []
        for content, row, size in zip(
            found, chosen.tolist(), metadata_bytes[first:last].tolist(), strict=True
        ):
            run.append(content)
            if size:
                run.append(view.metadata_of(row))
        yield b"".join(run)


def pieces(lengths: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield (first, last) of runs of at most PIECE_ROWS entries and about PIECE_BYTES bytes."""
    ends = np.cumsum(lengths)
    first = 0
    while first < len(lengths):
        before = int(ends[first - 1]) if first else 0
        fitting = int(np.searchsorted(ends, before + PIECE_BYTES, side="right"))
        last = min(max(fitting, first + 1), first + PIECE_ROWS, len(lengths))
        yield first, last
        first = last


def copy_texts(
    source: Arena, target: Arena, addresses: NDArray[np.uint64], lengths: NDArray[np.uint32]
) -> NDArray[np.uint64]:
    """Copy texts (uint64[n] addresses, uint32[n] bytes) behind those of `target`.

    Returns uint64[n], their new addresses. Texts that follow each other are copied as one.
    """
    copied = np.empty_like(addresses)
    if not len(addresses):
        return copied
    ends = np.cumsum(lengths, dtype=np.uint64)
    follows = addresses[1:] == addresses[:-1] + lengths[:-1]
    same_piece = ends[1:] // np.uint64(PIECE_BYTES) == ends[:-1] // np.uint64(PIECE_BYTES)
    starts = np.flatnonzero(np.concatenate(([True], ~(follows & same_piece))))
    run_starts = ends[starts] - lengths[starts]
    run_ends = np.append(run_starts[1:], ends[-1])
    froms = addresses[starts].tolist()
    sizes = (run_ends - run_starts).tolist()
    tos = [
        target.append(source.read(address, size))
        for address, size in zip(froms, sizes, strict=True)
    ]
    counts = np.diff(np.append(starts, len(addresses)))
    shift = np.repeat(np.array(tos, np.uint64) - addresses[starts], counts)
    np.add(addresses, shift, out=copied)  # modulo 2^64, so a way back is a way round
    return copied
