"""Makes a surveyed log ready for writing: cuts a torn tail, begins a new segment when it must.

Every step leaves a directory that the next survey understands; nothing is taken away before its
replacement is durable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.wal.limits import READ_BYTES
from engram.wal.protocol import Entry
from engram.wal.record import SegmentHeader, decode_records
from engram.wal.segment import (
    SALT_BYTES,
    LogIdentity,
    SegmentWriter,
    create_segment,
    segment_name,
)

if TYPE_CHECKING:
    from engram.ports import Entropy, Filesystem, Handle
    from engram.wal.recovery import Survey

UNFINISHED = ".new"


def continue_log(
    filesystem: Filesystem,
    entropy: Entropy,
    survey: Survey,
    *,
    segment_bytes_max: int,
) -> SegmentWriter:
    """Return a writer that goes on behind the last group of a clean log."""
    return SegmentWriter(
        filesystem,
        entropy,
        filesystem.open(survey.segments[-1].path),
        survey.segments,
        crc=survey.crc,
        last_lsn=survey.last_lsn,
        segment_bytes_max=segment_bytes_max,
    )


def renew_log(
    filesystem: Filesystem,
    entropy: Entropy,
    survey: Survey,
    directory: str,
    identity: LogIdentity,
    *,
    segment_bytes_max: int,
) -> tuple[SegmentWriter, str | None]:
    """Return a writer on a new segment with a new epoch, and where cut bytes were kept.

    The group that may not be durable (see Survey.suffix) is written again into the new segment:
    after a failed sync the system may show bytes that the medium does not hold.

    Raises:
        StorageFailed: the medium refused; surveying again starts over.
    """
    cut_to = _keep_cut_bytes(filesystem, survey, directory) if survey.cut_bytes else None
    segments = list(survey.segments)
    first_lsn = survey.last_lsn + 1
    previous_crc = survey.crc
    if survey.suffix is not None:
        first_lsn = survey.suffix.header.first_lsn
        previous_crc = survey.suffix_crc
    epoch = segments[-1].header.epoch + 1 if segments else 1
    replaced = bool(segments) and segments[-1].header.first_lsn == first_lsn
    if replaced:
        previous_crc = segments.pop().header.previous_crc
    header = SegmentHeader(
        store_id=identity.store_id,
        space_id=identity.space_id,
        number=segments[-1].header.number + 1 if segments else 1,
        first_lsn=first_lsn,
        epoch=epoch,
        previous_crc=previous_crc,
        salt=entropy.token(SALT_BYTES),
    )
    if not segments:
        _sync_way_to(filesystem, directory)
    writer = _write_new_segment(filesystem, entropy, survey, directory, header, segment_bytes_max)
    writer.segments[:0] = segments
    if segments and not replaced:
        _truncate_superseded(filesystem, survey)
    return writer, cut_to


def _sync_way_to(filesystem: Filesystem, directory: str) -> None:
    """Make the names above the log durable, whoever made them.

    An earlier start may have been killed after it made a directory and before it synced the one
    above; whoever finds the directory later cannot tell. So no log begins before this was done.
    """
    while directory:
        directory = directory.rpartition("/")[0]
        filesystem.sync_directory(directory)


def _write_new_segment(
    filesystem: Filesystem,
    entropy: Entropy,
    survey: Survey,
    directory: str,
    header: SegmentHeader,
    segment_bytes_max: int,
) -> SegmentWriter:
    """Write the segment under another name, sync it, and rename it into its place."""
    path = f"{directory}/{segment_name(header.first_lsn)}"
    unfinished = path + UNFINISHED
    if unfinished.rpartition("/")[2] in filesystem.list(directory):
        filesystem.remove(unfinished)
    handle, segment = create_segment(filesystem, unfinished, header)
    try:
        writer = SegmentWriter(
            filesystem,
            entropy,
            handle,
            [segment],
            crc=segment.tag,
            last_lsn=header.first_lsn - 1,
            segment_bytes_max=segment_bytes_max,
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
    segment.path = path
    return writer


def _keep_cut_bytes(filesystem: Filesystem, survey: Survey, directory: str) -> str:
    """Copy the torn bytes into a file of their own beside the segment; return its path."""
    torn_path = survey.torn_path or ""
    names = set(filesystem.list(directory))
    number = 1
    while (path := f"{torn_path}.{number}.cut").rpartition("/")[2] in names:
        number += 1
    source = filesystem.open(torn_path)
    try:
        target = filesystem.create_exclusive(path)
        try:
            _copy(filesystem, source, survey.cut_offset, target, survey.cut_bytes)
            filesystem.sync(target)
        finally:
            target.close()
    finally:
        source.close()
    filesystem.sync_directory(directory)
    return path


def _copy(
    filesystem: Filesystem, source: Handle, offset: int, target: Handle, bytes_count: int
) -> None:
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
    handle = filesystem.open(segment.path)
    try:
        filesystem.set_size(handle, segment.end_offset)
        filesystem.sync(handle)
    finally:
        handle.close()
