"""The log's limits: each with its unit, its reason and a precedent."""

from __future__ import annotations

BLOCK_BYTES = 4096
"""Bytes. A group starts and ends on this boundary, so that no sector with acknowledged bytes is
written twice; the page of Linux and the atomic write unit of current NVMe drives."""

RECORD_BYTES_MAX = 16 * 1024 * 1024
"""Bytes of one payload. Bounds what a reader allocates for a length it has not verified yet;
MySQL's max_allowed_packet began at 16 MiB."""

GROUP_BYTES_MAX = RECORD_BYTES_MAX + BLOCK_BYTES
"""Bytes of one group with header and padding: the longest record just fits. Bounds what a torn
write may leave behind; LevelDB caps a write batch group too (1 MiB)."""

SEGMENT_BYTES_MAX = 64 * 1024 * 1024
"""Bytes of one segment file; RocksDB's write buffer and etcd's WAL segment are 64 MB too."""

SPACE_ID_BYTES_MAX = 255
"""Bytes of a space id in UTF-8: its length is one byte in the segment header; a file name's limit
on every common filesystem."""

READ_BYTES = 1024 * 1024
"""Bytes read ahead from a segment at once: hides the call's cost at a bounded buffer; the read
ahead of PostgreSQL's recovery is of this order."""
