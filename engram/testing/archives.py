"""What every ArchiveStore must do, as a plain function anyone may call on a fresh, empty one.

And the one that keeps objects in RAM, for histories that make backups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.model.errors import check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.ports import ArchiveStore, ReadableBuffer

_BIG_BYTES = 5 * 1024 * 1024 + 3


class MemoryArchive:
    """ArchiveStore in RAM, gone with the process."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    @property
    def location(self) -> str:
        """Where that is."""
        return "in memory"

    def put(self, name: str, buffers: Sequence[ReadableBuffer]) -> None:
        """Keep an object."""
        self._objects[name] = b"".join(buffers)

    def get(self, name: str, bytes_max: int) -> bytes:
        """Return the first `bytes_max` bytes of an object; FileNotFoundError if there is none."""
        try:
            return self._objects[name][:bytes_max]
        except KeyError:
            raise FileNotFoundError(name) from None

    def exists(self, name: str) -> bool:
        """Whether there is an object of that name."""
        return name in self._objects

    def list(self, folder: str) -> list[str]:
        """Return the names of all objects below a folder, sorted."""
        return sorted(name for name in self._objects if name.startswith(f"{folder}/"))

    def delete(self, name: str) -> None:
        """Remove an object; harmless when it is missing."""
        self._objects.pop(name, None)


def check_archive(archive: ArchiveStore) -> None:
    """Raise InvariantViolated unless the archive, empty at first, keeps the contract."""
    check_missing(archive)
    check_round_trip(archive)
    check_listing(archive)
    check_deleting(archive)


def check_missing(archive: ArchiveStore) -> None:
    """What is not there is told from what cannot be reached."""
    check(archive.list("objects") == [], "an empty archive lists nothing")
    check(not archive.exists("objects/ab/x.chunk"), "what was never put does not exist")
    check(_is_missing(archive, "objects/ab/x.chunk"), "reading what is missing says so")
    archive.delete("objects/ab/x.chunk")


def check_round_trip(archive: ArchiveStore) -> None:
    """Bytes come back as they were, in one or several buffers, bounded, replaced when put again."""
    big = bytes(range(256)) * (_BIG_BYTES // 256) + b"end"
    objects: dict[str, list[ReadableBuffer]] = {
        "config.json": [b"{}"],
        "objects/ab/x.chunk": [b"\1", b"", memoryview(big)],
        "objects/ab/empty.chunk": [b""],
    }
    for name, buffers in objects.items():
        archive.put(name, buffers)
        data = b"".join(buffers)
        check(archive.exists(name), "what was put exists")
        check(archive.get(name, len(data) + 1) == data, "what was put is read as it was")
    check(archive.get("objects/ab/x.chunk", 5) == (b"\1" + big)[:5], "a read is bounded")
    archive.put("config.json", [b"new"])
    check(archive.get("config.json", 9) == b"new", "an object put again is replaced")


def check_listing(archive: ArchiveStore) -> None:
    """A folder lists what is below it, whole names, sorted, and nothing of its neighbours."""
    archive.put("objects/cd/y.chunk", [b"y"])
    archive.put("locks/z.lock", [b"z"])
    found = archive.list("objects")
    check(
        found == ["objects/ab/empty.chunk", "objects/ab/x.chunk", "objects/cd/y.chunk"],
        f"a folder lists {found}",
    )
    check(archive.list("locks") == ["locks/z.lock"], "folders do not mix")


def check_deleting(archive: ArchiveStore) -> None:
    """What was deleted is gone at once; the rest stays."""
    archive.delete("objects/ab/x.chunk")
    check(not archive.exists("objects/ab/x.chunk"), "what was deleted does not exist")
    check(_is_missing(archive, "objects/ab/x.chunk"), "what was deleted cannot be read")
    check(
        archive.list("objects") == ["objects/ab/empty.chunk", "objects/cd/y.chunk"],
        "what was deleted is not listed, its neighbours are",
    )


def _is_missing(archive: ArchiveStore, name: str) -> bool:
    try:
        archive.get(name, 1)
    except FileNotFoundError:
        return True
    return False
