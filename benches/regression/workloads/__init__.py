"""One call or more for every kernel, at a size that stays in the L2 cache.

The instruction counts, the ratios to the frozen library and the charts all make these calls. A test
fails when a kernel has none: add a module here for a new family, and its tuple to `WORKLOADS`.
"""

from __future__ import annotations

from typing import Final

from benches.regression.workloads import (
    codes,
    forgetting,
    fusion,
    graph,
    records,
    sketches,
    vectors,
    words,
)
from benches.regression.workloads.workload import Call, Workload

WORKLOADS: Final[tuple[Workload, ...]] = (
    *vectors.WORKLOADS,
    *codes.WORKLOADS,
    *forgetting.WORKLOADS,
    *fusion.WORKLOADS,
    *graph.WORKLOADS,
    *records.WORKLOADS,
    *words.WORKLOADS,
    *sketches.WORKLOADS,
)
JUDGED: Final = tuple(workload for workload in WORKLOADS if workload.judged)

__all__ = ["JUDGED", "WORKLOADS", "Call", "Workload"]
