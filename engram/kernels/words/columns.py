"""What the word kernels search: postings, lengths and counts at one moment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engram.kernels.addresses import address
from engram.kernels.arrays import I64, U16, U32
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

SegmentColumns: TypeAlias = tuple[U32, I64, U32, U16]
"""`terms` u32[t] ascending, `offsets` i64[t + 1], `rows` u32[p], `tfs` u16[p]: the postings of
`terms[i]` are `offsets[i]` to `offsets[i + 1]` of `rows` and `tfs`, their rows ascending."""

ROWS_MAX = 2**32 - 1  # row numbers are uint32
_FEW_TERMS = 32

_DTYPES = tuple(np.dtype(kind) for kind in (np.uint32, np.int64, np.uint32, np.uint16))
_NAMES = ("terms", "offsets", "rows", "tfs")


class WordColumns:
    """A word index at one moment; holds its columns, which nobody changes any more.

    Args:
        segments: postings of ascending, disjoint ranges of rows.
        lengths: uint32[n], words by row.
        dead: bool[d] by row: rows that are no longer found, d at most n; None for none.
        dead_df: uint32[t] by term: postings of dead rows that are still in the segments; terms
            beyond it have none.
        texts_count: live rows that have a word.
        words_count: words of live rows.
        k1: how soon a repeated word stops to add, 0 or more.
        b: how much a long text is held back, 0 to 1.

    That rows ascend and lie below n, and that a tf is 1 or more, is not looked at: where it is not
    so the answers are wrong, but nothing outside the columns is read.

    Raises:
        InvalidRequest: a column has another type, dtype, shape or layout, or a number its range.
    """

    __slots__ = (
        "_kept", "address", "average_length", "b", "dead", "dead_df", "k1", "lengths", "segments",
        "texts_count",
    )  # fmt: skip

    def __init__(
        self,
        segments: Sequence[SegmentColumns],
        lengths: U32,
        *,
        dead: NDArray[np.bool_] | None,
        dead_df: U32,
        texts_count: int,
        words_count: int,
        k1: float,
        b: float,
    ) -> None:
        flags = np.zeros(0, np.bool_) if dead is None else dead
        violations = _column_violations("lengths", lengths, np.dtype(np.uint32))
        violations += _column_violations("dead", flags, np.dtype(np.bool_))
        violations += _column_violations("dead_df", dead_df, np.dtype(np.uint32))
        for number, segment in enumerate(segments):
            violations += _segment_violations(f"segments[{number}]", segment)
        if not (math.isfinite(k1) and k1 >= 0):
            violations.append(f"k1 is {k1}; it must be a finite number of at least 0")
        if not 0 <= b <= 1:
            violations.append(f"b is {b}; it must be between 0 and 1")
        if texts_count < 0 or words_count < texts_count:
            violations.append(f"{texts_count} texts cannot have {words_count} words")
        if not violations and (lengths.size > ROWS_MAX or flags.size > lengths.size):
            violations.append(f"there are {lengths.size} lengths and {flags.size} dead flags")
        if violations:
            raise InvalidRequest(*violations)
        self.segments = tuple(segments)
        self.lengths = lengths
        self.dead = dead
        self.dead_df = dead_df
        self.texts_count = texts_count
        self.average_length = max(words_count, 1) / max(texts_count, 1)
        self.k1 = k1
        self.b = b
        self._kept = _packed(self, flags)
        self.address = address(self._kept[0])

    def slices(self, terms: Sequence[int] | U32) -> list[list[tuple[U32, U16]]]:
        """Return the postings of each term: rows and tfs for each segment that has it."""
        found: list[list[tuple[U32, U16]]] = [[] for _ in terms]
        ids = np.asarray(terms, np.uint32)
        for segment_terms, offsets, rows, tfs in self.segments:
            if not segment_terms.size:
                continue
            at = np.minimum(segment_terms.searchsorted(ids), segment_terms.size - 1)
            begins, ends = offsets[at].tolist(), offsets[at + 1].tolist()
            for i in np.flatnonzero(segment_terms[at] == ids).tolist():
                if begins[i] < ends[i]:
                    found[i].append((rows[begins[i] : ends[i]], tfs[begins[i] : ends[i]]))
        return found

    def dfs(self, terms: U32) -> I64:
        """Return int64[t]: how many live rows carry each term; postings are not looked at."""
        if terms.size <= _FEW_TERMS:
            return np.array(self._few_dfs(terms), np.int64)
        found = np.zeros(terms.size, np.int64)
        for segment_terms, offsets, _, _ in self.segments:
            if segment_terms.size:
                at = segment_terms.searchsorted(terms)
                at[at == segment_terms.size] = 0
                found += (offsets[at + 1] - offsets[at]) * (segment_terms[at] == terms)
        inside = terms < self.dead_df.size
        found[inside] -= self.dead_df[terms[inside]]
        return found

    def _few_dfs(self, terms: U32) -> list[int]:
        """Return the same in a quarter of the time for the terms of a usual cue."""
        wanted = terms.tolist()
        dead_df = self.dead_df
        found = [-dead_df.item(term) if term < dead_df.size else 0 for term in wanted]
        for segment_terms, offsets, _, _ in self.segments:
            for number, at in enumerate(segment_terms.searchsorted(terms).tolist()):
                if at < segment_terms.size and segment_terms.item(at) == wanted[number]:
                    found[number] += offsets.item(at + 1) - offsets.item(at)
        return found

    def df(self, term: int, slices: list[tuple[U32, U16]]) -> int:
        """Return how many live rows carry a term."""
        df = sum(rows.size for rows, _ in slices)
        return df - (int(self.dead_df[term]) if term < self.dead_df.size else 0)


def flagged(flags: NDArray[np.bool_], rows: U32) -> NDArray[np.bool_]:
    """Return the flag of each row; False for rows beyond the column."""
    inside: NDArray[np.bool_] = rows < flags.size
    if inside.all():
        return flags[rows]
    found = np.zeros(rows.size, np.bool_)
    found[inside] = flags[rows[inside]]
    return found


def _packed(columns: WordColumns, flags: NDArray[np.bool_]) -> tuple[NDArray[np.generic], ...]:
    """Return the index as the library reads it (`Index` of words.zig), and what it points to."""
    places: list[int] = []
    for terms, offsets, rows, tfs in columns.segments:
        places += (
            address(terms), terms.size, address(offsets), address(rows), address(tfs), rows.size
        )  # fmt: skip
    table = np.array(places, np.uint64)
    index = np.array(
        [
            address(table), len(columns.segments), address(columns.lengths), columns.lengths.size,
            address(flags), flags.size, address(columns.dead_df), columns.dead_df.size,
            columns.texts_count, 0, 0, 0,
        ],
        np.uint64,
    )  # fmt: skip
    index[9:].view(np.float64)[:] = columns.average_length, columns.k1, columns.b
    return index, table, flags


def _segment_violations(name: str, segment: SegmentColumns) -> list[str]:
    violations = [
        violation
        for part, column, dtype in zip(_NAMES, segment, _DTYPES, strict=True)
        for violation in _column_violations(f"{name}.{part}", column, dtype)
    ]
    terms, offsets, rows, tfs = segment
    if not violations and offsets.size != terms.size + 1:
        violations.append(f"{name} has {terms.size} terms and {offsets.size} offsets, not one more")
    if not violations and rows.size != tfs.size:
        violations.append(f"{name} has {rows.size} rows and {tfs.size} tfs")
    return violations


def _column_violations(name: str, column: object, dtype: np.dtype[np.generic]) -> list[str]:
    if not isinstance(column, np.ndarray):
        return [f"{name} must be a numpy array, not {type(column).__name__}"]
    if column.dtype != dtype or column.ndim != 1 or not column.flags.c_contiguous:
        return [f"{name} must be a C-contiguous column of {dtype.name}"]
    return []
