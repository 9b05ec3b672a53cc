"""A repository that goes out over a wire as it is made: one backup, and nothing kept.

The manifest is its last member, as it is the last object of any backup: who has no manifest has no
backup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from engram.backup.limits import (
    CONFIG_BYTES_MAX,
    ERASED_BYTES_MAX,
    MANIFEST_BYTES_MAX,
    OBJECT_BYTES_MAX,
)
from engram.backup.locking import FOLDER as LOCKS
from engram.backup.manifest import encode_manifest, id_in, manifest_name
from engram.backup.objects import address_in, object_name
from engram.backup.repository import CONFIG, is_erased_list
from engram.backup.tar import Member
from engram.model.errors import check

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from engram.backup.manifest import Manifest
    from engram.backup.repository import Repository
    from engram.ports import ReadableBuffer

PLACE: Final = "a backup that was sent over the network"
"""What an erasure calls the copies it cannot reach."""


def bytes_max(name: str) -> int:
    """Return how long an object of a name may be; 0 when a backup on a wire has none such."""
    if name == CONFIG:
        return CONFIG_BYTES_MAX
    if address_in(name) is not None:
        return OBJECT_BYTES_MAX
    if id_in(name) is not None:
        return MANIFEST_BYTES_MAX
    return ERASED_BYTES_MAX if is_erased_list(name) else 0


class OutgoingArchive:
    """ArchiveStore that hands on what is put; it holds its locks, and lists nothing else."""

    location: str = PLACE

    def __init__(self, hand_on: Callable[[Member], None]) -> None:
        """Take what is called with every object, in a worker thread; it may block."""
        self._hand_on = hand_on
        self._kept: dict[str, bytes] = {}

    def put(self, name: str, buffers: Sequence[ReadableBuffer]) -> None:
        """Hand an object on."""
        data = b"".join(buffers)
        is_lock = name.startswith(f"{LOCKS}/")
        if is_lock or name == CONFIG:
            self._kept[name] = data
        if not is_lock:
            self._hand_on(Member(name, data))

    def get(self, name: str, bytes_max: int) -> bytes:
        """Return a lock, or what says which repository this is; FileNotFoundError of the rest."""
        if name not in self._kept:
            raise FileNotFoundError(name)
        return self._kept[name][:bytes_max]

    def exists(self, name: str) -> bool:
        """Whether a lock is held."""
        return name in self._kept

    def list(self, folder: str) -> list[str]:
        """Return the locks; nothing else is here any more."""
        return sorted(each for each in self._kept if each.startswith(f"{folder}/"))

    def delete(self, name: str) -> None:
        """Remove a lock."""
        check(name.startswith(f"{LOCKS}/"), "what was handed on is not called back")
        self._kept.pop(name, None)


async def packed(
    repository: Repository, manifests: Iterable[Manifest]
) -> AsyncGenerator[Member, None]:
    """Iterate over the objects that backups in a repository need, their manifests last.

    Raises:
        ArchiveCorrupted: an object is missing.
        ArchiveUnavailable, StorageFailed: the repository cannot be read.
    """
    archive, chosen = repository.archive, list(manifests)
    yield Member(CONFIG, await repository.run(archive.get, CONFIG, CONFIG_BYTES_MAX))
    for name in await repository.erased_lists():
        yield Member(name, await repository.run(archive.get, name, ERASED_BYTES_MAX))
    needed = {chunk for each in chosen for space in each.spaces for chunk in space.chunks}
    for address in sorted(needed):
        yield Member(object_name(address), await repository.run(repository.stored, address))
    for each in chosen:
        yield Member(manifest_name(each.id), encode_manifest(each))
