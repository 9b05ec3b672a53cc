"""Exact search by vector: the kernel over each page of rows, the answers merged."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.kernels.arrays import F32
from engram.kernels.cancel import CancelFlag
from engram.kernels.protocol import KernelBackend
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT, Pages
from engram.state.space import View

_SAMPLE_ROWS: Final = 256
_COVERED_BITS: Final = 8  # of the row count: a sample serves until it has grown by a hundredth
# As if 10 unrelated rows of cosine 0 had been seen before the space was looked at.
_PRIOR_ROWS: Final = 10
_EMPTY = (np.zeros(0, np.float32), np.zeros(0, np.uint32))


def top_k(
    kernels: KernelBackend,
    view: View,
    query: NDArray[np.float32],
    k: int,
    mask: NDArray[np.uint8] | None,
    cancel: CancelFlag | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    """Return the `k` rows of `view` nearest to a unit query by cosine, best first.

    Args:
        kernels: the backend that scans.
        view: what is searched.
        query: float32[d], of length 1.
        k: how many at most.
        mask: candidates as a bitmap, least significant bit first; None for every row.
        cancel: stops the search when it is set.

    Returns:
        float32[m] cosines and uint32[m] rows; ties by row.

    Raises:
        KernelCancelled: `cancel` was set before the search ended.
    """
    found = [_page_top_k(kernels, view, number, query, k, mask, cancel) for number in _pages(view)]
    if len(found) <= 1:
        return found[0] if found else _EMPTY
    scores = np.concatenate([scores for scores, _ in found])
    rows = np.concatenate([rows for _, rows in found])
    order = np.argsort(-scores, kind="stable")[:k]
    return scores[order], rows[order]


def _pages(view: View) -> range:
    return range((view.hot.count + PAGE_ROWS - 1) >> PAGE_SHIFT if view.hot.vectors else 0)


def _page_top_k(
    kernels: KernelBackend,
    view: View,
    number: int,
    query: NDArray[np.float32],
    k: int,
    mask: NDArray[np.uint8] | None,
    cancel: CancelFlag | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    first = number << PAGE_SHIFT
    inside = min(view.hot.count - first, PAGE_ROWS)
    bits = None if mask is None else mask[first >> 3 : (first + inside + 7) >> 3]
    scores, rows = kernels.top_k_f32(
        query,
        view.hot.vectors[number][:inside],
        k,
        inv_norms=view.hot.norms[number][:inside],
        mask=bits,
        cancel=cancel,
    )
    return (scores, rows + np.uint32(first)) if first else (scores, rows)


class UnrelatedCosine:
    """Says what the cosine of a query with an unrelated row is like in a space.

    The mean over rows spread evenly through the space, drawn towards 0 while there are so few rows
    that most of them may be related. Embedders differ widely in it (0.0 to 0.6 and more), so a raw
    cosine says little before it is taken off.

    The mean of cosines is the cosine with the mean of unit rows, which is kept while the sample
    stays the same: a sample belongs to a view, so that equal views give equal answers. Any thread
    may call it.
    """

    def __init__(self) -> None:
        self._sampled: tuple[Pages, int, F32] | None = None

    def __call__(self, view: View, query: F32) -> float:
        """Return that cosine for a unit query, at least 0; 0 where there are no vectors."""
        if not view.dimensions:
            return 0.0
        covered = _covered(view.count)
        sampled = self._sampled
        # Rows are only added; a changed norm, or vectors of another embedder, make other pages.
        if sampled is None or sampled[0] is not view.hot.norms or sampled[1] != covered:
            sampled = (view.hot.norms, covered, _mean_row(view, covered))
            self._sampled = sampled
        return max(0.0, float(sampled[2] @ query))


def _covered(count: int) -> int:
    """Return how many rows are sampled from: all but the last hundredth, in steps of so many."""
    shift = max(0, count.bit_length() - _COVERED_BITS)
    return count >> shift << shift


def _mean_row(view: View, covered: int) -> F32:
    rows = np.unique(np.linspace(0, covered - 1, _SAMPLE_ROWS).astype(np.int64))
    norms = view.norms_of(rows)
    rows, norms = rows[norms > 0], norms[norms > 0]
    total = norms @ view.vectors_of(rows)
    return np.asarray(total / np.float32(len(rows) + _PRIOR_ROWS), np.float32)


def cosines(
    view: View, query: NDArray[np.float32], rows: NDArray[np.uint32]
) -> NDArray[np.float32]:
    """Return the cosine of a unit query with each of `rows`; 0 where a row has no vector."""
    if not view.dimensions or not len(rows):
        return np.zeros(len(rows), np.float32)
    return np.asarray(view.vectors_of(rows) @ query * view.norms_of(rows), np.float32)
