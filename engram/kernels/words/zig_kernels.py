"""The word kernels of the Zig library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.addresses import address
from engram.kernels.status import raise_status
from engram.kernels.words.arguments import check_scores, check_top_k
from engram.kernels.zig_library import HELD_ITEMS_MAX, ZigFamily

if TYPE_CHECKING:
    from ctypes import CDLL

    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.words.columns import WordColumns

_FLOAT32: Final = np.dtype(np.float32)
_UINT32: Final = np.dtype(np.uint32)


class ZigWords(ZigFamily):
    """Calls the library; results are new arrays."""

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        self._bm25_top_k = library.engram_bm25_top_k
        self._bm25_scores = library.engram_bm25_scores
        self._bm25_few = self._held.engram_bm25_scores

    def bm25_top_k(
        self,
        columns: WordColumns,
        terms: U32,
        repeats: U32,
        k: int,
        *,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `WordKernels.bm25_top_k`."""
        check_top_k(columns, terms, repeats, k, mask)
        capacity = min(k, columns.lengths.size)
        scores = np.empty(capacity, _FLOAT32)
        numbers = np.empty(capacity, _UINT32)
        if not capacity:
            return scores, numbers
        count = self._bm25_top_k(
            columns.address,
            address(terms),
            address(repeats),
            terms.size,
            None if mask is None else address(mask),
            0 if mask is None else mask.size,
            address(scores),
            address(numbers),
            capacity,
            None if cancel is None else cancel.address,
        )
        if count == capacity:
            return scores, numbers
        raise_status(count)
        return scores[:count].copy(), numbers[:count].copy()

    def bm25_scores(self, columns: WordColumns, terms: U32, repeats: U32, rows: U32) -> F32:
        """See `WordKernels.bm25_scores`."""
        check_scores(columns, terms, repeats, rows)
        scores = np.empty(rows.size, _FLOAT32)
        bm25_scores = self._bm25_few if rows.size <= HELD_ITEMS_MAX else self._bm25_scores
        status = bm25_scores(
            columns.address,
            address(terms),
            address(repeats),
            terms.size,
            address(rows),
            rows.size,
            address(scores),
        )
        raise_status(status)
        return scores
