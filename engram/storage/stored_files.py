"""Reads everything a space keeps besides its log against its checksums; changes nothing.

Goes on after damage, so that all of it is told. A file the medium refuses to read counts as
damaged: whoever opens the space would meet the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from engram.model.errors import DurabilityError, FileCorrupted, StorageFailed
from engram.storage.manifest import MANIFEST_FILE, Manifest, SnapshotName
from engram.storage.parts import read_part
from engram.storage.retained import HOT, Retained
from engram.storage.segment_verify import verify_segment
from engram.storage.side_index import read_side
from engram.storage.snapshot_loading import read_body
from engram.storage.snapshots import TIERS, is_snapshot_name, lsn_of_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.storage.open_files import OpenFiles
    from engram.storage.parts import Part
    from engram.storage.snapshot_content import SnapshotBody
    from engram.storage.snapshot_loading import Identity


class BadFile(NamedTuple):
    """A place in a file that is not as it was written; `path` begins at the store's directory."""

    path: str
    offset: int
    reason: str


@dataclass(slots=True)
class StoredSnapshot:
    """A snapshot that counts: its index when that is whole, and what is wrong with its files.

    `segments` are the directories of its tier segments from the space's, each with the number of
    bodies that the snapshot knows of.
    """

    name: SnapshotName
    body: SnapshotBody | None = None
    damage: list[BadFile] = field(default_factory=list)
    segments: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class StoredFiles:
    """What a space keeps: snapshots oldest first, tier segments by directory with their damage.

    `durable_lsn` is what manifest and file names vouch for.
    """

    manifest: Manifest
    manifest_damage: list[BadFile] = field(default_factory=list)
    snapshots: list[StoredSnapshot] = field(default_factory=list)
    segments: dict[str, list[BadFile]] = field(default_factory=dict)
    words_damage: list[BadFile] = field(default_factory=list)
    durable_lsn: int = 0
    manifest_failure: StorageFailed | None = None
    """Why the medium did not give the manifest; opening stops there, for it may say much."""

    def is_whole(self, snapshot: StoredSnapshot) -> bool:
        """Whether a state can be loaded from the snapshot."""
        return self.has_parts(snapshot) and not any(
            self.segments[directory] for directory in snapshot.segments
        )

    def has_parts(self, snapshot: StoredSnapshot) -> bool:
        """Whether all of the snapshot is whole but, maybe, the tier segments it stands on."""
        return snapshot.body is not None and not snapshot.damage


def read_stored_files(
    files: OpenFiles, identity: Identity, on_read: Callable[[int], None]
) -> StoredFiles:
    """Read a space's manifest, snapshots and tier segments; blocks.

    Args:
        files: reads the store's files.
        identity: whose they must be.
        on_read: called with the bytes of each piece that was read.

    Raises:
        StoreTooNew: a later release wrote something.
    """
    filesystem, space = files.filesystem, identity.space
    found = StoredFiles(Manifest(filesystem, space, identity.as_bytes()))
    hot = filesystem.list(f"{space}/{HOT}")
    indexes = sorted(filter(is_snapshot_name, hot))
    _read_manifest(found, f"{space}/{MANIFEST_FILE}", has_snapshots=bool(indexes))
    names = list(found.manifest.body.snapshots)
    if not found.manifest.is_readable:
        names = [SnapshotName(lsn_of_snapshot(file), file, b"") for file in indexes]
    known = [lsn_of_snapshot(file) for file in indexes]
    found.durable_lsn = max([found.manifest.body.durable_lsn, *known])
    found.snapshots = [_read_snapshot(files, identity, name, on_read) for name in names]
    digests: dict[str, bytes] = {}
    for snapshot in found.snapshots:
        sealed = snapshot.body.sealed if snapshot.body is not None else ()
        digests |= {f"{each.tier}/{each.number:020d}": each.digest for each in sealed if each}
        _read_words(files, identity, snapshot.name, found, on_read)
    for directory, digest in digests.items():
        found.segments[directory] = _read_segment(files, f"{space}/{directory}", digest, on_read)
    return found


