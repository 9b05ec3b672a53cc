"""Make a backup: what is not there yet is stored, the manifest comes last.

Rule 1: no object is counted on that was not listed, or stored, while the lock was held.
Rule 2: a file whose BLAKE3 an earlier backup has is not read again.
Rule 3: a failure at any step leaves the older backups as they were, and no half new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import blake3

from engram.backup.limits import CHUNK_BYTES, LOG_CHUNK_BYTES
from engram.backup.locking import Lock, locked
from engram.backup.log_chunk import encode_chunk
from engram.backup.manifest import FileEntry, LogEntry, Manifest, SpaceEntry, manifest_name
from engram.backup.source import BackupSource, SourceFile, time_of_last
from engram.backup.upload import Progress, Upload, uploading
from engram.model.errors import ArchiveCorrupted, Conflict, StorageFailed

if TYPE_CHECKING:
    from engram.backup.repository import Repository
    from engram.wal.protocol import Record

_TOKEN_BYTES: Final = 4
_NS: Final = 1_000_000_000

_Known = dict[tuple[str, int], FileEntry]


class Created(NamedTuple):
    """A backup that was made, and what of it had to be stored anew."""

    manifest: Manifest
    objects_stored: int
    bytes_stored: int


async def create(
    repository: Repository,
    store_id: bytes,
    sources: Sequence[BackupSource],
    progress: Progress | None = None,
) -> Created:
    """Back up spaces, each consistent at its own LSN, and return what was made.

    Raises:
        Conflict: someone prunes the repository, or took this backup for dead.
        ArchiveUnavailable, StorageFailed: the repository cannot be written.
        LogCorrupted: a space itself is damaged; no backup was made.
    """
    await repository.prepare()
    async with locked(repository, "backup") as lock:
        known = await repository.addresses()
        files = await _files_stored(repository, known)
        async with uploading(repository, lock, known, progress) as upload:
            upload.bytes_expected = sum(
                source.log_bytes + sum(file.bytes_count for file in source.files)
                for source in sources
            )
            spaces = [await _back_up(source, upload, files) for source in sources]
        await repository.note_erased(raw for source in sources for raw in source.erased)
        now = repository.clock.now()
        manifest = Manifest(_new_id(repository, now), now, store_id.hex(), spaces)
        await publish(repository, lock, manifest)
    upload.finish()
    return Created(manifest, upload.objects_stored, upload.bytes_stored)


async def _files_stored(repository: Repository, known: set[str]) -> _Known:
    """Return the files of earlier backups whose every chunk is there."""
    found: _Known = {}
    for backup_id in await repository.ids():
        try:
            manifest = await repository.manifest(backup_id)
        except ArchiveCorrupted:
            continue  # verify tells; what it named is only stored again
        for space in manifest.spaces:
            for file in space.files:
                if known.issuperset(file.chunks):
                    found[file.digest, file.bytes_count] = file
    return found


def _new_id(repository: Repository, now: int) -> str:
    made_at = datetime.fromtimestamp(now // _NS, UTC)
    return f"{made_at:%Y%m%dT%H%M%SZ}-{repository.entropy.token(_TOKEN_BYTES).hex()}"


async def publish(repository: Repository, lock: Lock, manifest: Manifest) -> None:
    """Write what makes a backup one; Conflict when the lock was broken meanwhile."""
    await lock.write_if_held()
    await repository.put_manifest(manifest)
    if not await lock.is_held():
        await repository.run(repository.archive.delete, manifest_name(manifest.id))
        raise Conflict(
            f"the lock of this backup in {repository.location} is gone: its process stood still "
            "for over an hour, or someone deleted the lock. No backup was made; try again"
        )


async def _back_up(source: BackupSource, upload: Upload, known: _Known) -> SpaceEntry:
    files = [await _store_file(source, file, upload, known) for file in source.files]
    log = await _store_log(source, upload)
    return SpaceEntry(
        space=source.space,
        lsn=source.lsn,
        digest=await upload.repository.run(source.digest),
        memories=source.memories,
        recorded_last=log[-1].last_time if log else source.base_time,
        base_lsn=source.base_lsn,
        base_time=source.base_time,
        files=files,
        log=log,
    )


async def _store_file(
    source: BackupSource, file: SourceFile, upload: Upload, known: _Known
) -> FileEntry:
    stored = known.get((file.digest, file.bytes_count)) if file.digest else None
    if stored is not None:
        upload.advance(file.bytes_count)
        return FileEntry(file.path, stored.bytes_count, stored.digest, stored.chunks)
    hasher = blake3.blake3()
    chunks: list[str] = []
    for offset in range(0, file.bytes_count, CHUNK_BYTES):
        wanted = min(CHUNK_BYTES, file.bytes_count - offset)
        data = await upload.repository.run(source.read, file.path, offset, wanted)
        if len(data) < wanted:
            raise _damaged(file, f"it ends at byte {offset + len(data)} of {file.bytes_count}")
        await upload.repository.run(hasher.update, data)
        chunks.append(await upload.add(data))
    digest = hasher.hexdigest()
    if file.digest is not None and digest != file.digest:
        raise _damaged(file, "it fails its digest")
    return FileEntry(file.path, file.bytes_count, digest, chunks)


def _damaged(file: SourceFile, reason: str) -> StorageFailed:
    return StorageFailed(
        "back up", file.path, reason, "look at the disk; see `engram verify`; no backup was made"
    )


async def _store_log(source: BackupSource, upload: Upload) -> list[LogEntry]:
    entries: list[LogEntry] = []
    waiting: list[Record] = []
    waiting_bytes = 0
    last_time = source.base_time
    async with aclosing(source.records()) as records:
        async for record in records:
            waiting.append(record)
            waiting_bytes += len(record.payload)
            if waiting_bytes >= LOG_CHUNK_BYTES or record.lsn == source.lsn:
                entries.append(await _store_chunk(waiting, upload, last_time))
                last_time = entries[-1].last_time
                waiting, waiting_bytes = [], 0
    reached = entries[-1].last_lsn if entries else source.base_lsn
    if reached != source.lsn:
        raise Conflict(
            f"the log of memory space {source.space!r} ends at LSN {reached} and not at "
            f"{source.lsn}; no backup was made, try again"
        )
    return entries


async def _store_chunk(records: Sequence[Record], upload: Upload, since: int) -> LogEntry:
    last_time = await upload.repository.run(time_of_last, records, since)
    data = await upload.repository.run(encode_chunk, records)
    address = await upload.add(data)
    return LogEntry(records[0].lsn, records[-1].lsn, last_time, address, len(data))
