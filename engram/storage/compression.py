"""Frames of zstandard: one for each compressed column and each block of cold texts."""

from __future__ import annotations

from typing import Final

import zstandard

from engram.model.errors import FileCorrupted
from engram.storage.limits import COMPRESSION_LEVEL

COMPRESSED_SUFFIX: Final = ".zst"
"""Ends the name of a file that is one frame."""


def compressor() -> zstandard.ZstdCompressor:
    """Return what makes frames that know their length; for one thread."""
    return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL, write_content_size=True)


def unpacked(path: str, offset: int, frame: bytes, bytes_count: int) -> bytes:
    """Return the `bytes_count` bytes of a frame that stands at `offset` of a file.

    Nothing is allocated for a frame that says it is longer.

    Raises:
        FileCorrupted: it is no frame of so many bytes.
    """
    try:
        if zstandard.frame_content_size(frame) == bytes_count:
            data = zstandard.ZstdDecompressor().decompress(frame)
            if len(data) == bytes_count:
                return data
    except zstandard.ZstdError as exc:
        raise FileCorrupted(path, offset, f"it cannot be decompressed ({exc})") from exc
    raise FileCorrupted(path, offset, f"it holds another number of bytes than {bytes_count}")
