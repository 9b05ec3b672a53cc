"""The limits of stored files: each with its unit, its reason and a precedent."""

from __future__ import annotations

SEGMENT_ROWS_MAX = 65_536
"""Bodies in one tier segment: a page of the columns, 100 MB of 384-dimensional vectors; an offset
in it takes 16 bits of a place. Lucene seals segments of this order too."""

ROW_BLOCK_BYTES = 4096
"""Bytes of vectors under one CRC, whole rows of at most so many bytes (or one longer row):
what a read of one row fetches. A page of Linux; cold reads of 1.5 to 16 KiB took equally long."""

TEXT_BLOCK_BYTES = 32_768
"""Uncompressed bytes of texts in one block: what a read of one text fetches and, when cold, what is
compressed at once. Texts of 100 bytes came to 48 % in blocks of 16 KiB, 46 % in these, 44 % in ones
of 64 KiB, and reading one took twice as long with each step. RocksDB's blocks begin at 4 KiB."""

READ_BYTES = 1024 * 1024
"""Bytes read at once where a file is read from end to end, or neighbouring blocks are: hides the
call's cost at a bounded buffer; the log reads ahead as much."""

OPEN_FILES_MAX = 512
"""Files of tier segments open at once in a store: half of what Linux gives a process unless asked
(1,024), and three files of each of the 153 segments of ten million memories."""

INDEX_BYTES_MAX = 65_536
"""Bytes of a segment's index: bounds what is read before its CRC is known; an index of fifteen
files takes under 2 KiB."""

TEXT_COMPRESSION_LEVEL = 3
"""Level of zstandard for cold texts and lengths: the library's own choice; level 6 saved 1 % more
of the texts and took three times as long."""

VECTOR_COMPRESSION_LEVEL = 1
"""Level of zstandard for the first bytes of cold vectors: there is nothing but their frequencies to
be found; level 3 saved less (207 bytes of 1,536, not 215) and took longer."""

CACHE_ENTRY_BYTES = 512
"""Bytes of bookkeeping that each block of the cache is charged for besides its own: 501 were
counted with as many blocks remembered that were let go as there may be."""
