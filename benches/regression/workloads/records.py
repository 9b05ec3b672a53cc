"""Workloads over columns in pages."""

from __future__ import annotations

from typing import Final

import numpy as np

from benches.regression.workloads.workload import Call, Workload
from engram.kernels.records.columns import Column, PagedColumns

_KINDS: Final = ("u8", "i8", "f4", "u4", "u2", "u1") * 4
_PAGE_ROWS: Final = 1_024
_PAGES: Final = 4


def _gather(rows_count: int) -> Call:
    random = np.random.default_rng(11)
    columns = []
    for number, kind in enumerate(_KINDS):
        pages = tuple(random.integers(0, 200, (_PAGES, _PAGE_ROWS)).astype(kind))
        columns.append(Column(f"{kind}.{number}", kind, pages, _PAGES * _PAGE_ROWS))
    read = PagedColumns(columns, _PAGE_ROWS)
    rows = random.integers(0, _PAGES * _PAGE_ROWS, rows_count).astype(np.uint32)
    return lambda kernels: kernels.gather_records(read, rows)


def _bytes(rows_count: int) -> int:
    return 2 * rows_count * sum(np.dtype(kind).itemsize for kind in _KINDS)


WORKLOADS: Final = (
    Workload("gather_records.10of24", lambda: _gather(10), _bytes(10), 0),
    Workload("gather_records.400of24", lambda: _gather(400), _bytes(400), 0),
)
