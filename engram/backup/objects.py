"""The bytes of one stored object, without any I/O; drawn in docs/formats/backup.md.

Rule 1: an object is named by the BLAKE3 of what it holds, so equal bytes are stored once, and a
damaged one cannot pass for whole.
Rule 2: lengths are bounded before anything is allocated by them.
"""

from __future__ import annotations

from typing import Final

import blake3
import zstandard

from engram.backup.limits import OBJECT_BYTES_MAX
from engram.ports import ReadableBuffer

FOLDER: Final = "objects"
SUFFIX: Final = ".chunk"
_RAW: Final = b"\0"
_ZSTD: Final = b"\1"
# Level 1 of zstd; vectors hardly shrink, so 64 KiB of a chunk are tried before all of it is.
_LEVEL: Final = 1
_SAMPLE_BYTES: Final = 64 * 1024
_SHRUNK: Final = 0.9


class Unreadable(Exception):
    """Raised when bytes are not what they are named or framed as; the reason is the message."""


def address_of(data: ReadableBuffer) -> str:
    """Return the hexadecimal BLAKE3 of the bytes: 64 digits."""
    return blake3.blake3(data).hexdigest()


def object_name(address: str) -> str:
    """Return where the object of that address stands."""
    return f"{FOLDER}/{address[:2]}/{address}{SUFFIX}"


def address_in(name: str) -> str | None:
    """Return the address of the object that stands there, None when it is none."""
    address = name.rpartition("/")[2].removesuffix(SUFFIX)
    return address if name == object_name(address) else None


def pack(data: ReadableBuffer) -> list[ReadableBuffer]:
    """Return the buffers to store: one byte that says how, then the bytes, shorter if they can."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    sample = memoryview(data)[:_SAMPLE_BYTES]
    if len(compressor.compress(sample)) < _SHRUNK * len(sample):
        return [_ZSTD, compressor.compress(data)]
    return [_RAW, data]


def unpack(address: str, packed: bytes) -> bytes:
    """Return the bytes of the object with this address.

    Raises:
        Unreadable: they are not those it is named after.
    """
    data = _decoded(packed)
    if address_of(data) != address:
        raise Unreadable("it does not hold the bytes it is named after")
    return data


def _decoded(packed: bytes) -> bytes:
    how, body = packed[:1], memoryview(packed)[1:]
    if how == _RAW:
        return bytes(body)
    if how != _ZSTD:
        raise Unreadable("it does not begin like an object of a backup")
    try:
        size = zstandard.frame_content_size(body)
        if not 0 <= size <= OBJECT_BYTES_MAX:
            raise Unreadable(f"it claims to hold {size} bytes")
        return zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError as exc:
        raise Unreadable(f"it cannot be decompressed: {exc}") from exc
