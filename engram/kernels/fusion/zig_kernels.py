"""Score fusion of the Zig library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.addresses import address
from engram.kernels.fusion.arguments import check_score_fuse
from engram.kernels.status import raise_status
from engram.kernels.zig_library import HELD_ITEMS_MAX, ZigFamily

if TYPE_CHECKING:
    from ctypes import CDLL

    from engram.kernels.arrays import F32, U32

_FLOAT32: Final = np.dtype(np.float32)
_UINT32: Final = np.dtype(np.uint32)


class ZigFusion(ZigFamily):
    """Calls the library; results are new arrays."""

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        self._score_fuse = library.engram_score_fuse
        self._score_few = self._held.engram_score_fuse

    def score_fuse(self, parts: F32, weights: F32, floors: F32, k: int) -> tuple[U32, F32]:
        """See `FusionKernels.score_fuse`."""
        check_score_fuse(parts, weights, floors, k)
        p, n = parts.shape
        capacity = min(k, n)
        scores = np.empty(capacity, _FLOAT32)
        order = np.empty(capacity, _UINT32)
        score_fuse = self._score_few if n <= HELD_ITEMS_MAX else self._score_fuse
        count = score_fuse(
            address(parts),
            p,
            len(floors),
            n,
            address(weights),
            address(floors),
            address(scores),
            address(order),
            capacity,
        )
        if count == capacity:
            return order, scores
        raise_status(count)
        return order[:count].copy(), scores[:count].copy()
