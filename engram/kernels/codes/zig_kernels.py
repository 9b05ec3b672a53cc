"""The kernels over compressed rows of the Zig library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from engram.kernels.addresses import address
from engram.kernels.codes.arguments import (
    check_bit_top_k,
    check_candidates,
    check_float_rows,
    check_rerank,
    check_top_k_bf16,
    check_top_k_f16,
    check_top_k_i8,
)
from engram.kernels.status import raise_status
from engram.kernels.zig_library import HELD_ITEMS_MAX, ZigFamily

if TYPE_CHECKING:
    from collections.abc import Callable
    from ctypes import CDLL

    from numpy.typing import NDArray

    from engram.kernels.arrays import F16, F32, I8, U8, U16, U32
    from engram.kernels.cancel import CancelFlag

_FLOAT32: Final = np.dtype(np.float32)
_INT8: Final = np.dtype(np.int8)
_UINT8: Final = np.dtype(np.uint8)
_UINT16: Final = np.dtype(np.uint16)
_UINT32: Final = np.dtype(np.uint32)


class ZigCodes(ZigFamily):
    """Calls the library; results are new arrays."""

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        self._top_k_f16 = library.engram_top_k_f16
        self._top_k_bf16 = library.engram_top_k_bf16
        self._to_bf16 = library.engram_to_bf16
        self._quantize_i8 = library.engram_quantize_i8
        self._top_k_i8 = library.engram_top_k_i8
        self._rerank_f32 = library.engram_rerank_f32
        self._rerank_few = self._held.engram_rerank_f32
        self._quantize_bits = library.engram_quantize_bits
        self._bit_top_k = library.engram_bit_top_k

    def top_k_f16(
        self,
        query: F32,
        rows: F16,
        k: int,
        *,
        inv_norms: F32 | None = None,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `CodeKernels.top_k_f16`."""
        check_top_k_f16(query, rows, k, inv_norms, mask)
        return self._scanned(self._top_k_f16, query, rows, inv_norms, k, mask, cancel)

    def top_k_bf16(
        self,
        query: F32,
        rows: U16,
        k: int,
        *,
        inv_norms: F32 | None = None,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `CodeKernels.top_k_bf16`."""
        check_top_k_bf16(query, rows, k, inv_norms, mask)
        return self._scanned(self._top_k_bf16, query, rows, inv_norms, k, mask, cancel)

    def to_bf16(self, rows: F32, *, cancel: CancelFlag | None = None) -> U16:
        """See `CodeKernels.to_bf16`."""
        check_float_rows(rows)
        halves = np.empty(rows.shape, _UINT16)
        flag = None if cancel is None else cancel.address
        raise_status(self._to_bf16(address(rows), rows.size, address(halves), flag))
        return halves

    def quantize_i8(self, rows: F32, *, cancel: CancelFlag | None = None) -> tuple[I8, F32]:
        """See `CodeKernels.quantize_i8`."""
        check_float_rows(rows)
        n, d = rows.shape
        codes = np.empty((n, d), _INT8)
        scales = np.empty(n, _FLOAT32)
        flag = None if cancel is None else cancel.address
        raise_status(self._quantize_i8(address(rows), n, d, address(codes), address(scales), flag))
        return codes, scales

    def top_k_i8(
        self,
        query: F32,
        codes: I8,
        scales: F32,
        k: int,
        *,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `CodeKernels.top_k_i8`."""
        check_top_k_i8(query, codes, scales, k, mask)
        return self._scanned(self._top_k_i8, query, codes, scales, k, mask, cancel)

    def rerank_f32(
        self,
        query: F32,
        rows: F32,
        candidates: U32,
        k: int,
        *,
        inv_norms: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[F32, U32]:
        """See `CodeKernels.rerank_f32`."""
        check_rerank(query, rows, candidates, k, inv_norms)
        capacity = min(k, len(candidates))
        scores = np.empty(capacity, _FLOAT32)
        numbers = np.empty(capacity, _UINT32)
        n, d = rows.shape
        rerank = self._rerank_few if len(candidates) <= HELD_ITEMS_MAX else self._rerank_f32
        count = rerank(
            address(query),
            d,
            address(rows),
            n,
            None if inv_norms is None else address(inv_norms),
            address(candidates),
            len(candidates),
            address(scores),
            address(numbers),
            capacity,
            None if cancel is None else cancel.address,
        )
        if count == capacity:
            return scores, numbers
        check_candidates(candidates, n)
        raise_status(count)
        return scores[:count].copy(), numbers[:count].copy()

    def quantize_bits(self, rows: F32, *, cancel: CancelFlag | None = None) -> U8:
        """See `CodeKernels.quantize_bits`."""
        check_float_rows(rows)
        n, d = rows.shape
        bits = np.empty((n, (d + 7) // 8), _UINT8)
        flag = None if cancel is None else cancel.address
        raise_status(self._quantize_bits(address(rows), n, d, address(bits), flag))
        return bits

    def bit_top_k(
        self,
        query_bits: U8,
        codes: U8,
        k: int,
        *,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[U32, U32]:
        """See `CodeKernels.bit_top_k`."""
        check_bit_top_k(query_bits, codes, k, mask)
        n, row_bytes = codes.shape
        capacity = min(k, n)
        distances = np.empty(capacity, _UINT32)
        numbers = np.empty(capacity, _UINT32)
        count = self._bit_top_k(
            address(query_bits),
            row_bytes,
            address(codes),
            n,
            None if mask is None else address(mask),
            address(distances),
            address(numbers),
            capacity,
            None if cancel is None else cancel.address,
        )
        if count == capacity:
            return distances, numbers
        raise_status(count)
        return distances[:count].copy(), numbers[:count].copy()

    def _scanned(
        self,
        scan: Callable[..., int],
        query: F32,
        rows: NDArray[Any],
        factors: F32 | None,
        k: int,
        mask: U8 | None,
        cancel: CancelFlag | None,
    ) -> tuple[F32, U32]:
        """Return what a scan with a factor a row finds; its arguments are checked."""
        n, d = rows.shape
        capacity = min(k, n)
        scores = np.empty(capacity, _FLOAT32)
        numbers = np.empty(capacity, _UINT32)
        count = scan(
            address(query),
            d,
            address(rows),
            n,
            None if factors is None else address(factors),
            None if mask is None else address(mask),
            address(scores),
            address(numbers),
            capacity,
            None if cancel is None else cancel.address,
        )
        if count == capacity:
            return scores, numbers
        raise_status(count)
        return scores[:count].copy(), numbers[:count].copy()
