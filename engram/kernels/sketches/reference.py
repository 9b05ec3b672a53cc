"""The meaning of the estimates: plain loops, each rounded step written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.codes.protocol import CODE_MAX
from engram.kernels.codes.reference import ReferenceCodes
from engram.kernels.sketches.arguments import check_top_k_sketches
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

    def _visit(
        self,
        part: SketchPart,
        k: int,
        held: list[tuple[np.float32, int]],
        cancel: CancelFlag | None,
    ) -> None:
        """Hold the rows of one part that deserve it, best first."""
        quantized, scales = _CODES.quantize_i8(part.query[None])
        codes, scale = quantized[0].tolist(), scales[0]
        bias, margin = _f32(part.bias), _f32(part.margin)
        coarse = [_coarse(code) for code in codes]
        coarse_scale = scale * (_f32(CODE_MAX) / _f32(COARSE_MAX))
        for row in range(len(part.magnitudes)):
            if cancel is not None:
                cancel.check()
            if part.mask is not None and not part.mask[row >> 3] >> (row & 7) & 1:
                continue
            by_signs, offset, by_levels = part.factors[:, row]
            levels = _levels(part, row)
            signs = [1 if level > 0 else -1 for level in levels]
            scaled = _f32(_dot(signs, coarse)) * coarse_scale
            bound = (scaled + margin) * by_signs + offset + bias
            if len(held) == k and not bound > held[-1][0]:
                continue
            scaled = _f32(_dot(levels, codes)) * scale
            score = scaled * by_levels + offset + bias
            if score > -np.inf:
                held.append((score, part.first + row))
                held.sort(key=lambda pair: (-pair[0], pair[1]))
                del held[k:]


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
