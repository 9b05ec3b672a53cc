"""The vector kernels of the Zig library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.status import raise_status
from engram.kernels.vectors.arguments import (
    are_common,
    check_rows,
    check_similarity,
    check_similarity_at,
    check_top_k,
    check_top_k_many,
    refuse_numbers,
)
from engram.kernels.zig_library import HELD_ITEMS_MAX, ZigFamily

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ctypes import CDLL

    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.vectors.protocol import Page

_FLOAT32: Final = np.dtype(np.float32)
_UINT32: Final = np.dtype(np.uint32)
_empty: Final = np.empty
_pack: Final = abi.TOP_CALL.pack
_pack_page: Final = abi.SCORED_ROWS.pack
_pack_at: Final = abi.SIMILARITY_AT_CALL.pack


class ZigVectors(ZigFamily):
    """Calls the library; results are new arrays."""

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        self._top_k_f32 = library.engram_top_k_f32_call
        self._top_k_many_f32 = library.engram_top_k_many_f32
        self._similarity_f32 = library.engram_similarity_f32
        self._similarity_at = library.engram_similarity_at_f32
        self._similarity_few = self._held.engram_similarity_at_f32
        self._normalize_f32 = library.engram_normalize_f32

    def top_k_f32(
        self,
        query: F32,
        rows: F32,
        k: int,
        *,
        inv_norms: F32 | None = None,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `VectorKernels.top_k_f32`."""
        if not (are_common(query, 1, rows, inv_norms, mask) and type(k) is int and k >= 1):
            check_top_k(query, rows, k, inv_norms, mask)
        n, d = rows.shape
        capacity = k if k < n else n  # noqa: FURB136 - min() would be the slowest word here
        scores = _empty(capacity, _FLOAT32)
        numbers = _empty(capacity, _UINT32)
        count = self._top_k_f32(
            _pack(
                address(query),
                d,
                address(rows),
                n,
                0 if inv_norms is None else address(inv_norms),
                0 if mask is None else address(mask),
                address(scores),
                address(numbers),
                capacity,
                0 if cancel is None else cancel.address,
            )
        )
        if count == capacity:
            return scores, numbers
        raise_status(count)
        return scores[:count].copy(), numbers[:count].copy()

    def top_k_many_f32(
        self,
        queries: F32,
        rows: F32,
        k: int,
        *,
        inv_norms: F32 | None = None,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `VectorKernels.top_k_many_f32`."""
        check_top_k_many(queries, rows, k, inv_norms, mask)
        n, d = rows.shape
        queries_count = len(queries)
        capacity = min(k, n)
        scores = np.empty((queries_count, capacity), _FLOAT32)
        numbers = np.empty((queries_count, capacity), _UINT32)
        count = self._top_k_many_f32(
            address(queries),
            queries_count,
            d,
            address(rows),
            n,
            None if inv_norms is None else address(inv_norms),
            None if mask is None else address(mask),
            address(scores),
            address(numbers),
            capacity,
            None if cancel is None else cancel.address,
        )
        if count == capacity:
            return scores, numbers
        raise_status(count)
        return scores[:, :count].copy(), numbers[:, :count].copy()

    def similarity_f32(
        self,
        query: F32,
        rows: F32,
        *,
        inv_norms: F32 | None = None,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """See `VectorKernels.similarity_f32`."""
        check_similarity(query, rows, inv_norms, out)
        n, d = rows.shape
        scores = np.empty(n, _FLOAT32) if out is None else out
        status = self._similarity_f32(
            address(query),
            d,
            address(rows),
            n,
            None if inv_norms is None else address(inv_norms),
            address(scores),
            None if cancel is None else cancel.address,
        )
        if status:
            raise_status(status)
        return scores

    def similarity_at_f32(
        self, query: F32, pages: Sequence[Page], page_rows: int, numbers: U32
    ) -> F32:
        """See `VectorKernels.similarity_at_f32`."""
        check_similarity_at(query, pages, page_rows, numbers)
        scores = np.empty(len(numbers), _FLOAT32)
        of = b"".join(
            [_pack_page(address(rows), address(norms), len(rows)) for rows, norms in pages]
        )
        held = np.frombuffer(of, np.uint8)
        score = self._similarity_few if len(numbers) <= HELD_ITEMS_MAX else self._similarity_at
        status = score(
            _pack_at(
                address(query),
                len(query),
                address(held),
                len(pages),
                page_rows,
                address(numbers),
                len(numbers),
                address(scores),
            )
        )
        if status:
            refuse_numbers(pages, numbers)
            raise_status(status)
        return scores

    def normalize_f32(self, rows: F32) -> F32:
        """See `VectorKernels.normalize_f32`."""
        check_rows(rows)
        n, d = rows.shape
        inv_norms = np.empty(n, _FLOAT32)
        raise_status(self._normalize_f32(address(rows), n, d, address(inv_norms)))
        return inv_norms
