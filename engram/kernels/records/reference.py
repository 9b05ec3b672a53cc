"""The meaning of records: one value after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engram.kernels.records.arguments import check_gather_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.kernels.arrays import U32
    from engram.kernels.records.columns import PagedColumns


class ReferenceRecords:
    """Copies one value after the other."""

    def gather_records(self, columns: PagedColumns, rows: U32) -> NDArray[Any]:
        """See `RecordKernels.gather_records`."""
        check_gather_records(columns, rows)
        records = np.zeros(len(rows), columns.dtype)
        for name, _, pages, reach in columns.columns:
            field = records[name]
            for place, row in enumerate(rows.tolist()):
                if row < reach:
                    field[place] = pages[row >> columns.shift][row % (1 << columns.shift)]
        return records
