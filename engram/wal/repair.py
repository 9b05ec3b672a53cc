"""Makes a surveyed log ready for writing: cuts a torn tail, begins a new segment when it must.

Every step leaves a directory that the next survey understands; nothing is taken away before its
replacement is durable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.wal.limits import BLOCK_BYTES, READ_BYTES
from engram.wal.protocol import Entry
from engram.wal.record import SegmentHeader, decode_records
from engram.wal.segment import (
    SALT_BYTES,
    LogIdentity,
    Segment,
    segment_name,
)
from engram.wal.spares import Spares
from engram.wal.sync_method import TRIAL_NAME
from engram.wal.writer import SegmentWriter, create_segment

if TYPE_CHECKING:
    from engram.ports import Filesystem, Handle
    from engram.wal.recovery import Survey
    from engram.wal.segment import Head
    from engram.wal.writer import Medium

UNFINISHED = ".new"


def continue_log(medium: Medium, survey: Survey, head: Head, spares: Spares) -> SegmentWriter:
    """Return a writer that goes on behind the last group of a clean log."""
    return SegmentWriter(
        medium,
        medium.filesystem.open(survey.segments[-1].path),
        survey.segments,
        head,
        spares,
        crc=survey.crc,
        last_lsn=survey.last_lsn,
    )


def renew_log(
    medium: Medium, survey: Survey, identity: LogIdentity, spares: Spares
) -> tuple[SegmentWriter, str | None]:
    """Return a writer on a new segment with a new epoch, and where cut bytes were kept.

    The group that may not be durable (see Survey.suffix) is written again into the new segment:
    after a failed sync the system may show bytes that the medium does not hold.

    Raises:
        StorageFailed: the medium refused; surveying again starts over.
    """
    cut_to = _keep_cut_bytes(medium, survey) if survey.cut_bytes else None
    segments = list(survey.segments)
    first_lsn = survey.last_lsn + 1
    previous_crc = survey.crc
    if survey.suffix is not None:
        first_lsn = survey.suffix.header.first_lsn
        previous_crc = survey.suffix_crc
    before = survey.head.header if survey.head is not None else None
    replaced = before is not None and before.first_lsn == first_lsn
    if before is not None and replaced:
        previous_crc = before.previous_crc
        segments.pop()
    header = SegmentHeader(
        store_id=identity.store_id,
        space_id=identity.space_id,
        number=before.number + (not replaced) if before is not None else 1,
        first_lsn=first_lsn,
        epoch=before.epoch + 1 if before is not None else 1,
        previous_crc=previous_crc,
        salt=medium.entropy.token(SALT_BYTES),
    )
    if not segments:
        sync_way_to(medium.filesystem, medium.directory)
    writer = _write_new_segment(medium, survey, header, segments, spares)
    if segments and not replaced:
        _truncate_superseded(medium.filesystem, survey)
    return writer, cut_to


def sync_way_to(filesystem: Filesystem, directory: str) -> None:
    """Make the names above the log durable, whoever made them.

    An earlier start may have been killed after it made a directory and before it synced the one
    above; whoever finds the directory later cannot tell. So no log begins before this was done.
    """
    while directory:
        directory = directory.rpartition("/")[0]
        filesystem.sync_directory(directory)


def _write_new_segment(
    medium: Medium,
    survey: Survey,
    header: SegmentHeader,
    segments: list[Segment],
    spares: Spares,
) -> SegmentWriter:
    """Write the segment under another name, sync it, and rename it into its place."""
    filesystem, directory = medium.filesystem, medium.directory
    path = f"{directory}/{segment_name(header.first_lsn)}"
    unfinished = path + UNFINISHED
    size_bytes = max([medium.sizes.after([]), *(s.size_bytes for s in segments)])
    filled_bytes = medium.sizes.filled_at_first(size_bytes, BLOCK_BYTES)
    handle, head = create_segment(filesystem, unfinished, header, filled_bytes=filled_bytes)
    segment = Segment(path, header.first_lsn, BLOCK_BYTES, size_bytes)
    try:
        writer = SegmentWriter(
            medium,
            handle,
            [*segments, segment],
            head,
            spares,
            crc=head.tag,
            last_lsn=header.first_lsn - 1,
        )
        if survey.suffix is not None:
            records = decode_records(survey.suffix.header, survey.suffix.body)
            writer.write_group(
                [(Entry(r.kind, [r.payload], r.flags), len(r.payload)) for r in records]
            )
        filesystem.sync(handle)
        filesystem.rename(unfinished, path)
        filesystem.sync_directory(directory)
    except BaseException:
        handle.close()
        raise
    return writer


def remove_unfinished(filesystem: Filesystem, directory: str, names: list[str]) -> None:
    """Remove the files that an earlier start did not come to rename or to remove."""
    for name in names:
        if name.endswith(UNFINISHED) or name == TRIAL_NAME:
            filesystem.remove(f"{directory}/{name}")


def _keep_cut_bytes(medium: Medium, survey: Survey) -> str:
    """Copy the torn bytes into a file of their own beside the segment; return its path."""
    filesystem = medium.filesystem
    torn_path = survey.torn_path or ""
    path = free_name(torn_path, "cut", survey.names)
    source = filesystem.open(torn_path)
    try:
        target = filesystem.create_exclusive(path)
        try:
            copy_bytes(filesystem, source, survey.cut_offset, target, survey.cut_bytes)
            filesystem.sync(target)
        finally:
            target.close()
    finally:
        source.close()
    filesystem.sync_directory(medium.directory)
    return path


def free_name(path: str, suffix: str, names: list[str]) -> str:
    """Return `<path>.<n>.<suffix>` with the first n that none of the directory's names has."""
    number = 1
    while f"{path}.{number}.{suffix}".rpartition("/")[2] in names:
        number += 1
    return f"{path}.{number}.{suffix}"


def copy_bytes(
    filesystem: Filesystem, source: Handle, offset: int, target: Handle, bytes_count: int
) -> None:
    """Copy bytes from `offset` of one file to the beginning of another; fewer where it ends."""
    done = 0
    while done < bytes_count:
        data = filesystem.read_at(source, offset + done, min(READ_BYTES, bytes_count - done))
        if not data:
            return
        filesystem.write_at(target, done, [data])
        done += len(data)


def _truncate_superseded(filesystem: Filesystem, survey: Survey) -> None:
    """End the old last segment where the new one takes over."""
    segment = survey.segments[-1]
    if survey.suffix is not None:
        segment.end_offset = survey.suffix.offset
    if survey.suffix is None and survey.torn_path != segment.path:
        return
    segment.size_bytes = segment.end_offset
    handle = filesystem.open(segment.path)
    try:
        filesystem.set_size(handle, segment.end_offset)
        filesystem.sync(handle)
    finally:
        handle.close()
