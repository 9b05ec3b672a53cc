"""The search by sketches of the Zig library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.nearest.arguments import check_top_k_sketched
from engram.kernels.nearest.protocol import Nearest, first_of, groups_of
from engram.kernels.sketches.zig_kernels import packed
from engram.kernels.status import raise_status
from engram.kernels.zig_library import ZigFamily

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ctypes import CDLL

    from engram.kernels.arrays import F32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.nearest.protocol import SketchedRows

_pack_rows: Final = abi.SCORED_ROWS.pack
_pack_call: Final = abi.SKETCHED_CALL.pack


class ZigNearest(ZigFamily):
    """Calls the library; results are new arrays."""

    def __init__(self, library: CDLL) -> None:
        super().__init__(library)
        self._top_k_sketched = library.engram_top_k_sketched

    def top_k_sketched(
        self,
        query: F32,
        parts: Sequence[SketchedRows],
        k: int,
        *,
        sure: int,
        known: F32 | None = None,
        cancel: CancelFlag | None = None,
    ) -> Nearest:
        """See `NearestKernels.top_k_sketched`."""
        check_top_k_sketched(query, parts, k, sure, known)
        n = sum(len(part.sketches.magnitudes) for part in parts)
        capacity = min(k, n)
        scores, numbers = np.empty(capacity, np.float32), np.empty(capacity, np.uint32)
        if not capacity:
            return Nearest(scores, numbers, 0)
        groups = groups_of(n, sure)
        scratch, scored = np.empty(n + 2 * groups, np.float32), np.zeros(1, np.int64)
        sketches = np.frombuffer(b"".join([packed(part.sketches) for part in parts]), np.uint8)
        of = b"".join([_pack_rows(address(r), address(i), len(r)) for _, r, i in parts])
        rows = np.frombuffer(of, np.uint8)
        count = self._top_k_sketched(
            _pack_call(
                address(query),
                len(query),
                len(parts[0].sketches.query),
                address(sketches),
                address(rows),
                len(parts),
                0 if known is None else address(known),
                0 if known is None else len(known),
                sure,
                first_of(sure),
                groups,
                address(scratch),
                len(scratch),
                address(scores),
                address(numbers),
                capacity,
                address(scored),
                0 if cancel is None else cancel.address,
            )
        )
        if count < capacity:
            raise_status(count)
            scores, numbers = scores[:count].copy(), numbers[:count].copy()
        return Nearest(scores, numbers, int(scored[0]))
