"""Records in numpy: a column and page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from engram.kernels.records.arguments import check_gather_records

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.kernels.arrays import U32
    from engram.kernels.records.columns import PagedColumns


class NumpyRecords:
    """Sorts the rows out by page once; memory is that of the rows and the records."""

    def gather_records(self, columns: PagedColumns, rows: U32) -> NDArray[Any]:
        """See `RecordKernels.gather_records`."""
        check_gather_records(columns, rows)
        records = np.zeros(len(rows), columns.dtype)
        numbers, offsets = rows >> columns.shift, rows & np.uint32((1 << columns.shift) - 1)
        inside = [(number, np.flatnonzero(numbers == number)) for number in np.unique(numbers)]
        for name, _, pages, reach in columns.columns:
            for number, places in inside:
                known = places if int(rows.max()) < reach else places[rows[places] < reach]
                if len(known):
                    records[name][known] = pages[number][offsets[known]]
        return records
