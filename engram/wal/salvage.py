"""Makes a damaged log usable again by giving up everything from its first damage on.

For an operator who has decided so: nothing is salvaged unasked. What is behind the damage goes too,
for LSNs may not skip: a later record may build on one that is lost. Damaged files are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from engram.wal.evidence import DurableMark
from engram.wal.limits import BLOCK_BYTES
from engram.wal.record import Damaged, SegmentHeader
from engram.wal.repair import UNFINISHED, copy_bytes, free_name, remove_unfinished, sync_way_to
from engram.wal.segment import SALT_BYTES, GroupReader, read_head, segment_name
from engram.wal.verify import verify
from engram.wal.writer import create_segment

if TYPE_CHECKING:
    from engram.ports import Entropy, Filesystem
    from engram.wal.protocol import Lsn
    from engram.wal.segment import LogIdentity
    from engram.wal.verify import Damage, LogReport, SegmentReport

DAMAGED = "damaged"


class Salvaged(NamedTuple):
    """What is left and what was given up.

    The log goes on behind `kept_lsn`. Records `lost_first` to `lost_last` (as far as is known) are
    given up, `lost_bytes` of segments; `moved_to` names the files that still hold them. All 0
    and empty when there was no damage.
    """

    kept_lsn: Lsn
    lost_first: Lsn
    lost_last: Lsn
    lost_bytes: int
    moved_to: list[str]
    damage: list[Damage]


def salvage(
    filesystem: Filesystem,
    entropy: Entropy,
    directory: str,
    identity: LogIdentity,
    *,
    durable_lsn: Lsn = 0,
    after: Lsn = 0,
) -> Salvaged:
    """Keep every record before the first damage and nothing behind it; blocks.

    `durable_lsn` and `after` are as for `FileLog.open`: what a snapshot covers is not lost with the
    log, and damage that opening after it would not meet is left alone. The caller must no longer
    hold against the log what it knew of LSNs beyond `kept_lsn`. A crash on the way leaves
    the log damaged or salvaged; salvaging again finishes.

    Raises:
        Conflict: the log is open.
        StoreTooNew: a later release wrote it.
        StorageFailed: the medium refused.
    """
    mark = DurableMark(filesystem, directory, identity.as_bytes())
    try:
        found = verify(filesystem, directory, identity, durable_lsn=durable_lsn, after=after)
        plan = _plan(found, after)
        if plan is None:
            return Salvaged(found.segments[-1].last_lsn if found.segments else 0, 0, 0, 0, [], [])
        previous_crc = _crc_at(filesystem, plan, identity)
        names = filesystem.list(directory)
        remove_unfinished(filesystem, directory, names)
        moved_to = _copy_aside(filesystem, directory, plan, names)
        mark.write(plan.first_lsn - 1)
        mark.sync()
        moved_to += _move_aside(filesystem, directory, plan, names)
        header = SegmentHeader(
            store_id=identity.store_id,
            space_id=identity.space_id,
            number=max((each.number for each in found.segments), default=0) + 1,
            first_lsn=plan.first_lsn,
            epoch=max((each.epoch for each in found.segments), default=0) + 1,
            previous_crc=previous_crc,
            salt=entropy.token(SALT_BYTES),
        )
        _begin(filesystem, directory, header)
    finally:
        mark.close()
    known = [found.durable_lsn, *(each.last_lsn for each in found.segments)]
    lost_last = max(plan.first_lsn, *known, *(each.lsn_last for each in found.damage))
    lost = sum(each.file_bytes for each in plan.moved)
    if plan.split is not None:
        lost += plan.split.file_bytes - plan.split_offset
    return Salvaged(
        plan.first_lsn - 1, plan.first_lsn, lost_last, lost, moved_to, list(found.damage)
    )


class _Plan(NamedTuple):
    """Where the log is cut: `kept` is whole, `split` ends at an offset, `moved` goes aside."""

    first_lsn: Lsn
    kept: list[SegmentReport]
    split: SegmentReport | None
    split_offset: int
    moved: list[SegmentReport]


def _plan(found: LogReport, after: Lsn) -> _Plan | None:
    """Return what to do, None when opening the log after `after` meets no damage."""
    segments = found.segments
    needed = 0
    while needed + 1 < len(segments) and segments[needed + 1].first_lsn <= after + 1:
        needed += 1
    unneeded = {each.path for each in segments[:needed]}
    met = [each for each in found.damage if each.path not in unneeded]
    if not met:
        return None
    first = min(met, key=lambda each: (each.lsn_first, each.offset))
    position = next((n for n, each in enumerate(segments) if each.path == first.path), None)
    if position is None:
        return _Plan(max(first.lsn_first, after + 1), [], None, 0, segments)
    if first.offset <= BLOCK_BYTES or first.lsn_first <= after:
        first_lsn = max(first.lsn_first, after + 1)
        return _Plan(first_lsn, segments[:position], None, 0, segments[position:])
    split = segments[position]
    return _Plan(
        first.lsn_first, segments[:position], split, first.offset, segments[position + 1 :]
    )


def _crc_at(filesystem: Filesystem, plan: _Plan, identity: LogIdentity) -> int:
    """Return the CRC of the last group that is kept, 0 when there is none."""
    segment = plan.split or (plan.kept[-1] if plan.kept else None)
    if segment is None:
        return 0
    handle = filesystem.open(segment.path)
    try:
        reader = GroupReader(
            filesystem, handle, read_head(filesystem, handle, segment.path, identity)
        )
    except Damaged:  # a snapshot covers what the kept segments hold
        return 0
    else:
        reader.skip_groups(plan.first_lsn - 1)
        return reader.crc
    finally:
        handle.close()


def _copy_aside(filesystem: Filesystem, directory: str, plan: _Plan, names: list[str]) -> list[str]:
    """Copy the segment that is to be split, durably; return the copy's path."""
    if plan.split is None:
        return []
    path = free_name(plan.split.path, DAMAGED, names)
    source = filesystem.open(plan.split.path)
    try:
        target = filesystem.create_exclusive(path)
        try:
            copy_bytes(filesystem, source, 0, target, filesystem.size(source))
            filesystem.sync(target)
        finally:
            target.close()
    finally:
        source.close()
    filesystem.sync_directory(directory)
    return [path]


def _move_aside(filesystem: Filesystem, directory: str, plan: _Plan, names: list[str]) -> list[str]:
    """Rename what comes behind the damage, newest first, then end the segment that is split."""
    moved_to = []
    for segment in reversed(plan.moved):
        path = free_name(segment.path, DAMAGED, names)
        filesystem.rename(segment.path, path)
        filesystem.sync_directory(directory)
        moved_to.append(path)
    if plan.split is not None:
        handle = filesystem.open(plan.split.path)
        try:
            filesystem.set_size(handle, plan.split_offset)
            filesystem.sync(handle)
        finally:
            handle.close()
    return moved_to


def _begin(filesystem: Filesystem, directory: str, header: SegmentHeader) -> None:
    """Begin the segment with which the log goes on."""
    sync_way_to(filesystem, directory)
    path = f"{directory}/{segment_name(header.first_lsn)}"
    handle, _ = create_segment(filesystem, path + UNFINISHED, header, filled_bytes=0)
    try:
        filesystem.sync(handle)
    finally:
        handle.close()
    filesystem.rename(path + UNFINISHED, path)
    filesystem.sync_directory(directory)
