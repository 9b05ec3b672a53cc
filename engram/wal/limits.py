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

SEGMENT_BYTES_FIRST = 1024 * 1024
"""Bytes of a new log's first segment; each next one has twice as many, up to SEGMENT_BYTES_MAX: a
thousand small spaces must not cost 64 GB."""

FILL_STEP_BYTES = 1024 * 1024
"""Bytes of zeros written at once ahead of the groups, so that a group does not change the file's
length: few enough that the one write in hundreds that waits for them waits milliseconds."""

FILL_GROUP_BYTES_MAX = 16 * 1024
"""Bytes of the longest group that has zeros written ahead of it. A sync without a new length was
some 65 us shorter, and writing zeros took 3.3 us a KiB: beyond this it costs more than it gains."""

DURABLE_WRITE_BYTES_MAX = 2 * 1024 * 1024
"""Bytes of the longest group that is put together on the event loop and written beside it: its CRC
must not hold up the loop noticeably. 2 MiB take some 0.2 ms; 1,024 lone writes of 1 KiB fit."""

SPARES_MAX = 2
"""Files kept for recycling in one log: one to rotate into, one more for a trim of several."""

SPACE_ID_BYTES_MAX = 255
"""Bytes of a space id in UTF-8: its length is one byte in the segment header; a file name's limit
on every common filesystem."""

READ_BYTES = 1024 * 1024
"""Bytes read ahead from a segment at once: hides the call's cost at a bounded buffer; the read
ahead of PostgreSQL's recovery is of this order."""

READ_BYTES_FIRST = 64 * 1024
"""Bytes read from a segment at first, twice as many each time up to READ_BYTES, and looked through
at once behind its end. Most segments are short: a thousand small spaces that read 1 MiB each asked
the system for 2 GB of new memory. The C library hands out 64 KiB without asking (up to 128)."""

APPENDER_THREADS = 4
"""Threads that write for all logs of a process: as many syncs as run at once. They sleep in the
disk, not on the CPU, and more syncs at once hardly make one disk faster."""

DURABLE_WRITERS = 32
"""Threads that make small groups durable for all logs of a process and run no Python: begun as they
are needed, they sleep in the disk. Writes to 100 logs at once took 492 us of processor time each
with 4 and 336 with 32 (medians of six and four runs beside much other work): the rest went to
threads of Python, which waited for the interpreter's lock."""

SYNC_TRIALS = 16
"""Writes with each sync method when a disk is tried: a median of this many stands still to a few
per cent, and they take some milliseconds on an SSD."""

SYNC_TRIAL_NS_MAX = 200_000_000
"""Nanoseconds a trial may take before it decides by what it has: a disk of 10 ms a sync must not
hold up the first start noticeably."""
