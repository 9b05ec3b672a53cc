"""What a workload is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from engram.kernels.protocol import KernelBackend

Call: TypeAlias = Callable[[KernelBackend], object]


class Workload(NamedTuple):
    """One call of one kernel, always with the same data.

    Attributes:
        name: the method of KernelBackend, a dot, and what tells it from its other workloads.
        prepare: makes the data and returns the call, which any backend may be given.
        bytes: what one call has to read and write, each byte counted once.
        operations: arithmetic operations of one call, a fused multiply-add being two.
        judged: whether the gate judges it; others only show in the charts.
    """

    name: str
    prepare: Callable[[], Call]
    bytes: int
    operations: int
    judged: bool = True

    @property
    def kernel(self) -> str:
        """The method of KernelBackend."""
        return self.name.partition(".")[0]
