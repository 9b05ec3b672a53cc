"""Estimates in numpy: products of bits and codes by BLAS in float32, where their sums are exact."""

from __future__ import annotations

from heapq import heappush, heapreplace
from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.codes.numpy_kernels import NumpyCodes
from engram.kernels.codes.protocol import CODE_MAX
from engram.kernels.sketches.arguments import check_top_k_sketches
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


def _visit(part: SketchPart, k: int, held: _Held, cancel: CancelFlag | None) -> None:
    quantized, scales = _CODES.quantize_i8(part.query[None])
    codes, scale = quantized[0].astype(np.float32), scales[0]
    bias, margin = np.float32(part.bias), np.float32(part.margin)
    by_signs, offsets, by_levels = part.factors
    coarse = np.rint(codes * (np.float32(COARSE_MAX) / np.float32(CODE_MAX)))
    coarse_scale = scale * (np.float32(CODE_MAX) / np.float32(COARSE_MAX))
    for start in range(0, len(part.magnitudes), _BLOCK_ROWS):
        if cancel is not None:
            cancel.check()
        rows = _candidates(part, start)
        signs = _signs(part, start)
        scaled = _products(signs[rows - start], coarse) * coarse_scale
        bounds = (scaled + margin) * by_signs[rows] + offsets[rows] + bias
        if len(held) == k:
            rows, bounds = rows[bounds > held[0][0]], bounds[bounds > held[0][0]]
        if not len(rows):
            continue
        signs, magnitudes = signs[rows - start], part.magnitudes[rows]
        large = 2 * _masked(signs & magnitudes, codes) - _masked(magnitudes, codes)
        scaled = (_products(signs, codes) + 2 * large) * scale
        scores = scaled * by_levels[rows] + offsets[rows] + bias
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
