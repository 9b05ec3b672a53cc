"""Blocks of cold segments: frames of zstandard, and vectors with one byte in four compressed.

Of a float32 the byte with the sign and most of the exponent repeats, the other three are as good
as random: a block of vectors is a frame of those bytes and then the others as they are. What is
read is to the last bit what was written.
"""

from __future__ import annotations

from threading import local
from typing import TYPE_CHECKING, Final

import numpy as np
import zstandard

from engram.model.errors import FileCorrupted
from engram.storage.limits import TEXT_COMPRESSION_LEVEL, VECTOR_COMPRESSION_LEVEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32
    from engram.storage.block_file import StoredBlock

COMPRESSED_SUFFIX: Final = ".zst"
"""Ends the name of a file that is one frame."""

_FLOAT_BYTES: Final = 4
_TOP: Final = 3  # of a little-endian float32, the byte with the sign

_of_thread = local()


def text_compressor() -> zstandard.ZstdCompressor:
    """Return what makes frames of texts and lengths; for one thread."""
    return zstandard.ZstdCompressor(level=TEXT_COMPRESSION_LEVEL)


def vector_compressor() -> zstandard.ZstdCompressor:
    """Return what `packed_vectors` needs; for one thread."""
    return zstandard.ZstdCompressor(level=VECTOR_COMPRESSION_LEVEL)


def packed_vectors(compressor: zstandard.ZstdCompressor, vectors: F32) -> bytes:
    """Return a block of float32[m, d] vectors as it is stored in a cold segment."""
    parts = np.ascontiguousarray(vectors).view(np.uint8).reshape(-1, _FLOAT_BYTES)
    return compressor.compress(parts[:, _TOP].tobytes()) + parts[:, :_TOP].tobytes()


def unpacked_vectors(path: str, blocks: Sequence[StoredBlock]) -> list[bytes]:
    """Return the bytes of blocks of vectors of the file at `path`.

    They are put together all at once: a block at a time took 13 us, so it took 6.

    Raises:
        FileCorrupted: one is no block of so many bytes.
    """
    tops, others = [], []
    for offset, stored, bytes_count in blocks:
        elements = bytes_count // _FLOAT_BYTES
        rest = max(0, len(stored) - _TOP * elements)
        tops.append(unpacked(path, offset, stored[:rest], elements))
        others.append(stored[rest:])
    parts = np.empty((sum(map(len, tops)), _FLOAT_BYTES), np.uint8)
    parts[:, _TOP] = np.frombuffer(b"".join(tops), np.uint8)
    other = np.frombuffer(b"".join(others), np.uint8).reshape(-1, _TOP)
    for place in range(_TOP):  # not at once: numpy copies runs of three bytes one by one
        parts[:, place] = other[:, place]
    data, start, found = parts.tobytes(), 0, []
    for block in blocks:
        found.append(data[start : start + block.bytes_count])
        start += block.bytes_count
    return found


def unpacked_frames(path: str, blocks: Sequence[StoredBlock]) -> list[bytes]:
    """Return the bytes of blocks that are each a frame of the file at `path`.

    Raises:
        FileCorrupted: one is no frame of so many bytes.
    """
    return [unpacked(path, *block) for block in blocks]


def unpacked(path: str, offset: int, frame: bytes, bytes_count: int) -> bytes:
    """Return the `bytes_count` bytes of a frame that stands at `offset` of a file.

    Nothing is allocated for a frame that says it is longer.

    Raises:
        FileCorrupted: it is no frame of so many bytes.
    """
    try:
        if zstandard.frame_content_size(frame) == bytes_count:
            data = _decompressor().decompress(frame)
            if len(data) == bytes_count:
                return data
    except zstandard.ZstdError as exc:
        raise FileCorrupted(path, offset, f"it cannot be decompressed ({exc})") from exc
    raise FileCorrupted(path, offset, f"it holds another number of bytes than {bytes_count}")


def _decompressor() -> zstandard.ZstdDecompressor:
    """Return this thread's: making one takes longer than a small frame."""
    found: zstandard.ZstdDecompressor | None = getattr(_of_thread, "decompressor", None)
    if found is None:
        found = _of_thread.decompressor = zstandard.ZstdDecompressor()
    return found
