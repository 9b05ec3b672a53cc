"""Workloads over sketches."""

from __future__ import annotations

from typing import Final

import numpy as np

from benches.regression.corpus import unit_rows
from benches.regression.workloads.workload import Call, Workload
from engram.kernels.nearest.protocol import SketchedRows
from engram.kernels.sketches.encoding import encode_sketches, rotated
from engram.kernels.sketches.protocol import SketchPart

_N, _D = 4_000, 384
_CANDIDATES = 40
_MARGIN = 0.5
"""About what a search takes: 0.9 times the length of the query as seen from the centre."""
_BYTES: Final = _N * (_D // 8 + 8)


def _part() -> SketchPart:
    rows = unit_rows(_N, _D)
    sketches = encode_sketches(rows, np.ones(_N, np.float32))
    turned = rotated(rows[3])
    seen, bias = turned - sketches.centre, float(sketches.centre @ turned)
    planes = (sketches.signs, sketches.magnitudes, sketches.factors)
    return SketchPart(seen, bias, _MARGIN, *planes, first=0)


def _best() -> Call:
    parts = [_part()]
    return lambda kernels: kernels.top_k_sketches(parts, _CANDIDATES)


def _bounds() -> Call:
    part = _part()
    return lambda kernels: kernels.bound_sketches(part)


def _nearest() -> Call:
    rows, part = unit_rows(_N, _D), _part()
    parts = [SketchedRows(part, rows, np.ones(_N, np.float32))]
    return lambda kernels: kernels.top_k_sketched(rows[3], parts, _CANDIDATES, sure=10)


WORKLOADS: Final = (
    Workload(f"top_k_sketches.{_N}x{_D}", _best, _BYTES, 0),
    Workload(f"bound_sketches.{_N}x{_D}", _bounds, _BYTES + 4 * _N, 0),
    Workload(f"top_k_sketched.{_N}x{_D}", _nearest, _BYTES + 4 * _N, 0),
)
