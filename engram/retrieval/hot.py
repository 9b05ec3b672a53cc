"""Search of the bodies in RAM: a scan of all, or what sketches leave; slots become rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.retrieval import sketched
from engram.retrieval.scan import NOTHING, Wanted, scan
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT, take

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.protocol import KernelBackend
    from engram.retrieval.sketch_index import SketchView
    from engram.state.bodies import HotView


def top_k(
    kernels: KernelBackend,
    hot: HotView,
    wanted: Wanted,
    sketches: SketchView | None = None,
) -> tuple[F32, U32]:
    """Return the best `k` rows as (cosines, rows), best first; ties by row, at the end by slot.

    Without `sketches` all of them are scanned. `wanted.mask` is of rows.
    """
    if not hot.vectors or not hot.count:
        return NOTHING
    if wanted.mask is not None and not hot.slots_are_rows:
        wanted = wanted._replace(mask=mask_of_slots(hot, wanted.mask))
    if sketches is None:
        scores, slots = scan(kernels, hot, wanted)
    else:
        scores, slots = sketched.top_k(kernels, hot, sketches, wanted)
    if hot.slots_are_rows:
        return scores, slots
    rows = take(hot.rows, slots)
    order = np.lexsort((rows, -scores))
    return scores[order], rows[order]


def cosines(kernels: KernelBackend, hot: HotView, query: F32, slots: U32) -> F32:
    """Return float32[m]: the cosine of a unit query with each slot, as a scan gives it; 0 without.

    The rows are scored where they are: copies of a hundred would take as long as their products.
    """
    if not hot.vectors or not len(slots):
        return np.zeros(len(slots), np.float32)
    pages = list(zip(hot.vectors, hot.norms, strict=False))
    last = (hot.count - 1) >> PAGE_SHIFT
    rows, norms = pages[last]
    inside = hot.count - (last << PAGE_SHIFT)
    pages[last:] = [(rows[:inside], norms[:inside])]
    return kernels.similarity_at_f32(query, pages, PAGE_ROWS, slots)


def mask_of_slots(hot: HotView, mask: U8) -> U8:
    """Return the bitmap over slots that a bitmap over rows comes to."""
    rows = take(hot.rows, np.arange(hot.count))
    # A slot whose row the mask does not reach is of no candidate.
    inside = rows < np.uint32(min(8 * len(mask), 0xFFFF_FFFF))
    held = mask[np.where(inside, rows >> np.uint32(3), 0)]
    chosen = (held >> (rows & np.uint32(7)).astype(np.uint8) & 1).astype(bool) & inside
    return np.packbits(chosen, bitorder="little")
