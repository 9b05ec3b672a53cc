"""A backup that comes over a wire, put into a repository: nothing counts until all of it is there.

Rule 1: an object is put only when it holds what it is named after.
Rule 2: a manifest is put when everything it names is there, and after all of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from engram.backup.create import publish
from engram.backup.locking import locked
from engram.backup.manifest import decode_manifest, id_in
from engram.backup.objects import Unreadable, address_in, object_name, unpack
from engram.backup.repository import CONFIG, check_erased_list, config_of
from engram.model.errors import ArchiveCorrupted

if TYPE_CHECKING:
    from engram.backup.manifest import Manifest
    from engram.backup.repository import Repository
    from engram.backup.tar import Member


class Received(NamedTuple):
    """The backups that came, and what of them had to be stored."""

    manifests: tuple[Manifest, ...]
    objects_stored: int
    bytes_stored: int


async def receive(repository: Repository, members: AsyncIterable[Member]) -> Received:
    """Put the backups that come as members into a repository, and return what they are.

    What the repository has already is not put again.

    Raises:
        ArchiveCorrupted: a member is damaged or missing, or there is no backup; none was added.
        StoreTooNew: a later release made it.
        Conflict: someone prunes the repository.
        ArchiveUnavailable, StorageFailed: the repository cannot be written.
    """
    await repository.prepare()
    async with locked(repository, "backup") as lock:
        known, found = await repository.addresses(), dict[str, "Manifest"]()
        objects_stored = bytes_stored = 0
        async for name, data in members:
            await lock.refresh()
            address, backup_id = address_in(name), id_in(name)
            try:
                if address is not None:
                    if address not in known:
                        await repository.run(unpack, address, data)
                        await repository.run(repository.archive.put, name, [data])
                        known.add(address)
                        objects_stored += 1
                        bytes_stored += len(data)
                elif backup_id is not None:
                    found[backup_id] = await repository.run(decode_manifest, backup_id, data)
                elif name == CONFIG:
                    config_of(data, repository.location)
                else:
                    check_erased_list(name, data)
                    await repository.run(repository.archive.put, name, [data])
            except (Unreadable, msgspec.MsgspecError) as error:
                raise ArchiveCorrupted(repository.location, name, str(error)) from error
        if not found:
            raise ArchiveCorrupted(repository.location, "a manifest", "the archive has none")
        for each in found.values():
            _check_complete(repository, each, known)
        for each in found.values():
            await publish(repository, lock, each)
    return Received(tuple(found.values()), objects_stored, bytes_stored)


def _check_complete(repository: Repository, manifest: Manifest, known: set[str]) -> None:
    missing = {chunk for each in manifest.spaces for chunk in each.chunks} - known
    if missing:
        reason = f"it did not come ({len(missing)} objects are missing)"
        raise ArchiveCorrupted(repository.location, object_name(min(missing)), reason)
