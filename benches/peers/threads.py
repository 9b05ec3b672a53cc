"""One scan from DRAM split between two pinned threads of the caller's, beside one thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benches.peers.cases import Case
from benches.regression.corpus import unit_rows
from engram.kernels.zig_backend import ZigBackend

F32 = NDArray[np.float32]
_NAME: Final = "top-10 of 100,000 x 768 f32 by two threads"
_ALONE: Final = "one thread"
_K: Final = 10


def cases(only: str = "") -> Iterator[Case]:
    """Yield the one case; nothing where threads cannot be pinned to two processors."""
    if only not in _NAME or not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2:  # noqa: PLR2004
        return
    zig = ZigBackend()
    rows = unit_rows(100_000, 768)
    query = unit_rows(1, 768, seed=11)[0]
    middle = len(rows) // 2
    workers = [_Worker(cpu, zig, query) for cpu in range(2)]

    def split() -> object:
        for worker, half in zip(workers, (rows[:middle], rows[middle:]), strict=True):
            worker.asked.put(half)
        return [worker.answers.get() for worker in workers]

    def alone() -> object:
        workers[0].asked.put(rows)
        return workers[0].answers.get()

    yield Case(_NAME, split, {_ALONE: alone}, 1.7, budget_s=20.0)


class _Worker:
    """A thread on a processor of its own that scans what it is handed."""

    def __init__(self, cpu: int, zig: ZigBackend, query: F32) -> None:
        self.asked: SimpleQueue[F32] = SimpleQueue()
        self.answers: SimpleQueue[object] = SimpleQueue()
        Thread(target=self._run, args=(cpu, zig, query), daemon=True).start()

    def _run(self, cpu: int, zig: ZigBackend, query: F32) -> None:
        os.sched_setaffinity(0, {cpu})  # of this thread only
        while True:
            self.answers.put(zig.top_k_f32(query, self.asked.get(), _K))
