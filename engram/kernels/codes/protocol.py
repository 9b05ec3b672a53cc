"""What the kernels over compressed rows promise.

Rule 1: scores of 16-bit rows lie as near to the reference as those of the float32 rows they stand
        for (`engram.kernels.vectors.protocol`). Everything else here is exact: codes, scales,
        bits, distances and the scores of int8 codes are the same bits in every backend.
Rule 2: best first; equal scores by lower row; NaN last, then by row. Equal rows get equal scores,
        wherever in the matrix they stand.
Rule 3: these are first passes. A caller who wants the float32 order asks for more than k rows and
        scores those again in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engram.kernels.arrays import F16, F32, I8, U8, U16, U32
    from engram.kernels.cancel import CancelFlag

MAGNITUDE_MIN = 2.0**-100
"""A row without an element this large has int8 codes of zero, as a row that short has no norm."""

CODE_MAX = 127
"""Codes are symmetric around zero: -128 is never made."""

I8_DIMENSIONS_MAX = 2**17
"""The dot product of so many codes always fits int32."""

BIT_ROW_BYTES_MAX = 2**21
"""A Hamming distance of so many bytes is exact as a float32, in which kernels compare."""

F32_INFINITY_BITS = 0x7F80_0000
"""Bits of a float32 infinity; without the sign, larger ones are those of NaN."""

BF16_QUIET_BIT = 0x40
"""Set in a NaN so that it stays one when its lower half is dropped."""


class CodeKernels(Protocol):
    """Kernels over rows of 16-bit floats, int8 codes and bits."""

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
        """Return what `top_k_f32` returns for the rows widened to float32.

        Args:
            query: float32[d].
            rows: float16[n, d], 1 <= d, n < 2**32.
            k: how many at most, 1 or more.
            inv_norms: float32[n], a factor for each row's score, as `normalize_f32` returns it.
            mask: uint8[ceil(n / 8)], least significant bit first; a set bit makes the row a
                candidate. Bits past n are ignored.
            cancel: stops the scan when it is set.

        Returns:
            float32[m] scores, best first, and uint32[m] row numbers; both new.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the scan ended.
        """

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
        """Return what `top_k_f32` returns for rows of bfloat16, widened to float32.

        `rows` is uint16[n, d] as `to_bf16` returns it: the upper halves of float32 numbers. All
        else as for `top_k_f16`.
        """

    def to_bf16(self, rows: F32, *, cancel: CancelFlag | None = None) -> U16:
        """Return uint16[n, d]: float32[n, d] rounded to bfloat16, to nearest, halves to even.

        Numbers past the largest bfloat16 become infinity. A NaN stays one: its upper half, quiet.

        Raises:
            InvalidRequest: `rows` has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the end.
        """

    def quantize_i8(self, rows: F32, *, cancel: CancelFlag | None = None) -> tuple[I8, F32]:
        """Return int8[n, d] codes and float32[n] scales: symmetric, one scale a row.

        With `largest` the largest magnitude of a row, its scale is `largest / 127` and a code is
        `x * (127 / largest)` rounded to an integer, halves to even; each operation in float32, so
        that every backend gives the same bits. A row without an element as large as
        `MAGNITUDE_MIN` has codes 0 and scale 0; one that holds NaN or infinity has codes 0 and
        scale NaN, so that it ranks last.

        Raises:
            InvalidRequest: `rows` has another type, dtype, shape or layout, or no dimension.
            KernelCancelled: `cancel` was set before the end.
        """

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
        """Return the best `min(k, candidates)` rows of int8 codes as (scores, rows).

        The query is quantised as `quantize_i8` does. A row's score is the exact integer dot product
        of codes, times the row's scale, times the query's scale: in that order in float64, rounded
        once to float32. For cosines of rows that are not unit pass `scales * inv_norms`.

        Args:
            query: float32[d].
            codes: int8[n, d], 1 <= d <= `I8_DIMENSIONS_MAX`, n < 2**32.
            scales: float32[n], a factor for each row's score.
            k: how many at most, 1 or more.
            mask: uint8[ceil(n / 8)], least significant bit first; a set bit makes the row a
                candidate. Bits past n are ignored.
            cancel: stops the scan when it is set.

        Returns:
            float32[m] scores, best first, and uint32[m] row numbers; both new.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the scan ended.
            ArenaExhausted: the Zig backend's arena has no d bytes for the query's codes.
        """

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
        """Return the best `min(k, m)` of some rows by their float32 scores as (scores, rows).

        A score is to the last bit the one that `top_k_f32` of the same backend gives the row.

        Args:
            query: float32[d].
            rows: float32[n, d], 1 <= d, n < 2**32.
            candidates: uint32[m] row numbers below n, in any order, such as a first pass returns;
                one that stands there twice is listed twice.
            k: how many at most, 1 or more.
            inv_norms: float32[n], a factor for each row's score, as `normalize_f32` returns it.
            cancel: stops the work when it is set.

        Returns:
            float32[min(k, m)] scores, best first, and uint32[min(k, m)] row numbers; both new.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout, or a candidate is
                no row.
            KernelCancelled: `cancel` was set before the end.
        """

    def quantize_bits(self, rows: F32, *, cancel: CancelFlag | None = None) -> U8:
        """Return uint8[n, ceil(d / 8)]: for each element whether it is greater than zero.

        Least significant bit first, as `np.packbits` with `bitorder="little"`; what is left of the
        last byte is zero. NaN is not greater than zero.

        Raises:
            InvalidRequest: `rows` has another type, dtype, shape or layout, or no dimension.
            KernelCancelled: `cancel` was set before the end.
        """

    def bit_top_k(
        self,
        query_bits: U8,
        codes: U8,
        k: int,
        *,
        mask: U8 | None = None,
        cancel: CancelFlag | None = None,
    ) -> tuple[U32, U32]:
        """Return the nearest `min(k, candidates)` rows by Hamming distance as (distances, rows).

        Args:
            query_bits: uint8[b].
            codes: uint8[n, b] as `quantize_bits` returns it, 1 <= b <= `BIT_ROW_BYTES_MAX`,
                n < 2**32.
            k: how many at most, 1 or more.
            mask: uint8[ceil(n / 8)], least significant bit first; a set bit makes the row a
                candidate. Bits past n are ignored.
            cancel: stops the scan when it is set.

        Returns:
            uint32[m] distances in bits, smallest first, and uint32[m] row numbers; both new.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the scan ended.
        """
