"""Opens a log's directory: takes its lock, surveys it, and makes it ready for writing.

Plain blocking code; after a failure nothing stays open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from engram.wal.evidence import DurableMark
from engram.wal.recovery import survey
from engram.wal.repair import continue_log, remove_unfinished, renew_log
from engram.wal.spares import Spares
from engram.wal.sync_method import choose_sync_method
from engram.wal.writer import Medium

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engram.ports import Clock, Entropy, Filesystem, SyncMethod
    from engram.wal.protocol import Lsn, Record
    from engram.wal.recovery import Survey
    from engram.wal.segment import LogIdentity
    from engram.wal.writer import SegmentSizes, SegmentWriter


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What opening a log found and did.

    `entries` records up to `last_lsn` were verified (those at or before what a snapshot covers are
    not); the log begins with `first_lsn` and has `segments` files (0, 0 and 0 when it was empty).
    `read_bytes` of them were read; `cut_bytes` of a torn tail were kept in `cut_to`; it took
    `duration_ns`. `sync_method` is what writes are made durable with.
    """

    entries: int
    segments: int
    first_lsn: Lsn
    last_lsn: Lsn
    read_bytes: int
    cut_bytes: int
    cut_to: str | None
    duration_ns: int
    sync_method: SyncMethod


class Opened(NamedTuple):
    """A log ready for writing."""

    writer: SegmentWriter
    mark: DurableMark
    report: RecoveryReport


def open_directory(
    filesystem: Filesystem,
    directory: str,
    identity: LogIdentity,
    clock: Clock,
    entropy: Entropy,
    *,
    sizes: SegmentSizes,
    sync_method: SyncMethod | None,
    durable_lsn: Lsn,
    after: Lsn,
    replay: Callable[[Sequence[Record]], None] | None,
) -> Opened:
    """Recover the log; see `FileLog.open` for what the arguments mean and what is raised."""
    started = clock.monotonic()
    mark = DurableMark(filesystem, directory, identity.as_bytes())
    try:
        known = max(durable_lsn, mark.read())
        found = survey(filesystem, directory, identity, known, after=after, replay=replay)
        method = sync_method or choose_sync_method(filesystem, directory, clock)
        medium = Medium(filesystem, directory, entropy, sizes, method)
        writer, cut_to = _made_ready(medium, found, identity)
        try:
            mark.write(found.last_lsn)
        except BaseException:
            writer.close()
            raise
    except BaseException:
        mark.close()
        raise
    report = RecoveryReport(
        entries=found.entries,
        segments=len(found.segments),
        first_lsn=found.segments[0].first_lsn if found.last_lsn else 0,
        last_lsn=found.last_lsn,
        read_bytes=found.read_bytes,
        cut_bytes=found.cut_bytes,
        cut_to=cut_to,
        duration_ns=clock.monotonic() - started,
        sync_method=method,
    )
    return Opened(writer, mark, report)


def _made_ready(
    medium: Medium, found: Survey, identity: LogIdentity
) -> tuple[SegmentWriter, str | None]:
    remove_unfinished(medium.filesystem, medium.directory, found.names)
    spares = Spares(medium.filesystem, medium.directory)
    spares.adopt(found.names)
    if found.is_clean and found.head is not None:
        return continue_log(medium, found, found.head, spares), None
    return renew_log(medium, found, identity, spares)
