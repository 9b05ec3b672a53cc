"""What the vector kernels promise.

Rule 1: a score lies within 1e-6 of the reference for unit rows up to 1,024 dimensions
        (4 eps sqrt(d) beyond), and within 1e-6 times the sum of |x y| for inner products. Where
        that sum leaves float32's range nothing is promised but a return.
Rule 2: best first; equal scores by lower row; NaN last, then by row. Equal rows get equal scores,
        wherever in the matrix they stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag

ROW_NORM_MIN = 2.0**-100
"""Shorter rows count as zero rows: products with a query's elements would be denormal numbers."""

ROW_NORM_MAX = (2.0 - 2.0**-23) * 2.0**127
"""Longer rows (float32's largest number) have no score: a dot product with them may overflow."""


Page: TypeAlias = "tuple[F32, F32]"
"""float32[n, d] rows and float32[n], their inverse norms as `normalize_f32` returns them."""


class VectorKernels(Protocol):
    """Kernels over rows of float32."""

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
        """Return the best `min(k, candidates)` rows for a query as (scores, rows).

        The score of a row is `dot(query, row) * inv_norms[row]`: with a unit query the cosine.
        Without `inv_norms` it is the inner product.

        Args:
            query: float32[d].
            rows: float32[n, d], 1 <= d, n < 2**32.
            k: how many at most, 1 or more.
            inv_norms: float32[n] as `normalize_f32` returns it.
            mask: uint8[ceil(n / 8)], least significant bit first (`np.packbits` with
                `bitorder="little"`); a set bit makes the row a candidate. Bits past n are ignored.
            cancel: stops the scan when it is set.

        Returns:
            float32[m] scores, best first, and uint32[m] row numbers; both new.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the scan ended.
        """

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
        """Return the best `m = min(k, candidates)` rows for each query as (scores, rows).

        One pass over the rows serves all queries. Each query gets what `top_k_f32` gives it, to
        the last bit in the Zig backend.

        Args:
            queries: float32[q, d].
            rows: float32[n, d], 1 <= d, n < 2**32.
            k: how many at most a query, 1 or more.
            inv_norms: float32[n] as `normalize_f32` returns it.
            mask: uint8[ceil(n / 8)], as for `top_k_f32`; the same for every query.
            cancel: stops the scan when it is set.

        Returns:
            float32[q, m] scores, best first, and uint32[q, m] row numbers; both new. Without a
            query both are of shape (0, 0).

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the scan ended.
        """

    def similarity_f32(
        self,
        query: F32,
        rows: F32,
        *,
        inv_norms: F32 | None = None,
        out: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> F32:
        """Return float32[n]: the score `top_k_f32` gives each row.

        Args:
            query: float32[d].
            rows: float32[n, d], 1 <= d, n < 2**32.
            inv_norms: float32[n] as `normalize_f32` returns it.
            out: float32[n] to write to and return; a new array without it. It must not share
                memory with the other arguments. A call that is cancelled leaves it partly written.
            cancel: stops the scan when it is set.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the scan ended.
        """

    def similarity_at_f32(
        self, query: F32, pages: Sequence[Page], page_rows: int, numbers: U32
    ) -> F32:
        """Return float32[m]: the score `top_k_f32` gives each of some rows, wherever they stand.

        Args:
            query: float32[d].
            pages: rows of one d with their inverse norms; all but the last have `page_rows`.
            page_rows: 1 or more.
            numbers: uint32[m], row `number % page_rows` of page `number // page_rows` each, in any
                order.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout, or a number is in
                no page.
        """

    def normalize_f32(self, rows: F32) -> F32:
        """Return float32[n]: for each row of float32[n, d] one over its Euclidean norm.

        Summed in float64 (no overflow). A zero row, and one shorter than `ROW_NORM_MIN`, gets 0,
        so that it scores 0 against everything. A row with NaN or infinity in it, and one longer
        than `ROW_NORM_MAX`, gets NaN, so that it ranks last.

        Raises:
            InvalidRequest: `rows` has another type, dtype, shape or layout.
        """
