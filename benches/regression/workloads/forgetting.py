"""Workloads over columns of what time leaves of memories."""

from __future__ import annotations

from typing import Final

import numpy as np

from benches.regression.workloads.workload import Call, Workload
from engram.kernels.arrays import F32

_N = 40_000
_NOW = 1_700_000_000_000_000_000
_HOUR_NS = 3_600_000_000_000


def _column(least: float, most: float, seed: int = 7) -> F32:
    """Return float32[40,000] between two numbers."""
    return np.random.default_rng(seed).uniform(least, most, _N).astype(np.float32)


def _decay() -> Call:
    elapsed, rate, out = _column(0, 90), -_column(0.02, 1, 8), _column(0, 1)
    return lambda kernels: kernels.decay(elapsed, rate, out=out)


def _exponential() -> Call:
    elapsed, stability, out = _column(0, 90), _column(1, 60, 8), _column(0, 1)
    return lambda kernels: kernels.retrievability_exponential(elapsed, stability, out=out)


def _power() -> Call:
    elapsed, out = _column(0, 2_000), _column(0, 1)
    return lambda kernels: kernels.retrievability_power(elapsed, 0.3, out=out)


def _two_component() -> Call:
    elapsed, share, out = _column(0, 500), _column(0, 1, 8), _column(0, 1)
    return lambda kernels: kernels.retrievability_two_component(
        elapsed, share, fast_hours=2.0, slow_hours=240.0, out=out
    )


def _savings() -> Call:
    elapsed, out = _column(0, 50_000), _column(0, 1)
    return lambda kernels: kernels.retrievability_savings(elapsed, out=out)


def _fsrs() -> Call:
    reviewed = _NOW - np.random.default_rng(7).integers(0, 2_000, _N) * _HOUR_NS
    stability, out = _column(1, 60, 8), _column(0, 1)
    return lambda kernels: kernels.retrievability_fsrs(_NOW, reviewed, stability, out=out)


# Bytes of each element are those of its columns; what an exponential computes is no fixed number.
WORKLOADS: Final = (
    Workload("decay.40000", _decay, _N * 12, 0),
    Workload("retrievability_exponential.40000", _exponential, _N * 12, 0),
    Workload("retrievability_power.40000", _power, _N * 8, 0),
    Workload("retrievability_two_component.40000", _two_component, _N * 12, 0),
    Workload("retrievability_savings.40000", _savings, _N * 8, 0),
    Workload("retrievability_fsrs.40000", _fsrs, _N * 16, 0),
)
