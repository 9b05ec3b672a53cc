"""The whole suite: `check_kernel_backend` runs all of it; needs no pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engram.testing.kernels import (
    codes,
    forgetting,
    fusion,
    graph,
    nearest,
    records,
    sketches,
    trails,
    vectors,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.kernels.protocol import KernelBackend

CHECKS: Final[tuple[Callable[[KernelBackend], None], ...]] = (
    *codes.CHECKS,
    *vectors.CHECKS,
    *graph.CHECKS,
    *forgetting.CHECKS,
    *fusion.CHECKS,
    *words.CHECKS,
    *sketches.CHECKS,
    *nearest.CHECKS,
    *records.CHECKS,
    *trails.CHECKS,
)


def check_kernel_backend(backend: KernelBackend) -> None:
    """Raise InvariantViolated naming the first thing `backend` does unlike the reference."""
    for check_one in CHECKS:
        check_one(backend)
