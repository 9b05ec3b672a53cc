"""Memories whose every trace can be told apart, and a search for traces in all files of a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import zstandard

from engram.kernels.sketches.encoding import row_by_row
from engram.model.errors import StorageFailed
from engram.storage.block_cache import BlockCache
from engram.storage.open_files import OpenFiles
from engram.storage.segment_index import INDEX_FILE
from engram.storage.tier_segment import TierSegment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.ports import Filesystem
    from engram.service.preparing import NewMemory

DIMENSIONS: Final = 64
_READ_BYTES: Final = 1 << 30
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


class Marked(NamedTuple):
    """A memory that shares nothing with another, and the traces it could leave, by name."""

    item: NewMemory
    vector: NDArray[np.float32]
    traces: dict[str, bytes]


def marked(number: int) -> Marked:
    """Return the marked memory of a number."""
    word, tag, source = f"zanziword{number:03d}q", f"tag-{number:03d}-q", f"source-{number:03d}-q"
    session, secret = f"session-{number:03d}-q", f"secret-{number:03d}-q"
    chance = np.random.default_rng(number)
    vector = chance.standard_normal(DIMENSIONS).astype(np.float32)
    item: NewMemory = {
        "content": f"the {word} of the matter",
        "tags": [tag, "shared"],
        "source": source,
        "session": session,
        "metadata": {"secret": secret},
    }
    traces = {
        "word": word.encode(),
        "tag": tag.encode(),
        "source": source.encode(),
        "session": session.encode(),
        "metadata": secret.encode(),
        "vector": vector.tobytes(),
        "part of the vector": vector[5:9].tobytes(),
    }
    return Marked(item, vector, traces)


def traces_in(filesystem: Filesystem, memories: list[Marked]) -> set[tuple[int, str, str]]:
    """Return (position in `memories`, trace, file) of all that can be read anywhere in a store.

    Files are looked at as they are, with what is compressed in them undone; of tier segments the
    vectors and sketches besides, as readers get them.
    """
    found = set()
    for name, data in (*_contents(filesystem), *_bodies(filesystem)):
        for position, memory in enumerate(memories):
            for trace, wanted in memory.traces.items():
                if wanted in data:
                    found.add((position, trace, name))
    return found


def _contents(filesystem: Filesystem) -> Iterator[tuple[str, bytes]]:
    for path in files_in(filesystem, ""):
        handle = filesystem.open(path)
        try:
            data = filesystem.read_at(handle, 0, _READ_BYTES)
        finally:
            handle.close()
        yield path, data
        start = data.find(_ZSTD)
        while start >= 0:
            with suppress(zstandard.ZstdError):  # these four bytes may be no frame's
                yield path, zstandard.ZstdDecompressor().decompressobj().decompress(data[start:])
            start = data.find(_ZSTD, start + 1)


def _bodies(filesystem: Filesystem) -> Iterator[tuple[str, bytes]]:
    files = OpenFiles(filesystem)
    for path in files_in(filesystem, ""):
        directory, _, name = path.rpartition("/")
        if name == INDEX_FILE:
            segment = TierSegment.open(files, directory, BlockCache(0))
            offsets = np.arange(segment.count, dtype=np.uint32)
            yield directory, segment.vectors(offsets).tobytes()
            yield directory, row_by_row(segment.signs).tobytes()
            yield directory, segment.magnitudes.tobytes()
    files.close()


def files_in(filesystem: Filesystem, directory: str) -> Iterator[str]:
    """Give the paths of all files below a directory."""
    for name in filesystem.list(directory):
        path = f"{directory}/{name}".lstrip("/")
        try:
            filesystem.open(path).close()
        except (FileNotFoundError, StorageFailed):
            yield from files_in(filesystem, path)
        else:
            yield path
