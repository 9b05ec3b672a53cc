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
    from engram.kernels.arrays import F32

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


def unpacked_vectors(path: str, offset: int, stored: bytes, bytes_count: int) -> bytes:
    """Return the `bytes_count` bytes of the vectors of a block that stands at `offset` of a file.

    Raises:
        FileCorrupted: it is no block of so many bytes.
    """
    elements = bytes_count // _FLOAT_BYTES
    rest = len(stored) - _TOP * elements
    parts = np.empty((elements, _FLOAT_BYTES), np.uint8)
    top = unpacked(path, offset, stored[: max(0, rest)], elements)
    parts[:, _TOP] = np.frombuffer(top, np.uint8)
    parts[:, :_TOP] = np.frombuffer(stored, np.uint8, offset=rest).reshape(-1, _TOP)
    return parts.tobytes()


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
