"""Search by vector over all tiers, and the cosines of rows wherever they are."""

from __future__ import annotations

import operator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engram.kernels.arrays import F32, I64
from engram.kernels.protocol import KernelBackend
from engram.retrieval import hot, tiered
from engram.retrieval.scan import Wanted
from engram.retrieval.tiered import Search
from engram.state.bodies import SealedPart
from engram.state.columns import Pages
from engram.state.space import View

_SAMPLE_ROWS: Final = 256
_COVERED_BITS: Final = 8  # of the row count: a sample serves until it has grown by a hundredth
# As if 10 unrelated rows of cosine 0 had been seen before the space was looked at.
_PRIOR_ROWS: Final = 10


def top_k(
    search: Search, view: View, mask: NDArray[np.uint8] | None
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Return the `k` rows of `view` nearest to a unit query by cosine, best first.

    Where sketches are searched a few of the nearest may be missed (`engram.retrieval.sketched` in
    RAM, `engram.retrieval.tiered` on disk); cosines are exact.

    Args:
        search: what is looked for.
        view: what is searched; blocks when a part of it is sealed.
        mask: candidates as a bitmap, least significant bit first; None for every row.

    Returns:
        float32[m] cosines and uint32[m] rows; ties by row.

    Raises:
        KernelCancelled: the flag was set before the search ended.
        DurabilityError: a sealed segment is damaged or cannot be read.
    """
    k = search.k
    wanted = Wanted(search.query, k, search.sure or k, mask, search.cancel)
    found = hot.top_k(search.kernels, view.hot, wanted, search.sketches)
    search.done("vectors")
    if not view.sealed:
        return found
    sealed = tiered.top_k(search, view, mask)
    cosines = np.concatenate((found[0], sealed[0]))
    rows = np.concatenate((found[1], sealed[1]))
    order = np.lexsort((rows, -cosines))[:k]
    return cosines[order], rows[order]


class UnrelatedCosine:
    """Says what the cosine of a query with an unrelated row is like in a space.

    The mean over rows spread evenly through the space, drawn towards 0 while there are so few rows
    that most of them may be related. Embedders differ widely in it (0.0 to 0.6 and more), so a raw
    cosine says little before it is taken off.

    The mean of cosines is the cosine with the mean of unit rows, which is kept while the sample
    stays the same: a sample belongs to a view, so that equal views give equal answers. Where bodies
    only moved, it does. Any thread may call it.
    """

    def __init__(self) -> None:
        self._sampled: tuple[_Sample, F32, F32] | None = None

    def __call__(self, view: View, query: F32) -> float:
        """Return that cosine for a unit query, at least 0; 0 where there are no vectors."""
        if not view.dimensions:
            return 0.0
        sample = _sample(view)
        sampled = self._sampled
        if sampled is None or not sampled[0].is_same(sample):
            rows = _sampled_rows(sample.covered)
            norms = view.norms_of(rows)
            # Moving reads nothing: that would be some hundred vectors from the disk.
            if sampled is None or not sampled[0].is_moved(sample, sampled[1], norms):
                sampled = (sample, norms, _mean_row(view, rows, norms))
            self._sampled = sampled = (sample, *sampled[1:])
        return max(0.0, float(sampled[2] @ query))


class _Sample(NamedTuple):
    """What a sample's mean depends on: the vectors of some rows.

    Within one numbering, and of one embedder, a vector only comes or goes, and its norm with it.
    """

    embedder: str
    covered: int
    numbering: int
    without_count: int
    layout: object
    norms: Pages
    sealed: tuple[SealedPart | None, ...]

    def is_same(self, other: _Sample) -> bool:
        """Whether the mean certainly is: nothing came, went or moved."""
        here, there = self[4:], other[4:]
        return self[:4] == other[:4] and all(map(operator.is_, here, there))

    def is_moved(self, other: _Sample, before: F32, norms: F32) -> bool:
        """Whether the mean is, with these norms of the sampled rows before and now."""
        return self[:3] == other[:3] and np.array_equal(before, norms, equal_nan=True)


def _sample(view: View) -> _Sample:
    """Return what is sampled."""
    return _Sample(
        view.embedder,
        _covered(view.count),
        view.numbering,
        view.count - view.vector_count,
        view.hot.layout,
        view.hot.norms,
        view.sealed,
    )


def _covered(count: int) -> int:
    """Return how many rows are sampled from: all but the last hundredth, in steps of so many."""
    shift = max(0, count.bit_length() - _COVERED_BITS)
    return count >> shift << shift


def _sampled_rows(covered: int) -> I64:
    return np.unique(np.linspace(0, covered - 1, _SAMPLE_ROWS).astype(np.int64))


def _mean_row(view: View, rows: I64, norms: F32) -> F32:
    rows, norms = rows[norms > 0], norms[norms > 0]
    total = norms @ view.vectors_of(rows)
    return np.asarray(total / np.float32(len(rows) + _PRIOR_ROWS), np.float32)


def cosines(
    kernels: KernelBackend, view: View, query: NDArray[np.float32], rows: NDArray[np.uint32]
) -> NDArray[np.float32]:
    """Return the cosine of a unit query with each of `rows`, as `top_k` gives it.

    0 where a row has no vector. Blocks when one of them is sealed.
    """
    if not view.dimensions or not len(rows):
        return np.zeros(len(rows), np.float32)
    if not view.sealed:
        slots = rows if view.hot.slots_are_rows else view.gather("place", rows)
        return hot.cosines(kernels, view.hot, query, slots)
    return tiered.in_order(kernels, query, view.vectors_of(rows), view.norms_of(rows))
