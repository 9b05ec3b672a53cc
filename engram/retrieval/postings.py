"""Postings as columns: which rows carry a term, and how often.

A segment is a compressed sparse row matrix, terms x rows, that never changes. Rows arrive in
increasing order, so an appended batch is one more segment, and neighbouring segments merge by
joining the slices of each term. Sizes fall geometrically from the oldest segment to the newest:
a term is looked up in O(log n) segments and a posting is copied O(log n) times.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.kernels.words.columns import flagged
from engram.model.errors import check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TERM_FREQUENCY_MAX: Final = 0xFFFF
"""Larger counts are stored as this; BM25 is flat long before (tf / (tf + 1.2) is 0.99998)."""

SMALL_SEGMENT_POSTINGS: Final = 2048
"""Segments up to this size merge whatever their neighbours: copying one takes about as long as
the dozen numpy calls around it (~30 us), and a lookup is spared."""

SEGMENT_POSTINGS_MAX: Final = 1 << 25
"""A merge makes no segment above this (~34 M postings, ~1 M memories of 40 words, 200 MB), so
that no single append waits for longer than about a second of copying."""

_ROW_BITS: Final = np.uint64(32)
_ROW_MASK: Final = np.uint64(0xFFFFFFFF)


class Segment(NamedTuple):
    """Postings of a range of rows.

    `terms` u32[t] ascending; the postings of `terms[i]` are `rows[offsets[i]:offsets[i + 1]]`,
    ascending, with `tfs` beside them; `offsets` i64[t + 1], `rows` u32[p], `tfs` u16[p].
    """

    terms: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    rows: NDArray[np.uint32]
    tfs: NDArray[np.uint16]

    @property
    def resident_bytes(self) -> int:
        """Bytes the four columns take."""
        return int(self.terms.nbytes + self.offsets.nbytes + self.rows.nbytes + self.tfs.nbytes)


def build(terms: NDArray[np.uint32], rows: NDArray[np.uint32]) -> Segment:
    """Return the segment of words given as pairs of term and row, in any order, with repeats."""
    keys = terms.astype(np.uint64)
    keys <<= _ROW_BITS
    keys |= rows
    keys.sort()
    starts = _starts(keys)
    counts = np.diff(starts, append=keys.size)
    keys = keys[starts]
    key_terms = (keys >> _ROW_BITS).astype(np.uint32)
    term_starts = _starts(key_terms)
    return Segment(
        terms=key_terms[term_starts],
        offsets=np.append(term_starts, keys.size).astype(np.int64),
        rows=(keys & _ROW_MASK).astype(np.uint32),
        tfs=np.minimum(counts, TERM_FREQUENCY_MAX).astype(np.uint16),
    )


def append(segments: tuple[Segment, ...], segment: Segment) -> tuple[Segment, ...]:
    """Return `segments` with `segment` after them, merged where sizes ask for it.

    Every row of `segment` must lie above the rows of `segments`.
    """
    total = segment.rows.size
    first = len(segments)
    while first > 0:
        size = segments[first - 1].rows.size
        small = size <= SMALL_SEGMENT_POSTINGS
        if (size > total and not small) or size + total > SEGMENT_POSTINGS_MAX:
            break
        total += size
        first -= 1
    if first == len(segments):
        return (*segments, segment)
    return (*segments[:first], merge((*segments[first:], segment)))


def merge(segments: Sequence[Segment]) -> Segment:
    """Return one segment with all postings; `segments` hold ascending, disjoint ranges of rows."""
    check(len(segments) > 0, "a merge needs at least one segment")
    bases = np.cumsum([0] + [s.rows.size for s in segments[:-1]])
    terms = np.concatenate([s.terms for s in segments])
    lengths = np.concatenate([np.diff(s.offsets) for s in segments])
    begins = np.concatenate(
        [s.offsets[:-1] + base for s, base in zip(segments, bases, strict=True)]
    )
    # A stable order keeps the older segment first within a term: its rows are the smaller ones.
    order = np.argsort(terms, kind="stable")
    terms, lengths, begins = terms[order], lengths[order], begins[order]
    ends = np.cumsum(lengths)
    source = np.repeat(begins - (ends - lengths), lengths)
    source += np.arange(source.size)
    rows = np.concatenate([s.rows for s in segments])[source]
    tfs = np.concatenate([s.tfs for s in segments])[source]
    starts = _starts(terms)
    offsets = np.append((ends - lengths)[starts], rows.size)
    return Segment(terms[starts], offsets.astype(np.int64), rows, tfs)


def split(segment: Segment, gone: NDArray[np.bool_]) -> tuple[Segment, Segment | None]:
    """Return the segment without the rows that `gone` (bool by row) names, and what was taken out.

    The second is None when it has no posting of them.
    """
    taken = flagged(gone, segment.rows)
    if not taken.any():
        return segment, None
    terms = np.repeat(segment.terms, np.diff(segment.offsets))
    left = ~taken
    return (
        _assembled(terms[left], segment.rows[left], segment.tfs[left]),
        _assembled(terms[taken], segment.rows[taken], segment.tfs[taken]),
    )


def renumbered(segment: Segment, new_rows: NDArray[np.uint32], gone: NDArray[np.bool_]) -> Segment:
    """Return the segment without the rows `gone` (bool by row), the others under new numbers.

    `new_rows` u32 by row rises over the rows that stay.
    """
    kept = ~gone[segment.rows]
    counts = counted(segment, kept)
    has_rows = counts > 0
    return Segment(
        terms=segment.terms[has_rows],
        offsets=np.append(0, np.cumsum(counts[has_rows])),
        rows=new_rows[segment.rows[kept]],
        tfs=segment.tfs[kept],
    )


def counted(segment: Segment, flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return i64[t]: how many postings of each term have their flag (bool[p]) set."""
    if not segment.terms.size:
        return np.zeros(0, np.int64)
    return np.asarray(np.add.reduceat(flags, segment.offsets[:-1], dtype=np.int64))


def _assembled(
    terms: NDArray[np.uint32], rows: NDArray[np.uint32], tfs: NDArray[np.uint16]
) -> Segment:
    """Return the segment of postings that are sorted by term and row already."""
    starts = _starts(terms)
    return Segment(terms[starts], np.append(starts, rows.size).astype(np.int64), rows, tfs)


def _starts(column: NDArray[np.uint32] | NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return where each run of equal values of a sorted column begins."""
    if column.size == 0:
        return np.empty(0, np.int64)
    return np.append(0, np.flatnonzero(column[1:] != column[:-1]) + 1)
