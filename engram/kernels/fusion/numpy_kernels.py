"""Score fusion in numpy: one pass a part, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from engram.kernels.fusion.arguments import check_score_fuse

if TYPE_CHECKING:
    from engram.kernels.arrays import F32, U32


class NumpyFusion:
    """Scores all candidates at once; memory is that of the parts, widened."""

    def score_fuse(self, parts: F32, weights: F32, floors: F32, k: int) -> tuple[U32, F32]:
        """See `FusionKernels.score_fuse`."""
        check_score_fuse(parts, weights, floors, k)
        if not parts.size:
            return np.empty(0, np.uint32), np.empty(0, np.float32)
        shares_count = len(floors)
        with np.errstate(all="ignore"):
            wide = parts.astype(np.float64)
            shares, factors = wide[:shares_count], wide[shares_count:]
            weight_of = weights.astype(np.float64)
            total = float(weight_of[:shares_count].sum())
            weight_of[:shares_count] /= total if total > 0 else 1.0
            best = np.fmax.reduce(shares, axis=1)
            plain = np.isnan(floors)
            begins = np.where(plain, 0.0, floors)
            scales = np.where(plain, 1.0, np.where(best > begins, 1 / (best - begins), 0.0))
            shares -= begins[:, None]
            shares *= scales[:, None]
            np.fmax(shares, 0.0, out=shares)
            np.minimum(shares, 1.0, out=shares)
            scores = np.zeros(parts.shape[1])
            for weight, share in zip(weight_of, shares, strict=False):
                scores += weight * share  # one by one: BLAS sums by place
            for weight, factor in zip(weight_of[shares_count:], factors, strict=True):
                scores *= 1 - weight * (1 - factor)
            rounded = scores.astype(np.float32)
        positive = np.flatnonzero(rounded > 0)
        order = positive[np.argsort(-rounded[positive], kind="stable")[:k]]
        return order.astype(np.uint32), rounded[order]
