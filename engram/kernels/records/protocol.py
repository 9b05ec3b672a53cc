"""What the records kernel promises.

Rule 1: a value is copied bit by bit; backends agree exactly.
Rule 2: a column that does not reach a row has 0 there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engram.kernels.arrays import U32
    from engram.kernels.records.columns import PagedColumns


class RecordKernels(Protocol):
    """Gathers records."""

    def gather_records(self, columns: PagedColumns, rows: U32) -> NDArray[Any]:
        """Return what the columns hold of each of m rows, in their order; a row may come again.

        Args:
            columns: n of them, prepared once for any number of calls.
            rows: uint32[m].

        Returns:
            records[m] of `columns.dtype`, new: a field a column. Their `tolist` is a tuple a row.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
        """
