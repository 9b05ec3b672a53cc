"""Checks the arguments of the records kernel once a call; one sentence a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.records.columns import PagedColumns
from engram.kernels.violations import array_violations
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from engram.kernels.arrays import U32

_UINT32 = np.dtype(np.uint32)
_DENSE = (4,)  # strides of a contiguous uint32[n]


def check_gather_records(columns: PagedColumns, rows: U32) -> None:
    """Raise InvalidRequest that lists every argument that breaks the contract."""
    if (
        type(columns) is PagedColumns
        and type(rows) is np.ndarray
        and rows.dtype is _UINT32
        and rows.strides == _DENSE
    ):
        return  # the common case, at a tenth of the cost
    violations = array_violations("rows", rows, 1, _UINT32)
    given: object = columns
    if not isinstance(given, PagedColumns):
        violations = ["columns must be PagedColumns", *violations]
    if violations:
        raise InvalidRequest(*violations)
