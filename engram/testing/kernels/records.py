"""What the records kernel of every backend must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.records.columns import Column, PagedColumns
from engram.kernels.reference import ReferenceBackend
from engram.model.errors import check
from engram.testing.kernels.refusals import check_refused

if TYPE_CHECKING:
    from engram.kernels.protocol import KernelBackend

_REFERENCE: Final = ReferenceBackend()
_KINDS: Final = ("u1", "i8", "f4", "u2", "u8", "u4")


def columns_of(random: np.random.Generator, page_rows: int, rows_count: int) -> PagedColumns:
    """Return columns of every width that reach differently far, in as few pages as they take."""
    columns = []
    for number, kind in enumerate(_KINDS):
        reach = max(0, rows_count - number)
        stored = random.integers(0, 256, (rows_count, 8), np.uint8).view(np.uint64)[:, 0]
        values = (stored >> np.uint64(64 - 8 * np.dtype(kind).itemsize)).astype(kind)
        pages = tuple(values[at : at + page_rows] for at in range(0, rows_count, page_rows))
        columns.append(Column(f"{kind}.{number}", kind, pages, reach))
    return PagedColumns(columns, page_rows)


def check_shapes(backend: KernelBackend) -> None:
    """Check rows of no, one and several pages, asked for in any order and again."""
    random = np.random.default_rng(1)
    for page_rows in (1, 4, 64):
        for rows_count in (0, 1, 5, 64, 200):
            columns = columns_of(random, page_rows, rows_count)
            for m in (0, 1, 10, 600):
                rows = random.integers(0, rows_count + 3, m).astype(np.uint32)
                own = backend.gather_records(columns, rows)
                meant = _REFERENCE.gather_records(columns, rows)
                check(own.dtype == meant.dtype == columns.dtype, "a field a column")
                check(own.tolist() == meant.tolist(), "each value is that of its row")
    far = np.array([0xFFFF_FFFF], np.uint32)
    found = backend.gather_records(columns_of(random, 4, 9), far).tolist()
    check(found == [(0,) * len(_KINDS)], "where no column reaches there are zeros")


def check_later(backend: KernelBackend) -> None:
    """Check that columns of later have the pages of then, and those of before their own."""
    old, new = np.arange(4, dtype=np.uint32), np.arange(10, 14, dtype=np.uint32)
    rows, kept = np.array([1, 5], np.uint32), (old, old)
    before = PagedColumns([Column("a", "u4", kept, 8), Column("b", "u4", kept, 5)], 4)
    after = before.at([(old, new), kept], [8, 6])
    longer = after.at([(old, new, old), kept[:1]], [9, 4])
    check(backend.gather_records(after, rows).tolist() == [(1, 1), (11, 1)], "the new pages")
    check(backend.gather_records(before, rows).tolist() == [(1, 1), (1, 0)], "the old ones")
    last = np.array([8, 5], np.uint32)
    check(backend.gather_records(longer, last).tolist() == [(0, 0), (11, 0)], "more, and fewer")
    check_refused("reaches", before.at, [kept, kept], [8, 9])
    check_refused("b", before.at, [kept, (old, old.astype(np.uint64))], [8, 8])
    check_refused("columns", before.at, [kept], [8])


def check_refusals(backend: KernelBackend) -> None:
    """Check that what breaks the contract is refused."""
    columns, page = columns_of(np.random.default_rng(1), 4, 9), np.zeros(4, np.uint32)
    rows = np.zeros(3, np.uint32)
    gather = backend.gather_records
    for wrong in (rows.astype(np.int64), np.zeros(6, np.uint32)[::2], rows[None]):
        check_refused("rows", gather, columns, wrong)
    check_refused("columns", gather, None, rows)
    for column in (
        Column("odd", "u4", (page,), 5),
        Column("odd", "u4", (page[:3], page), 4),
        Column("odd", "u8", (page,), 4),
        Column("odd", "u4", (np.zeros((4, 2), np.uint32),), 4),
        Column("odd", "u4", (np.zeros(8, np.uint32)[::2],), 4),
    ):
        check_refused("odd", PagedColumns, [column], 4)
    check_refused("values", PagedColumns, [Column("odd", "S3", (), 0)], 4)
    check_refused("page_rows", PagedColumns, [], 3)
    check_refused("name", PagedColumns, [Column("a", "u4", (page,), 4)] * 2, 4)


CHECKS: Final = (check_shapes, check_later, check_refusals)
