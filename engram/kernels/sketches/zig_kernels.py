"""The sketch kernels of the Zig library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.sketches.arguments import check_bound_sketches, check_top_k_sketches
from engram.kernels.status import raise_status
from engram.kernels.zig_library import ZigFamily

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ctypes import CDLL

    from engram.kernels.arrays import F32, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.sketches.protocol import SketchPart

_pack: Final = abi.SKETCH_PART.pack


class ZigSketches(ZigFamily):
    """Calls the library; results are new arrays."""

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        self._top_k_sketches = library.engram_top_k_sketches
        self._bound_sketches = library.engram_bound_sketches

    def top_k_sketches(
        self, parts: Sequence[SketchPart], k: int, *, cancel: CancelFlag | None = None
    ) -> tuple[F32, U32]:
        """See `SketchKernels.top_k_sketches`."""
        check_top_k_sketches(parts, k)
        capacity = min(k, sum(len(part.magnitudes) for part in parts))
        scores = np.empty(capacity, np.float32)
        numbers = np.empty(capacity, np.uint32)
        if not capacity:
            return scores, numbers
        count = self._top_k_sketches(
            b"".join(map(packed, parts)),
            len(parts),
            len(parts[0].query),
            address(scores),
            address(numbers),
            capacity,
            None if cancel is None else cancel.address,
        )
        if count == capacity:
            return scores, numbers
        raise_status(count)
        return scores[:count].copy(), numbers[:count].copy()

    def bound_sketches(
        self, part: SketchPart, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """See `SketchKernels.bound_sketches`."""
        check_bound_sketches(part, out)
        bounds = np.empty(len(part.magnitudes), np.float32) if out is None else out
        status = self._bound_sketches(
            packed(part),
            len(part.query),
            address(bounds),
            None if cancel is None else cancel.address,
        )
        if status:
            raise_status(status)
        return bounds


def packed(part: SketchPart) -> bytes:
    """Return the block the library takes for a part."""
    query, bias, margin, signs, magnitudes, factors, first, mask = part
    return _pack(
        address(query),
        address(signs),
        address(magnitudes),
        address(factors),
        0 if mask is None else address(mask),
        len(magnitudes),
        first,
        bias,
        margin,
        0,
    )
