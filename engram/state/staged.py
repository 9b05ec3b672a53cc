"""Vectors of another embedder, until they are adopted or dropped."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.state.columns import PagedColumn, Pages, take


class StagedView(NamedTuple):
    """Staged vectors at one moment; a norm of NaN: none yet."""

    dimensions: int
    row_count: int
    vectors: Pages
    norms: Pages


class Staged:
    """Vectors of another embedder, waiting to be adopted; a norm of NaN: none yet."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.vectors = PagedColumn("f4", dimensions)
        self.norms = PagedColumn("f4")

    def reach(self, count: int) -> None:
        """Make room for as many rows as the space has."""
        more = count - self.norms.count
        self.vectors.append_zeros(more)
        self.norms.append(np.full(more, np.nan, np.float32))

    def wipe(self, row: int) -> None:
        """Overwrite the vector of a row, which has none from now on."""
        if row < self.norms.count:
            self.vectors.set(np.array([row]), 0)
            self.norms.set(np.array([row]), math.nan)

    def view(self) -> StagedView:
        """Return what a reader may hold while more is staged."""
        norms = self.norms
        return StagedView(self.dimensions, norms.count, self.vectors.view(), norms.view())

    def present(self, count: int) -> NDArray[np.bool_]:
        """Return bool[count]: which rows have a vector here."""
        known = min(count, self.norms.count)
        out = np.zeros(count, bool)
        if known:
            out[:known] = ~np.isnan(take(tuple(self.norms.pages), np.arange(known)))
        return out
