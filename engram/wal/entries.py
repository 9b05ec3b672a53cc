"""What every log checks of an append before it takes anything in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.model.errors import Conflict, InvalidRequest
from engram.wal.protocol import Entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.ports import ReadableBuffer
    from engram.wal.protocol import Lsn

BYTE_MAX = 255


def flatten(buffer: ReadableBuffer) -> bytes | memoryview:
    """Return the same bytes as `bytes` or as a flat byte view, without copying them.

    Raises:
        InvalidRequest: the buffer's memory is not one contiguous run.
    """
    if type(buffer) is bytes:
        return buffer
    view = memoryview(buffer)
    if not view.c_contiguous:
        raise InvalidRequest("a payload buffer is not contiguous; pass a contiguous copy of it")
    return view.cast("B") if view.nbytes else b""


def admit(entries: Sequence[Entry], record_bytes_max: int) -> list[tuple[Entry, int]]:
    """Return the entries with flat buffers, each with its payload length in bytes.

    Raises:
        InvalidRequest: lists every entry that breaks a limit.
    """
    admitted: list[tuple[Entry, int]] = []
    violations: list[str] = []
    for position, (kind, buffers, flags) in enumerate(entries):
        flat = [flatten(buffer) for buffer in buffers]
        payload_bytes = sum(map(len, flat))
        if payload_bytes > record_bytes_max:
            violations.append(
                f"entry {position} has {payload_bytes} bytes, over record_bytes_max of "
                f"{record_bytes_max}; split it"
            )
        if not (0 <= kind <= BYTE_MAX and 0 <= flags <= BYTE_MAX):
            violations.append(f"entry {position} has a kind or flags outside 0 to {BYTE_MAX}")
        admitted.append((Entry(kind, flat, flags), payload_bytes))
    if violations:
        raise InvalidRequest(*violations)
    return admitted


def check_fence(expected_last_lsn: Lsn, last_lsn: Lsn) -> None:
    """Raise Conflict unless the writer knows the log's last LSN."""
    if expected_last_lsn != last_lsn:
        raise Conflict(
            f"the log ends at LSN {last_lsn} but its writer expected {expected_last_lsn}: there is "
            "another writer; close this one and open the log again"
        )


def check_reachable(what: str, upto: Lsn, limit: Lsn) -> None:
    """Raise InvalidRequest when `upto` lies beyond `limit`."""
    if upto > limit:
        raise InvalidRequest(f"cannot {what} up to LSN {upto}: the log only reaches LSN {limit}")


def check_kept(after: Lsn, first_lsn: Lsn) -> None:
    """Raise Conflict when the records right after `after` were trimmed away."""
    if after + 1 < first_lsn:
        raise Conflict(
            f"the log begins at LSN {first_lsn}, records after LSN {after} were trimmed; start "
            "from a snapshot, or read from there"
        )
