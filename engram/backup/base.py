"""The files a backup begins with: loaded from where they are kept, or put in place elsewhere.

The index of a snapshot and the manifest name store and space, so they are written anew; all other
files are copied byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from engram.backup.files import BackedUpFiles
from engram.backup.limits import CHUNK_BYTES
from engram.backup.source import INDEX_SUFFIX
from engram.model.errors import ArchiveCorrupted, FileCorrupted
from engram.storage.block_cache import BlockCache
from engram.storage.manifest import Manifest, ManifestBody, SnapshotName
from engram.storage.open_files import OpenFiles
from engram.storage.parts import write_index
from engram.storage.retained import HOT
from engram.storage.snapshot_loading import Identity, load, read_body
from engram.storage.tier_segment import TierSegment

if TYPE_CHECKING:
    from engram.backup.manifest import SpaceEntry
    from engram.backup.repository import Repository
    from engram.ports import Filesystem
    from engram.state.bodies import Sealed
    from engram.state.space import SpaceState
    from engram.storage.snapshot_content import SealedName, SnapshotBody
    from engram.storage.snapshot_loading import OpenSegment

# 64 MiB of blocks of tier segments: a digest reads each body once, in the order of ids.
_CACHE_BYTES: Final = 64 * 1024 * 1024


class Place(NamedTuple):
    """Where a space is to be: a directory of a filesystem, and whose it is from now on."""

    filesystem: Filesystem
    directory: str
    identity: Identity


class Kept(NamedTuple):
    """The files of one space in a backup, and whose they were."""

    repository: Repository
    entry: SpaceEntry
    identity: Identity


def load_kept(kept: Kept) -> SpaceState:
    """Return the state the backed-up files hold, read from the repository; blocks.

    Raises:
        FileCorrupted: the files are not a snapshot and its segments.
        ArchiveCorrupted, ArchiveUnavailable: an object cannot be read.
    """
    files = BackedUpFiles(kept.repository, kept.entry)
    body = read_body(files, HOT, _index_of(kept.entry), None, kept.identity)
    return load(files, HOT, body, _open_segments(OpenFiles(files), "")).state


def put_in_place(kept: Kept, place: Place, opened: OpenFiles) -> tuple[SpaceState, int]:
    """Write the files durably into an empty directory; return their state and bytes. Blocks.

    The state reads its tier segments through `opened`, files of the same filesystem.

    Raises:
        ArchiveCorrupted: an object cannot be read, or the files are not a snapshot.
        ArchiveUnavailable: the repository cannot be read.
        StorageFailed: the medium refused.
    """
    files, index = BackedUpFiles(kept.repository, kept.entry), _index_of(kept.entry)
    filesystem, directory = place.filesystem, place.directory
    directories = {directory}
    written = 0
    for file in kept.entry.files:
        if file.path == f"{HOT}/{index}":
            continue
        path = f"{directory}/{file.path}"
        written += _copy(files, file.path, filesystem, path)
        directories.add(path.rpartition("/")[0])
    for each in sorted(directories):
        filesystem.sync_directory(each)
    try:
        body = read_body(files, HOT, index, None, kept.identity)
        body = msgspec.structs.replace(
            body, store_id=place.identity.store_id, space=place.identity.space
        )
        hot = f"{directory}/{HOT}"
        digest = write_index(filesystem, hot, index, body)
        segments = _open_segments(opened, f"{directory}/")
        state = load(filesystem, hot, body, segments).state
    except FileCorrupted as exc:
        raise ArchiveCorrupted(kept.repository.location, exc.path, exc.reason) from exc
    manifest = Manifest(filesystem, directory, place.identity.as_bytes())
    manifest.flip(ManifestBody((_name_of(kept.entry, body, index, digest),), body.lsn))
    return state, written


def _index_of(entry: SpaceEntry) -> str:
    names = [file.path.removeprefix(f"{HOT}/") for file in entry.files]
    found = [name for name in names if name.endswith(INDEX_SUFFIX)]
    if len(found) != 1 or "/" in found[0]:
        raise FileCorrupted(HOT, 0, f"a backup holds one index of a snapshot, this one {found}")
    return found[0]


def _name_of(entry: SpaceEntry, body: SnapshotBody, index: str, digest: bytes) -> SnapshotName:
    """Return what the manifest says of the snapshot; the saved words are named with it."""
    words = [file for file in entry.files if file.path.endswith(".words")]
    if len(words) != 1:
        return SnapshotName(body.lsn, index, digest)
    file = words[0].path.removeprefix(f"{HOT}/")
    return SnapshotName(body.lsn, index, digest, file, bytes.fromhex(words[0].digest))


def _open_segments(files: OpenFiles, prefix: str) -> OpenSegment:
    cache = BlockCache(_CACHE_BYTES)

    def open_segment(name: SealedName) -> Sealed:
        directory = f"{prefix}{name.tier}/{name.number:020d}"
        return TierSegment.open(files, directory, cache, name.digest)

    return open_segment


def _copy(files: BackedUpFiles, source: str, filesystem: Filesystem, target: str) -> int:
    """Copy one file durably but for its name, and return its length."""
    opened = files.open(source)
    size = files.size(opened)
    handle = filesystem.create_exclusive(target)
    try:
        for offset in range(0, size, CHUNK_BYTES):
            filesystem.write_at(handle, offset, [files.read_at(opened, offset, CHUNK_BYTES)])
        filesystem.sync(handle)
    finally:
        handle.close()
    return size
