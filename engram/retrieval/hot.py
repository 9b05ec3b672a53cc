"""Exact search of the bodies in RAM: the kernel over each page of slots, the answers merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.state.columns import PAGE_ROWS, PAGE_SHIFT, take

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.protocol import KernelBackend
    from engram.state.bodies import HotView

_NOTHING = (np.zeros(0, np.float32), np.zeros(0, np.uint32))


def top_k(
    kernels: KernelBackend,
    hot: HotView,
    query: F32,
    k: int,
    mask: U8 | None,
    cancel: CancelFlag | None = None,
) -> tuple[F32, U32]:
    """Return the best `k` rows as (cosines, rows), best first; ties by row, at the end by slot.

    Args:
        kernels: the backend that scans.
        hot: what is searched.
        query: float32[d], of length 1.
        k: how many at most.
        mask: rows that are candidates as a bitmap, least significant bit first; None for all.
        cancel: stops the search when it is set.
    """
    if not hot.vectors or not hot.count:
        return _NOTHING
    if mask is not None and not hot.slots_are_rows:
        mask = _mask_of_slots(hot, mask)
    pages = range((hot.count + PAGE_ROWS - 1) >> PAGE_SHIFT)
    found = [_page_top_k(kernels, hot, number, query, k, mask, cancel) for number in pages]
    if len(found) == 1 and hot.slots_are_rows:
        return found[0]
    scores = np.concatenate([scores for scores, _ in found])
    slots = np.concatenate([slots for _, slots in found])
    rows = slots if hot.slots_are_rows else take(hot.rows, slots)
    order = np.lexsort((rows, -scores))[:k]
    return scores[order], rows[order]


def _mask_of_slots(hot: HotView, mask: U8) -> U8:
    rows = take(hot.rows, np.arange(hot.count))
    # A slot whose row the mask does not reach is of no candidate.
    inside = rows < np.uint32(min(8 * len(mask), 0xFFFF_FFFF))
    held = mask[np.where(inside, rows >> np.uint32(3), 0)]
    chosen = (held >> (rows & np.uint32(7)).astype(np.uint8) & 1).astype(bool) & inside
    return np.packbits(chosen, bitorder="little")


def _page_top_k(
    kernels: KernelBackend,
    hot: HotView,
    number: int,
    query: F32,
    k: int,
    mask: U8 | None,
    cancel: CancelFlag | None,
) -> tuple[F32, U32]:
    first = number << PAGE_SHIFT
    inside = min(hot.count - first, PAGE_ROWS)
    bits = None if mask is None else mask[first >> 3 : (first + inside + 7) >> 3]
    scores, slots = kernels.top_k_f32(
        query,
        hot.vectors[number][:inside],
        k,
        inv_norms=hot.norms[number][:inside],
        mask=bits,
        cancel=cancel,
    )
    return (scores, slots + np.uint32(first)) if first else (scores, slots)
