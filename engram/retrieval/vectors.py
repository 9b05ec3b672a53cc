"""Exact search by vector: the kernel over each page of rows, the answers merged."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from engram.kernels.cancel import CancelFlag
from engram.kernels.protocol import KernelBackend
from engram.state.columns import PAGE_ROWS, PAGE_SHIFT, RowSet, take
from engram.state.space import View

# 256 rows are gathered and compared in 14 us at 384 dimensions.
_SAMPLE_ROWS: Final = 256
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
    return range((view.count + PAGE_ROWS - 1) >> PAGE_SHIFT if view.vectors else 0)


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
    inside = min(view.count - first, PAGE_ROWS)
    bits = None if mask is None else mask[first >> 3 : (first + inside + 7) >> 3]
    scores, rows = kernels.top_k_f32(
        query,
        view.vectors[number][:inside],
        k,
        inv_norms=view.inverse_norms[number][:inside],
        mask=bits,
        cancel=cancel,
    )
    return (scores, rows + np.uint32(first)) if first else (scores, rows)


def unrelated_cosine(view: View, query: NDArray[np.float32]) -> float:
    """Return what the cosine of a unit query with an unrelated row is like in this space.

    The mean over rows spread evenly through the space, drawn towards 0 while there are so few rows
    that most of them may be related. Embedders differ widely in it (0.0 to 0.6 and more), so a raw
    cosine says little before it is taken off.
    """
    if not view.vectors:
        return 0.0
    rows = np.unique(np.linspace(0, view.count - 1, _SAMPLE_ROWS).astype(np.int64))
    rows = rows[take(view.inverse_norms, rows) > 0]
    if not len(rows):
        return 0.0
    mean = float(cosines(view, query, rows.astype(np.uint32)).mean())
    return max(0.0, mean * len(rows) / (len(rows) + _PRIOR_ROWS))


def cosines(
    view: View, query: NDArray[np.float32], rows: NDArray[np.uint32]
) -> NDArray[np.float32]:
    """Return the cosine of a unit query with each of `rows`; 0 where a row has no vector."""
    if not view.vectors or not len(rows):
        return np.zeros(len(rows), np.float32)
    chosen = RowSet(rows)
    products = chosen.take(view.vectors) @ query
    return np.asarray(products * chosen.take(view.inverse_norms), np.float32)
