"""A new log that does not begin at LSN 1: for a space whose state up to there is a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.wal.limits import BLOCK_BYTES
from engram.wal.record import SegmentHeader
from engram.wal.repair import sync_way_to
from engram.wal.segment import SALT_BYTES, segment_name
from engram.wal.writer import create_segment

if TYPE_CHECKING:
    from engram.ports import Entropy, Filesystem
    from engram.wal.protocol import Lsn


def begin_log(
    filesystem: Filesystem,
    directory: str,
    *,
    store_id: bytes,
    space_id: str,
    entropy: Entropy,
    first_lsn: Lsn,
) -> None:
    """Make an empty log whose next record is `first_lsn`, durably; the directory holds none.

    Raises:
        FileExistsError: there is such a log.
        StorageFailed: the medium refused.
    """
    header = SegmentHeader(
        store_id=store_id,
        space_id=space_id,
        number=1,
        first_lsn=first_lsn,
        epoch=1,
        previous_crc=0,
        salt=entropy.token(SALT_BYTES),
    )
    path = f"{directory}/{segment_name(first_lsn)}"
    handle, _ = create_segment(filesystem, path, header, filled_bytes=BLOCK_BYTES)
    try:
        filesystem.sync(handle)
    finally:
        handle.close()
    filesystem.sync_directory(directory)
    sync_way_to(filesystem, directory)
