"""Workloads over parts of scores."""

from __future__ import annotations

from typing import Final

import numpy as np

from benches.regression.workloads.workload import Call, Workload

_CANDIDATES = 4_000
_WEIGHTS: Final = (0.6, 0.4, 0.5, 0.2)
_FLOORS: Final = (0.2, 0.0)


def _fuse() -> Call:
    shape = (len(_WEIGHTS), _CANDIDATES)
    parts = np.random.default_rng(7).uniform(0, 1, shape).astype(np.float32)
    weights, floors = np.array(_WEIGHTS, np.float32), np.array(_FLOORS, np.float32)
    return lambda kernels: kernels.score_fuse(parts, weights, floors, 10)


WORKLOADS: Final = (
    Workload(f"score_fuse.{_CANDIDATES}", _fuse, len(_WEIGHTS) * 4 * _CANDIDATES, 0),
)
