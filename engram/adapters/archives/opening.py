"""From what a person writes to the place it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.adapters.archives.directory import DirectoryArchive
from engram.adapters.local.filesystem import LocalFilesystem
from engram.settings import expanded

if TYPE_CHECKING:
    from engram.ports import ArchiveStore, Entropy


def open_archive(location: str, entropy: Entropy) -> ArchiveStore:
    """Return the place for backups at a path or a URL; nothing is made or read yet.

    Raises InvalidRequest when the URL's kind is unknown or its package is not installed.
    """
    path = location.removeprefix("file://")
    if "://" not in path:
        # An object is never changed, so a medium that can only be read is good enough to restore.
        filesystem = LocalFilesystem(expanded(path), open_to_read=True)
        return DirectoryArchive(filesystem, entropy, str(expanded(path)))
    from engram.adapters.archives.remote import RemoteArchive  # noqa: PLC0415 - loads fsspec

    return RemoteArchive(location, entropy)
