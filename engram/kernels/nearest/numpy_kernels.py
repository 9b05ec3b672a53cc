"""The search by sketches in numpy: the bounds of all rows in one column."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.codes.numpy_kernels import NumpyCodes
from engram.kernels.nearest.arguments import check_top_k_sketched
from engram.kernels.nearest.protocol import Nearest, first_of, groups_of
from engram.kernels.sketches.numpy_kernels import NumpySketches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32, I64, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.nearest.protocol import SketchedRows

_CODES = NumpyCodes()
_SKETCHES = NumpySketches()


class NumpyNearest:
    """Memory is four bytes a row."""

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
        bounds = np.empty(sum(len(part.sketches.magnitudes) for part in parts), np.float32)
        begin = 0
        for part in parts:
            own = bounds[begin : begin + len(part.sketches.magnitudes)]
            _SKETCHES.bound_sketches(part.sketches, out=own, cancel=cancel)
            own[len(part.rows) :] = -np.inf
            begin += len(own)
        if not len(bounds):
            return Nearest(np.empty(0, np.float32), np.empty(0, np.uint32), 0)
        np.copyto(bounds, -np.inf, where=np.isnan(bounds))
        first = _first(bounds, groups_of(len(bounds), sure), first_of(sure))
        scores, numbers = _scored(query, parts, first, cancel)
        bounds[first] = -np.inf  # these are scored
        others = () if known is None else (known,)
        floor = _floor(np.concatenate((scores, *others)), sure)
        more_scores, more = _scored(query, parts, np.flatnonzero(bounds > floor), cancel)
        scores, numbers = np.concatenate((scores, more_scores)), np.concatenate((numbers, more))
        best = np.lexsort((numbers, -scores))[:k]
        return Nearest(scores[best], numbers[best], len(scores))


def _first(bounds: F32, groups: int, count: int) -> I64:
    """Return where the highest bounds of the best groups stand, ascending."""
    rounds = len(bounds) // groups
    table = bounds[: rounds * groups].reshape(rounds, groups)
    highest = table.max(axis=0)
    chosen = np.argsort(-highest, kind="stable")[:count]
    chosen = chosen[highest[chosen] > -np.inf]
    return np.asarray(np.sort(table[:, chosen].argmax(axis=0) * groups + chosen), np.int64)


def _floor(scores: F32, sure: int) -> float:
    """Return the `sure`-th best, -inf while there are fewer."""
    if len(scores) < sure:
        return -math.inf
    floor = float(np.sort(-scores)[sure - 1])  # NaN last
    return -math.inf if math.isnan(floor) else -floor


def _scored(
    query: F32, parts: Sequence[SketchedRows], places: I64, cancel: CancelFlag | None
) -> tuple[F32, U32]:
    """Return the scores and numbers of ascending places, part by part."""
    scores, numbers = [np.empty(0, np.float32)], [np.empty(0, np.uint32)]
    begin = 0
    for part in parts:
        end = begin + len(part.sketches.magnitudes)
        inside = places[(places >= begin) & (places < end)] - begin
        if len(inside):
            found, rows = _CODES.rerank_f32(
                query,
                part.rows,
                inside.astype(np.uint32),
                len(inside),
                inv_norms=part.inv_norms,
                cancel=cancel,
            )
            scores.append(found)
            numbers.append(rows + np.uint32(part.sketches.first))
        begin = end
    return np.concatenate(scores), np.concatenate(numbers)
