"""Working memory of the Zig kernel, kept between calls because it is as long as the graph.

Nothing in it is cleared: a word of a former call is not believed (zig/src/spread.zig).
"""

from __future__ import annotations

import ctypes
from typing import Final

import numpy as np

from engram.kernels.addresses import address
from engram.kernels.graph.layout import RECORD_BYTES, SOURCE_BYTES, ScratchLayout

_KEPT_MAX: Final = 8
_CAPACITY_MIN: Final = 1024


class SpreadScratch:
    """Working memory for one call at a time, over any graph it is large enough for."""

    __slots__ = ("_arrays", "address", "capacity", "layout", "nodes_count")

    def __init__(self, nodes_count: int, capacity: int) -> None:
        self.nodes_count, self.capacity = nodes_count, max(capacity, _CAPACITY_MIN)
        # Zeros come from the system untouched, so only pages that are used are resident. A slot
        # must hold a position below the capacity from the beginning.
        slots = np.zeros(max(1, nodes_count), np.uint32)
        records = np.zeros((self.capacity + 1) * RECORD_BYTES, np.uint8)
        sources = np.zeros((self.capacity + 1) * SOURCE_BYTES, np.uint8)
        revisited = np.zeros(self.capacity + 1, np.uint32)
        self._arrays = (slots, records, sources, revisited)
        self.layout = ScratchLayout(
            bytes=ctypes.sizeof(ScratchLayout),
            nodes_count=nodes_count,
            capacity=self.capacity,
            slots=address(slots),
            records=address(records),
            sources=address(sources),
            revisited=address(revisited),
        )
        self.address = ctypes.addressof(self.layout)


class ScratchPool:
    """Lends scratches to threads; keeps as many as there were calls at a time, at most eight."""

    def __init__(self) -> None:
        self._idle: list[SpreadScratch] = []

    def take(self, nodes_count: int, reachable: int) -> SpreadScratch:
        """Return a scratch for `nodes_count` nodes, of which `reachable` can be reached."""
        capacity = reachable if reachable < nodes_count else nodes_count  # noqa: FURB136 - slower
        try:
            scratch = self._idle.pop()  # atomic, like append
        except IndexError:
            return SpreadScratch(nodes_count, capacity)
        if scratch.nodes_count >= nodes_count and scratch.capacity >= capacity:
            return scratch
        return SpreadScratch(max(nodes_count, scratch.nodes_count), max(capacity, scratch.capacity))

    def give_back(self, scratch: SpreadScratch) -> None:
        """Keep a scratch for the next call."""
        if len(self._idle) < _KEPT_MAX:
            self._idle.append(scratch)
