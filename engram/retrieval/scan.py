"""Exact search of the bodies in RAM by a scan: the kernel over each page of slots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from engram.state.columns import PAGE_MASK, PAGE_ROWS, PAGE_SHIFT

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.protocol import KernelBackend
    from engram.state.bodies import HotView

NOTHING: Final = (np.zeros(0, np.float32), np.zeros(0, np.uint32))
_BYTE_BITS: Final = 8


class Wanted(NamedTuple):
    """What is looked for: the `k` nearest, of which the first `sure` should not be missed.

    `query` is a float32[d] of length 1; `mask` a bitmap, least significant bit first, of the slots
    that are candidates, None for all of them.
    """

    query: F32
    k: int
    sure: int
    mask: U8 | None = None
    cancel: CancelFlag | None = None


def scan(
    kernels: KernelBackend, hot: HotView, wanted: Wanted, *, first: int = 0
) -> tuple[F32, U32]:
    """Return the best `k` slots from `first` (a multiple of 8) on as (cosines, slots).

    Best first, ties by slot. KernelCancelled: the flag was set before the search ended.
    """
    found = []
    while first < hot.count:
        number, start = first >> PAGE_SHIFT, first & PAGE_MASK
        end = min(hot.count - (number << PAGE_SHIFT), PAGE_ROWS)
        last = (number << PAGE_SHIFT) + end
        mask = wanted.mask
        scores, slots = kernels.top_k_f32(
            wanted.query,
            hot.vectors[number][start:end],
            wanted.k,
            inv_norms=hot.norms[number][start:end],
            mask=None if mask is None else mask[first // _BYTE_BITS : -(-last // _BYTE_BITS)],
            cancel=wanted.cancel,
        )
        found.append((scores, slots + np.uint32(first) if first else slots))
        first = last
    return best(wanted.k, *found)


def best(k: int, *found: tuple[F32, U32]) -> tuple[F32, U32]:
    """Return the best `k` of several lists that are best first, ties by slot."""
    if len(found) <= 1:
        return found[0] if found else NOTHING
    scores = np.concatenate([each[0] for each in found])
    slots = np.concatenate([each[1] for each in found])
    order = np.lexsort((slots, -scores))[:k]
    return scores[order], slots[order]
