"""A repository: the place backups are kept, its objects, manifests and who is at work on it.

```
config.json                     which repository this is, in which format
objects/<2 hex>/<64 hex>.chunk  bytes, named by what they are: stored once, shared by backups
backups/<id>.manifest           what a backup holds; written last, so there is no half backup
erased/<64 hex>.ids             memories that were erased: no restore brings them back
locks/<16 hex>.<kind>.lock      who writes here at the moment
```
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import anyio.to_thread
import msgspec

from engram.backup.erasing import ID_BYTES
from engram.backup.limits import (
    CONFIG_BYTES_MAX,
    ERASED_BYTES_MAX,
    MANIFEST_BYTES_MAX,
    OBJECT_BYTES_MAX,
)
from engram.backup.manifest import FOLDER as MANIFESTS
from engram.backup.manifest import Manifest, decode_manifest, encode_manifest, id_in, manifest_name
from engram.backup.objects import FOLDER as OBJECTS
from engram.backup.objects import Unreadable, address_in, address_of, object_name, pack, unpack
from engram.model.decoders import json_decoder
from engram.model.errors import ArchiveCorrupted, BackupNotFound, StoreTooNew

if TYPE_CHECKING:
    from engram.ports import ArchiveStore, Clock, Entropy, ReadableBuffer

T = TypeVar("T")

CONFIG: Final = "config.json"
FORMAT: Final = 1
_ID_BYTES: Final = 16
_ERASED: Final = "erased"
_ERASED_SUFFIX: Final = ".ids"


class _Config(msgspec.Struct):
    """What config.json holds."""

    format: int
    id: str


class Repository:
    """Backups in one place; nothing is read or made before the first call.

    Blocking calls run in worker threads, so methods may be called from any event loop.
    """

    def __init__(self, archive: ArchiveStore, clock: Clock, entropy: Entropy) -> None:
        self.archive = archive
        self.clock = clock
        self.entropy = entropy

    def __repr__(self) -> str:
        """Return the repository with its place."""
        return f"<Repository {self.location!r}>"

    @property
    def location(self) -> str:
        """What messages and people call this place."""
        return self.archive.location

    async def prepare(self) -> None:
        """Make the repository if there is none; StoreTooNew when a later release made it."""
        await self.run(self._prepare)

    async def check_there(self) -> None:
        """Raise BackupNotFound unless there is a repository here that this release can read."""
        if await self.run(self._read_config) is None:
            raise BackupNotFound(self.location, "repository of backups")

    async def ids(self) -> list[str]:
        """Return the ids of all backups, oldest first."""
        names = await self.run(self.archive.list, MANIFESTS)
        return sorted(found for name in names if (found := id_in(name)) is not None)

    async def manifest(self, backup_id: str) -> Manifest:
        """Return what a backup holds.

        Raises:
            BackupNotFound: there is none of this id.
            ArchiveCorrupted: its manifest is damaged.
        """
        name = manifest_name(backup_id)
        try:
            data = await self.run(self.archive.get, name, MANIFEST_BYTES_MAX)
        except FileNotFoundError:
            raise BackupNotFound(self.location, f"backup {backup_id!r}") from None
        try:
            return await self.run(decode_manifest, backup_id, data)
        except Unreadable as exc:
            raise ArchiveCorrupted(self.location, name, str(exc)) from exc

    async def manifests(self) -> list[Manifest]:
        """Return what all backups hold, oldest first; ArchiveCorrupted when one is damaged."""
        found = [await self.manifest(backup_id) for backup_id in await self.ids()]
        return sorted(found, key=lambda manifest: (manifest.created_at, manifest.id))

    async def put_manifest(self, manifest: Manifest) -> None:
        """Write what makes a backup one; everything it names is there already."""
        data = await self.run(encode_manifest, manifest)
        await self.run(self.archive.put, manifest_name(manifest.id), [data])

    async def addresses(self) -> set[str]:
        """Return the addresses of all objects that are there."""
        names = await self.run(self.archive.list, OBJECTS)
        return {found for name in names if (found := address_in(name)) is not None}

    async def put_object(self, address: str, data: ReadableBuffer) -> int:
        """Store bytes under their address and return how many bytes that took."""

        def put() -> int:
            buffers = pack(data)
            self.archive.put(object_name(address), buffers)
            return sum(memoryview(buffer).nbytes for buffer in buffers)

        return await self.run(put)

    async def get_object(self, address: str) -> bytes:
        """Return the bytes of an address; ArchiveCorrupted when they are not there as they were."""
        return await self.run(self.read_object, address)

    def read_object(self, address: str) -> bytes:
        """Return what `get_object` does; blocks."""
        data = self.stored(address)
        try:
            return unpack(address, data)
        except Unreadable as exc:
            raise ArchiveCorrupted(self.location, object_name(address), str(exc)) from exc

    def stored(self, address: str) -> bytes:
        """Return an object as it is kept, not looked at; ArchiveCorrupted without one. Blocks."""
        name = object_name(address)
        try:
            return self.archive.get(name, OBJECT_BYTES_MAX)
        except FileNotFoundError:
            raise ArchiveCorrupted(self.location, name, "it is missing") from None

    async def note_erased(self, ids: Iterable[bytes]) -> None:
        """Keep a list of erased memories, 16 bytes an id, that every restore goes by."""
        data = b"".join(sorted(set(ids)))
        if data:
            name = f"{_ERASED}/{address_of(data)}{_ERASED_SUFFIX}"
            await self.run(self.archive.put, name, [data])

    async def erased(self) -> frozenset[bytes]:
        """Return the ids of all lists; ArchiveCorrupted when one is damaged."""
        found: set[bytes] = set()
        for name in await self.erased_lists():
            data = await self.run(self.archive.get, name, ERASED_BYTES_MAX)
            try:
                check_erased_list(name, data)
            except Unreadable as exc:
                raise ArchiveCorrupted(self.location, name, str(exc)) from exc
            found.update(data[at : at + ID_BYTES] for at in range(0, len(data), ID_BYTES))
        return frozenset(found)

    async def erased_lists(self) -> list[str]:
        """Return the names of the lists of erased memories."""
        return [each for each in await self.run(self.archive.list, _ERASED) if is_erased_list(each)]

    async def run(self, call: Callable[..., T], *arguments: object) -> T:
        """Return what a blocking call returns, made in a worker thread."""
        return await anyio.to_thread.run_sync(partial(call, *arguments))

    def _prepare(self) -> None:
        if self._read_config() is None:
            config = _Config(FORMAT, self.entropy.token(_ID_BYTES).hex())
            self.archive.put(CONFIG, [msgspec.json.encode(config)])

    def _read_config(self) -> _Config | None:
        try:
            data = self.archive.get(CONFIG, CONFIG_BYTES_MAX)
        except FileNotFoundError:
            return None
        try:
            return config_of(data, self.location)
        except msgspec.MsgspecError as exc:
            raise ArchiveCorrupted(self.location, CONFIG, f"it cannot be read: {exc}") from exc


def config_of(data: bytes, location: str) -> _Config:
    """Return what config.json holds; StoreTooNew, or a MsgspecError when it is none."""
    config = json_decoder(_Config).decode(data)
    if config.format > FORMAT:
        raise StoreTooNew(location, config.format, FORMAT)
    return config


def is_erased_list(name: str) -> bool:
    """Whether a list of erased memories may stand there."""
    return name.startswith(f"{_ERASED}/") and name.endswith(_ERASED_SUFFIX)


def check_erased_list(name: str, data: bytes) -> None:
    """Raise Unreadable unless the bytes are the list of that name."""
    if name != f"{_ERASED}/{address_of(data)}{_ERASED_SUFFIX}" or len(data) % ID_BYTES:
        raise Unreadable("it does not hold what it is named after")
