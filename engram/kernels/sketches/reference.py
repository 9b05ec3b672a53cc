"""The meaning of the estimates: plain loops, each rounded step written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.codes.protocol import CODE_MAX
from engram.kernels.codes.reference import ReferenceCodes
from engram.kernels.sketches.arguments import check_bound_sketches, check_top_k_sketches
from engram.kernels.sketches.encoding import BLOCK_ROWS
from engram.kernels.sketches.protocol import COARSE_MAX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32, U32
    from engram.kernels.cancel import CancelFlag
    from engram.kernels.sketches.protocol import SketchPart

_CODES = ReferenceCodes()
_f32 = np.float32


class ReferenceSketches:
    """One row after the other."""

    def top_k_sketches(
        self, parts: Sequence[SketchPart], k: int, *, cancel: CancelFlag | None = None
    ) -> tuple[F32, U32]:
        """See `SketchKernels.top_k_sketches`."""
        check_top_k_sketches(parts, k)
        held: list[tuple[np.float32, int]] = []
        with np.errstate(all="ignore"):
            for part in parts:
                self._visit(part, k, held, cancel)
        scores = np.array([score for score, _ in held], np.float32)
        return scores, np.array([number for _, number in held], np.uint32)

    def bound_sketches(
        self, part: SketchPart, *, out: F32 | None = None, cancel: CancelFlag | None = None
    ) -> F32:
        """See `SketchKernels.bound_sketches`."""
        check_bound_sketches(part, out)
        query = _Query(part)
        bounds = np.empty(len(part.magnitudes), np.float32) if out is None else out
        bounds[:] = -np.inf
        with np.errstate(all="ignore"):
            for row in range(len(bounds)):
                if cancel is not None:
                    cancel.check()
                if _is_candidate(part, row):
                    bounds[row] = query.bound(row)
        return bounds

    def _visit(
        self,
        part: SketchPart,
        k: int,
        held: list[tuple[np.float32, int]],
        cancel: CancelFlag | None,
    ) -> None:
        """Hold the rows of one part that deserve it, best first."""
        query = _Query(part)
        for row in range(len(part.magnitudes)):
            if cancel is not None:
                cancel.check()
            if not _is_candidate(part, row):
                continue
            if len(held) == k and not query.bound(row) > held[-1][0]:
                continue
            score = query.estimate(row)
            if score > -np.inf:
                held.append((score, part.first + row))
                held.sort(key=lambda pair: (-pair[0], pair[1]))
                del held[k:]


class _Query:
    """A part's query in codes, and what it makes of the part's rows."""

    def __init__(self, part: SketchPart) -> None:
        quantized, scales = _CODES.quantize_i8(part.query[None])
        self._part = part
        self._codes, self._scale = quantized[0].tolist(), scales[0]
        self._bias, self._margin = _f32(part.bias), _f32(part.margin)
        self._coarse = [_coarse(code) for code in self._codes]
        self._coarse_scale = self._scale * (_f32(CODE_MAX) / _f32(COARSE_MAX))

    def bound(self, row: int) -> np.float32:
        """Return what the row may come to, by its signs."""
        by_signs, offset, _ = self._part.factors[:, row]
        signs = [1 if level > 0 else -1 for level in _levels(self._part, row)]
        scaled = _f32(_dot(signs, self._coarse)) * self._coarse_scale
        return _f32((scaled + self._margin) * by_signs + offset + self._bias)

    def estimate(self, row: int) -> np.float32:
        """Return what the row comes to, by both bits."""
        _, offset, by_levels = self._part.factors[:, row]
        scaled = _f32(_dot(_levels(self._part, row), self._codes)) * self._scale
        return _f32(scaled * by_levels + offset + self._bias)


def _is_candidate(part: SketchPart, row: int) -> bool:
    return part.mask is None or bool(part.mask[row >> 3] >> (row & 7) & 1)


def _levels(part: SketchPart, row: int) -> list[int]:
    block = part.signs[row // BLOCK_ROWS, :, row % BLOCK_ROWS]
    signs = np.unpackbits(block, bitorder="little").tolist()
    magnitudes = np.unpackbits(part.magnitudes[row], bitorder="little").tolist()
    pairs = zip(signs, magnitudes, strict=True)
    return [(1 if sign else -1) * (3 if large else 1) for sign, large in pairs]


def _coarse(code: int) -> int:
    """Return a code in steps of 127 / 15; none stands half-way between two."""
    steps = round(abs(code) * COARSE_MAX / CODE_MAX)
    return -steps if code < 0 else steps


def _dot(levels: list[int], codes: list[int]) -> int:
    return sum(level * code for level, code in zip(levels, codes, strict=True))
