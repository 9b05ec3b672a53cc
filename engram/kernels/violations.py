"""What is wrong with one argument of a kernel, a sentence a mistake."""

from __future__ import annotations

import numpy as np


def array_violations(
    name: str, value: object, axes_count: int, dtype: np.dtype[np.generic]
) -> list[str]:
    """Return what keeps `value` from being a C-contiguous array of so many axes and that dtype."""
    if not isinstance(value, np.ndarray):
        return [f"{name} must be a numpy array, not {type(value).__name__}"]
    violations = []
    if value.dtype != dtype:
        violations.append(f"{name} must hold {dtype.name}, not {value.dtype}")
    if value.ndim != axes_count:
        axes = "1 axis" if axes_count == 1 else f"{axes_count} axes"
        violations.append(f"{name} must have {axes}, not {value.ndim}")
    if not value.flags.c_contiguous:
        violations.append(f"{name} must be C-contiguous; pass np.ascontiguousarray({name})")
    return violations


def k_violations(k: object) -> list[str]:
    """Return what keeps `k` from being a count of at least 1."""
    if not isinstance(k, int) or isinstance(k, bool):
        return [f"k must be an int, not {type(k).__name__}"]
    return [] if k >= 1 else [f"k must be 1 or more, not {k}"]
