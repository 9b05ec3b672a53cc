"""The records kernel of the Zig library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.records.arguments import check_gather_records
from engram.kernels.status import raise_status
from engram.kernels.zig_library import HELD_ITEMS_MAX, ZigFamily

if TYPE_CHECKING:
    from ctypes import CDLL

    from numpy.typing import NDArray

    from engram.kernels.arrays import U32
    from engram.kernels.records.columns import PagedColumns

_pack: Final = abi.GATHER_CALL.pack


class ZigRecords(ZigFamily):
    """Calls the library; results are new arrays."""

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        self._gather = library.engram_gather_records
        self._gather_few = self._held.engram_gather_records

    def gather_records(self, columns: PagedColumns, rows: U32) -> NDArray[Any]:
        """See `RecordKernels.gather_records`."""
        check_gather_records(columns, rows)
        m = len(rows)
        records = np.empty(m, columns.dtype)
        gather = self._gather_few if m <= HELD_ITEMS_MAX else self._gather
        status = gather(
            _pack(
                columns.block,
                len(columns.fields),
                columns.shift,
                address(rows),
                m,
                address(records),
            )
        )
        if status:
            raise_status(status)
        return records
