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

from engram.kernels.sketches.encoding import rotated
from engram.kernels.sketches.protocol import SketchPart
from engram.retrieval.scan import Wanted, best, scan
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U32
    from engram.kernels.protocol import KernelBackend
    from engram.retrieval.sketch_index import SketchView
    from engram.state.bodies import HotView

# An estimate from signs of a rest r errs by |r| |w| sqrt((pi / 2 - 1) / D): its slope times
# |w| sqrt(1 - 2 / pi). Of 100,000 rows of 384 dimensions the ten nearest were found for these
# shares with 2 such deviations: 0.996 (any direction), 0.991 to 1.000 (a thousand clusters, wide
# to narrow); with 2.5: 0.998 or more.
MARGIN: Final = 2.25 * math.sqrt(1 - 2 / math.pi)

# Of so many groups of rows the best by its bound is scored first: enough that ten of them are near.
_GROUP_ROWS: Final = 128
_FIRST_MIN: Final = 64


def top_k(
    kernels: KernelBackend, bodies: HotView, sketches: SketchView, wanted: Wanted
) -> tuple[F32, U32]:
    """Return the best `k` slots as (cosines, slots), best first, ties by slot.

    Raises:
        KernelCancelled: the flag was set before the search ended.
    """
    reached = min(sketches.reached, bodies.count)
    tail = scan(kernels, bodies, wanted, first=reached)
    bounds = _bounds(kernels, sketches, reached, wanted)
    scored = _Scorer(kernels, bodies, wanted)
    first = _first(bounds, max(_FIRST_MIN, 2 * wanted.sure))
    nearest = scored(first, max(wanted.k, wanted.sure))
    known = np.concatenate([cosines for cosines, _ in (tail, *nearest)])
    bounds[first] = -np.inf  # these are scored
    hopeful = (bounds > _floor(known, wanted.sure)).nonzero()[0].astype(np.uint32)
    sketches.note_scored(len(first) + len(hopeful))
    return best(wanted.k, tail, *nearest, *scored(hopeful, wanted.k))


def _floor(known: F32, sure: int) -> float:
    """Return the `sure`-th best of the cosines that are known, -inf while there are fewer."""
    return float(-np.partition(-known, sure - 1)[sure - 1]) if len(known) >= sure else -math.inf


class _Scorer:
    """Scores slots exactly, page by page."""

    def __init__(self, kernels: KernelBackend, bodies: HotView, wanted: Wanted) -> None:
        self._kernels, self._bodies, self._wanted = kernels, bodies, wanted

    def __call__(self, slots: U32, k: int) -> list[tuple[F32, U32]]:
        """Return the best `k` of ascending slots in each page."""
        found, start = [], 0
        while start < len(slots):
            number = int(slots[start]) >> PAGE_SHIFT
            last = np.uint32((number << PAGE_SHIFT) + PAGE_ROWS - 1)
            end = int(slots.searchsorted(last, side="right"))
            found.append(self._page(number, slots[start:end], k))
            start = end
        return found

    def _page(self, number: int, slots: U32, k: int) -> tuple[F32, U32]:
        first, bodies = np.uint32(number << PAGE_SHIFT), self._bodies
        inside = min(bodies.count - int(first), PAGE_ROWS)
        cosines, found = self._kernels.rerank_f32(
            self._wanted.query,
            bodies.vectors[number][:inside],
            slots - first,
            k,
            inv_norms=bodies.norms[number][:inside],
            cancel=self._wanted.cancel,
        )
        return cosines, found + first


def _bounds(kernels: KernelBackend, sketches: SketchView, reached: int, wanted: Wanted) -> F32:
    """Return float32[reached]: what each slot may come to, -inf for one that is no candidate."""
    turned = rotated(wanted.query)
    seen = turned - sketches.centre
    bias = float(sketches.centre @ turned)
    margin = MARGIN * float(np.linalg.norm(seen))
    bounds = np.empty(sketches.reached, np.float32)
    for number, page in enumerate(sketches.pages):
        first = number << PAGE_SHIFT
        if first >= reached:
            break
        n = page.factors.shape[1]
        mask = None
        if wanted.mask is not None:
            mask = np.zeros((n + 7) // 8, np.uint8)
            given = wanted.mask[first >> 3 :][: len(mask)]
            mask[: len(given)] = given
        part = SketchPart(
            seen, bias, margin, page.signs, page.magnitudes, page.factors, first, mask
        )
        kernels.bound_sketches(part, out=bounds[first : first + n], cancel=wanted.cancel)
    return bounds[:reached]


def _first(bounds: F32, count: int) -> U32:
    """Return about `count` slots whose bounds are the best of their groups, ascending."""
    groups = max(1, min(len(bounds) // 4, max(4 * count, len(bounds) // _GROUP_ROWS)))
    rows = len(bounds) // groups
    # Slots of one group stand far apart: what was stored together falls to different ones.
    table = bounds[: rows * groups].reshape(rows, groups)
    highest = table.max(axis=0)
    if groups > count:
        chosen = np.argpartition(highest, groups - count)[groups - count :]
    else:
        chosen = np.arange(groups)
    slots = table[:, chosen].argmax(axis=0) * groups + chosen
    slots = slots[highest[chosen] > -np.inf]
    slots.sort()
    return np.asarray(slots, np.uint32)
