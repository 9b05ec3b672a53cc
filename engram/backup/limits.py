"""The limits of backups: each with its unit, its reason and a precedent."""

from __future__ import annotations

from typing import Final

# 16 MiB of a file in one object: two thirds of the int8 codes of a tier segment, so that a
# 10-million-memory store is some thousand objects and four of them on their way take 128 MiB.
CHUNK_BYTES: Final = 16 * 1024 * 1024

# 4 MiB of log records before an object of them is closed: what a second backup sends again is the
# last one, so it is smaller than a chunk of a file.
LOG_CHUNK_BYTES: Final = 4 * 1024 * 1024

# 40 MiB in one stored object: the longest record of a log behind a chunk that was just not full,
# with room for headers; nothing longer is read, whatever a damaged repository claims.
OBJECT_BYTES_MAX: Final = 40 * 1024 * 1024

# 256 MiB of one manifest: 64 bytes and some a chunk, so 60 TB of backup; bounds what is read of a
# damaged one.
MANIFEST_BYTES_MAX: Final = 256 * 1024 * 1024

# 160 MiB of one list of erased memories: 16 bytes for each of 10 million.
ERASED_BYTES_MAX: Final = 160 * 1024 * 1024

# 4 objects on their way at once: hides the round trip of an object store at a bounded memory.
TRANSFERS_MAX: Final = 4

# 60 seconds between two signs of life of a running backup, in nanoseconds: one small object each.
LOCK_REFRESH_NS: Final = 60 * 1_000_000_000

# 1 hour without a sign of life, in nanoseconds: then a lock is left over from a process that died.
# Far above the refresh, so that clocks of two machines may differ by minutes.
LOCK_STALE_NS: Final = 3_600 * 1_000_000_000

# 4 KiB of what says which repository it is: two short fields.
CONFIG_BYTES_MAX: Final = 4096
