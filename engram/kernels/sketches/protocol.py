"""What the estimate of cosines from sketches promises.

With `codes` and `scale` a part's query quantised as `quantize_i8` does, and coarse codes those in
steps of 127 / 15, to nearest, a row has, each step rounded to float32,

    bound    = (signs . coarse codes * coarse scale + margin) * factors[0] + factors[1] + bias
    estimate = levels . codes * scale * factors[2] + factors[1] + bias

where the coarse scale is `scale * (127 / 15)`, a sign is 1 or -1 and a level three times that where
the second bit is set. Products with codes are exact integers.

Rule 1: rows are visited in order. One whose bound is not above the lowest estimate held, while k
        are held, is passed over; so is one whose estimate is -inf or NaN. The others are held by
        their estimates, the best k of them.
Rule 2: everything is exact: scores and rows are the same bits in every backend.
Rule 3: best first; equal scores by lower number.
Rule 4: this is a first pass. Who wants the k nearest asks for many more and scores those again, or
        all those whose bounds come above the k-th best score that is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag

PLANE_BITS_MAX: Final = 2**12
"""A sum of so many coarse codes, counted from the least, fits 16 bits."""

COARSE_MAX: Final = 15
"""Four coarse codes, looked up together, add up to at most 60; four of those fit a byte."""

PLANE_WORD_BITS: Final = 64
"""A plane is whole words of so many bits."""


class SketchPart(NamedTuple):
    """The sketches of n rows with one centre, D bits a plane, and the query as seen from there."""

    query: F32
    """float32[D]: the turned query less the centre."""
    bias: float
    """A float32 added to every estimate: the product of the centre with the turned query."""
    margin: float
    """A float32 added to a product with signs: how far below the truth it is believed to be."""
    signs: U8
    """uint8[ceil(n / 64), D / 8, 64], as `encode_sketches` makes it, and so are the next two."""
    magnitudes: U8
    """uint8[n, D / 8]."""
    factors: F32
    """float32[3, n]."""
    first: int
    """The number of the first row; `first + n` is at most 2**32."""
    mask: U8 | None = None
    """uint8[ceil(n / 8)], least significant bit first: rows whose bit is set, None for all."""


class SketchKernels(Protocol):
    """Kernels over sketches."""

    def top_k_sketches(
        self, parts: Sequence[SketchPart], k: int, *, cancel: CancelFlag | None = None
    ) -> tuple[F32, U32]:
        """Return the best rows of all parts by their estimates as (estimates, numbers).

        Args:
            parts: what is searched, of one D, in ascending order of their numbers.
            k: how many at most, 1 or more.
            cancel: stops the scan when it is set.

        Returns:
            float32[m] estimates, best first, and uint32[m] row numbers; both new.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the scan ended.
            ArenaExhausted: the Zig backend's arena has no five bytes a bit for the query.
        """

    def bound_sketches(
        self, part: SketchPart, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """Return float32[n]: the bound of each row of a part, -inf where the mask leaves it out.

        They are written to `out` where one is given. The second bits are not looked at. `first`
        does not count. Every bound is the same bits in
        every backend; NaN where the formula gives it.

        Raises:
            InvalidRequest: an argument has another type, dtype, shape or layout.
            KernelCancelled: `cancel` was set before the scan ended.
            ArenaExhausted: the Zig backend's arena has no five bytes a bit for the query.
        """
