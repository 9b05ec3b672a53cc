"""Estimates in numpy: products of bits and codes by BLAS in float32, where their sums are exact."""

from __future__ import annotations

from heapq import heappush, heapreplace
from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.codes.numpy_kernels import NumpyCodes
from engram.kernels.codes.protocol import CODE_MAX
from engram.kernels.sketches.arguments import check_bound_sketches, check_top_k_sketches
from engram.kernels.sketches.encoding import BLOCK_ROWS, row_by_row
from engram.kernels.sketches.protocol import COARSE_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32, I64, U8, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.sketches.protocol import SketchPart

_BLOCK_ROWS = 2048
"""Unpacked to float32, 3 MiB of 384 bits."""

_CODES = NumpyCodes()
_Held = list[tuple[float, int]]


class NumpySketches:
    """Blocks of rows, their bits unpacked."""

    def top_k_sketches(
        self, parts: Sequence[SketchPart], k: int, *, cancel: CancelFlag | None = None
    ) -> tuple[F32, U32]:
        """See `SketchKernels.top_k_sketches`."""
        check_top_k_sketches(parts, k)
        held: _Held = []  # a heap of (score, -number): its root is the worst
        with np.errstate(all="ignore"):
            for part in parts:
                _visit(part, k, held, cancel)
        held.sort(key=lambda pair: (-pair[0], -pair[1]))
        scores = np.array([score for score, _ in held], np.float32)
        return scores, np.array([-number for _, number in held], np.uint32)

    def bound_sketches(
        self, part: SketchPart, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """See `SketchKernels.bound_sketches`."""
        check_bound_sketches(part, out)
        query = _Query(part)
        bounds = np.empty(len(part.magnitudes), np.float32) if out is None else out
        bounds[:] = -np.inf
        with np.errstate(all="ignore"):
            for start in range(0, len(bounds), _BLOCK_ROWS):
                if cancel is not None:
                    cancel.check()
                rows = _candidates(part, start)
                bounds[rows] = query.bounds(rows, _signs(part, start)[rows - start])
        return bounds


class _Query:
    """A part's query in codes, and what it makes of the part's rows."""

    def __init__(self, part: SketchPart) -> None:
        quantized, scales = _CODES.quantize_i8(part.query[None])
        self._part = part
        self._codes, self._scale = quantized[0].astype(np.float32), scales[0]
        self._bias, self._margin = np.float32(part.bias), np.float32(part.margin)
        self._coarse = np.rint(self._codes * (np.float32(COARSE_MAX) / np.float32(CODE_MAX)))
        self._coarse_scale = self._scale * (np.float32(CODE_MAX) / np.float32(COARSE_MAX))

    def bounds(self, rows: I64, signs: U8) -> F32:
        """Return what rows may come to, by their signs uint8[m, D / 8]."""
        by_signs, offsets, _ = self._part.factors
        scaled = _products(signs, self._coarse) * self._coarse_scale
        bounds = (scaled + self._margin) * by_signs[rows] + offsets[rows] + self._bias
        return np.asarray(bounds, np.float32)

    def estimates(self, rows: I64, signs: U8) -> F32:
        """Return what rows come to, by both bits."""
        _, offsets, by_levels = self._part.factors
        codes, magnitudes = self._codes, self._part.magnitudes[rows]
        large = 2 * _masked(signs & magnitudes, codes) - _masked(magnitudes, codes)
        scaled = (_products(signs, codes) + 2 * large) * self._scale
        return np.asarray(scaled * by_levels[rows] + offsets[rows] + self._bias, np.float32)


def _visit(part: SketchPart, k: int, held: _Held, cancel: CancelFlag | None) -> None:
    query = _Query(part)
    for start in range(0, len(part.magnitudes), _BLOCK_ROWS):
        if cancel is not None:
            cancel.check()
        rows = _candidates(part, start)
        signs = _signs(part, start)[rows - start]
        bounds = query.bounds(rows, signs)
        if len(held) == k:
            is_hopeful = bounds > held[0][0]
            rows, signs, bounds = rows[is_hopeful], signs[is_hopeful], bounds[is_hopeful]
        if not len(rows):
            continue
        scores = query.estimates(rows, signs)
        numbers = -(rows + part.first)
        _hold(held, k, bounds.tolist(), zip(scores.tolist(), numbers.tolist(), strict=True))


def _candidates(part: SketchPart, start: int) -> I64:
    stop = min(start + _BLOCK_ROWS, len(part.magnitudes))
    if part.mask is None:
        return np.arange(start, stop)
    bits = part.mask[start >> 3 : (stop + 7) >> 3]
    chosen = np.unpackbits(bits, count=stop - start, bitorder="little")
    return np.flatnonzero(chosen) + start


def _signs(part: SketchPart, start: int) -> U8:
    first = start // BLOCK_ROWS
    return row_by_row(part.signs[first : first + _BLOCK_ROWS // BLOCK_ROWS])


def _products(signs: U8, codes: F32) -> F32:
    return np.asarray(2 * _masked(signs, codes) - codes.sum(), np.float32)


def _masked(planes: U8, codes: F32) -> F32:
    """Return float32[n]: the exact sum of the codes that meet a set bit."""
    bits = np.unpackbits(planes, axis=1, bitorder="little")
    return np.asarray(bits.astype(np.float32) @ codes, np.float32)


def _hold(held: _Held, k: int, bounds: list[float], scored: zip[tuple[float, int]]) -> None:
    """Hold rows in order, each against the worst that is held by then."""
    for bound, pair in zip(bounds, scored, strict=True):
        if len(held) < k:
            if pair[0] > -np.inf:
                heappush(held, pair)
        elif bound > held[0][0] and pair > held[0]:
            heapreplace(held, pair)
