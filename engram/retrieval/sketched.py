"""Search of the bodies in RAM by their sketches: bounds of all of them, then float32 rows decide.

Rule 1: the bound of a row is what its signs make of it and MARGIN deviations more. Every row whose
        bound comes above the `sure`-th best cosine known so far is scored exactly; so a row is
        missed only if its signs made too little of it by that much.
Rule 2: the cosine of a row is the number that a scan of float32 rows gives it.
Rule 3: what the sketches have not reached is scanned.

How many rows are scored depends on the data: of 100,000 rows in a thousand clusters some hundred,
of 100,000 that point anywhere some 6,000.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.nearest.protocol import SketchedRows
from engram.kernels.sketches.encoding import turning
from engram.kernels.sketches.protocol import SketchPart
from engram.retrieval.scan import NOTHING, Wanted, best, scan
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U8, U32
    from engram.kernels.protocol import KernelBackend
    from engram.retrieval.sketch_index import SketchView
    from engram.state.bodies import HotView

# An estimate from signs of a rest r errs by |r| |w| sqrt((pi / 2 - 1) / D): its slope times
# |w| sqrt(1 - 2 / pi). Of 100,000 rows of 384 dimensions the ten nearest were found for these
# shares with 2 such deviations: 0.996 (any direction), 0.991 to 1.000 (a thousand clusters, wide
# to narrow); with 2.5: 0.998 or more.
MARGIN: Final = 2.25 * math.sqrt(1 - 2 / math.pi)


def top_k(
    kernels: KernelBackend, bodies: HotView, sketches: SketchView, wanted: Wanted
) -> tuple[F32, U32]:
    """Return the best `k` slots as (cosines, slots), best first, ties by slot.

    Raises:
        KernelCancelled: the flag was set before the search ended.
    """
    reached = min(sketches.reached, bodies.count)
    tail = scan(kernels, bodies, wanted, first=reached) if reached < bodies.count else NOTHING
    cosines, slots, scored_count = kernels.top_k_sketched(
        wanted.query,
        _parts(kernels, bodies, sketches, wanted),
        wanted.k,
        sure=wanted.sure,
        known=tail[0],
        cancel=wanted.cancel,
    )
    sketches.note_scored(scored_count)
    # Of equal ones the tail's come last, and most often none is as near as the last one found.
    is_full = len(cosines) == wanted.k
    if not len(tail[0]) or (is_full and tail[0].item(0) <= cosines.item(-1)):
        return cosines, slots
    return best(wanted.k, tail, (cosines, slots))


def _parts(
    kernels: KernelBackend, bodies: HotView, sketches: SketchView, wanted: Wanted
) -> list[SketchedRows]:
    """Return what is searched of each page, and the query as it looks from the centre."""
    turned = kernels.similarity_f32(wanted.query, turning(len(wanted.query)))
    seen = turned - sketches.centre
    bias = float(sketches.centre @ turned)
    margin = MARGIN * math.sqrt(float(seen @ seen))
    parts = []
    for number, page in enumerate(sketches.pages):
        first = number << PAGE_SHIFT
        if first >= bodies.count:
            break
        n = page.factors.shape[1]
        mask = None if wanted.mask is None else _mask(wanted.mask, first, n)
        part = SketchPart(
            seen, bias, margin, page.signs, page.magnitudes, page.factors, first, mask
        )
        inside = min(bodies.count - first, PAGE_ROWS)
        rows, norms = bodies.vectors[number][:inside], bodies.norms[number][:inside]
        parts.append(SketchedRows(part, rows, norms))
    return parts


def _mask(mask: U8, first: int, rows_count: int) -> U8:
    """Return the bitmap of so many slots; those that a mask does not reach are none of its own."""
    own = np.zeros((rows_count + 7) // 8, np.uint8)
    given = mask[first >> 3 :][: len(own)]
    own[: len(given)] = given
    return own