def size_of_files(files: OpenFiles, space: str) -> int:
    """Return bytes of all files of a space's snapshots and tier segments; blocks.

    Raises:
        StorageFailed: the medium cannot be read.
    """
    filesystem = files.filesystem
    directories = [f"{space}/{HOT}"]
    for tier in TIERS:
        names = filesystem.list(f"{space}/{tier}")
        directories += [f"{space}/{tier}/{name}" for name in names]
    total = 0
    for directory in directories:
        for name in filesystem.list(directory):
            handle = filesystem.open(f"{directory}/{name}")
            try:
                total += filesystem.size(handle)
            finally:
                handle.close()
    return total


def _read_manifest(found: StoredFiles, path: str, *, has_snapshots: bool) -> None:
    manifest = found.manifest
    try:
        manifest.read()
    except StorageFailed as failure:
        found.manifest_damage.append(BadFile(path, 0, str(failure)))
        found.manifest_failure = failure
        return
    found.manifest_damage += [
        BadFile(path, offset, "this slot is not whole") for offset in manifest.damaged_offsets
    ]
    if has_snapshots and not manifest.is_readable and not found.manifest_damage:
        found.manifest_damage.append(BadFile(path, 0, "it is missing"))


def _read_snapshot(
    files: OpenFiles, identity: Identity, name: SnapshotName, on_read: Callable[[int], None]
) -> StoredSnapshot:
    filesystem, directory = files.filesystem, f"{identity.space}/{HOT}"
    found = StoredSnapshot(name)
    try:
        found.body = read_body(filesystem, directory, name.file, name.digest or None, identity)
    except DurabilityError as damage:
        found.damage.append(bad_file(damage, f"{directory}/{name.file}"))
        return found
    found.segments = dict.fromkeys(Retained(name, found.body).segments(), 0)
    for part in found.body.parts:
        _read_part(files, directory, part, found.damage, on_read)
        for section in part.sections:
            sealed = found.body.sealed[section.page] if section.name == "sealed.rows" else None
            if sealed is not None:
                found.segments[f"{sealed.tier}/{sealed.number:020d}"] = section.rows
    return found


def _read_segment(
    files: OpenFiles, directory: str, digest: bytes, on_read: Callable[[int], None]
) -> list[BadFile]:
    damage: list[BadFile] = []
    done = 0
    try:
        for step in verify_segment(files, directory, digest):
            on_read(step.bytes_done - done)
            done = step.bytes_done
            if step.damage is not None:
                damage.append(bad_file(step.damage, f"{directory}/{step.file}"))
    except StorageFailed as failure:
        damage.append(BadFile(failure.path, 0, str(failure)))
    finally:
        files.let_go(directory)
    return damage


def _read_words(
    files: OpenFiles,
    identity: Identity,
    name: SnapshotName,
    found: StoredFiles,
    on_read: Callable[[int], None],
) -> None:
    """Compare a saved word index, if there is one, with its digest."""
    if not name.words_file:
        return
    filesystem, directory = files.filesystem, f"{identity.space}/{HOT}"
    try:
        body = read_side(filesystem, directory, name.words_file, name.words_digest, identity)
    except DurabilityError as damage:
        found.words_damage.append(bad_file(damage, f"{directory}/{name.words_file}"))
        return
    for part in body.parts:
        _read_part(files, directory, part, found.words_damage, on_read)


def _read_part(
    files: OpenFiles,
    directory: str,
    part: Part,
    damage: list[BadFile],
    on_read: Callable[[int], None],
) -> None:
    try:
        read_part(files.filesystem, directory, part)
    except DurabilityError as failure:
        damage.append(bad_file(failure, f"{directory}/{part.file}"))
    on_read(part.bytes_count)


def bad_file(damage: DurabilityError, path: str) -> BadFile:
    """Return the place that an error names, `path` when it names none."""
    if isinstance(damage, FileCorrupted):
        return BadFile(damage.path, damage.offset, damage.reason)
    return BadFile(path, 0, str(damage))
