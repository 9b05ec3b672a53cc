"""What score fusion of every backend must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.fusion.protocol import PARTS_MAX
from engram.kernels.reference import ReferenceBackend
from engram.model.errors import check
from engram.testing.kernels.refusals import check_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from engram.kernels.arrays import F32
    from engram.kernels.protocol import KernelBackend

TOLERANCE: Final = 1e-6
_REFERENCE: Final = ReferenceBackend()


def check_against_reference(
    backend: KernelBackend, parts: F32, weights: F32, floors: F32, k: int
) -> None:
    """Compare one call with the reference; candidates nearer than the tolerance may swap."""
    order, scores = backend.score_fuse(parts, weights, floors, k)
    everyone = max(1, parts.shape[1])
    all_order, all_scores = _REFERENCE.score_fuse(parts, weights, floors, everyone)
    limit = TOLERANCE * max(1.0, float(all_scores.max(initial=0)))
    check(order.dtype == np.uint32 and scores.dtype == np.float32, "results have their dtypes")
    check(len(order) == len(scores) == min(k, len(all_order)), "m is min(k, those above zero)")
    check(len(set(order.tolist())) == len(order), "no candidate is listed twice")
    by_position = dict(zip(all_order.tolist(), all_scores.tolist(), strict=True))
    check(set(order.tolist()) <= set(by_position), "only candidates above zero are listed")
    own = np.array([by_position[position] for position in order.tolist()], np.float64)
    check(bool((np.abs(own - scores) <= limit).all()), "each score is that of its candidate")
    near = np.abs(all_scores[:k].astype(np.float64) - scores) <= 2 * limit
    check(bool(near.all()), "the best candidates are listed")
    ranked = np.lexsort((order, -scores))
    check(np.array_equal(ranked, np.arange(len(order))), "best first, ties by position")


def check_shapes(backend: KernelBackend) -> None:
    """Check every count of candidates up to past two vectors, and every count of parts."""
    random = np.random.default_rng(1)
    weights, floors = np.array([0.5, 0.3, 0.2, 0.1], np.float32), np.zeros(2, np.float32)
    for n in (*range(35), 100, 399):
        parts = random.random((4, n), dtype=np.float32)
        for k in {1, 10, max(1, n - 1), n + 1}:
            check_against_reference(backend, parts, weights, floors, k)
    for p in range(1, PARTS_MAX + 1):
        for shares_count in (0, 1, p // 2, p):
            parts = random.random((p, 37), dtype=np.float32)
            some = random.random(p, dtype=np.float32)
            edges = random.random(shares_count, dtype=np.float32)
            check_against_reference(backend, parts, some, edges, 9)


def check_scales(backend: KernelBackend) -> None:
    """Check that a floor becomes 0 and the best 1, that NaN leaves a share as it is."""
    parts = np.array([[0.2, 0.6, 0.4, -1.0], [3, 0, 1, 0], [1, 1, 0, 1]], np.float32)
    weights = np.array([1, 1, 0.5], np.float32)
    order, scores = backend.score_fuse(parts, weights, np.array([0.2, 0], np.float32), 9)
    check(order.tolist() == [0, 1, 2], "a candidate at every floor is not listed")
    meant = [0.5, 0.5, (0.5 + 1 / 3) / 4]
    check(np.allclose(scores, meant, rtol=0, atol=TOLERANCE), "shares are on their scales")
    plain = np.array([np.nan, np.nan], np.float32)
    order, scores = backend.score_fuse(parts, weights, plain, 9)
    check(order.tolist() == [0, 2, 1], "without floors shares count as they are, clipped")
    check(np.allclose(scores, [0.6, 0.35, 0.3], rtol=0, atol=TOLERANCE), "clipped at 1")
    high = np.array([0.9, 5], np.float32)
    check(len(backend.score_fuse(parts, weights, high, 9)[0]) == 0, "all below its floor: none")
    nothing = np.zeros(3, np.float32)
    check(len(backend.score_fuse(parts, nothing, plain, 9)[0]) == 0, "without a weight: none")


def check_ties(backend: KernelBackend) -> None:
    """Check that equal candidates tie exactly and fall by position."""
    parts = np.tile(np.array([[0.3], [0.7], [0.9], [0.1]], np.float32), 203)
    weights = np.array([0.6, 0.4, 0.2, 0.1], np.float32)
    for floors in (np.zeros(2, np.float32), np.full(2, np.nan, np.float32)):
        order, scores = backend.score_fuse(parts, weights, floors, 11)
        check(order.tolist() == list(range(11)), "ties fall by position")
        check(len(set(scores.tolist())) == 1, "equal candidates have equal scores")


def check_non_finite(backend: KernelBackend) -> None:
    """Check that NaN in a share is nothing, in a factor the end, and infinities return."""
    nan, inf = np.nan, np.inf
    parts = np.array([[nan, 0.5, 1.0, 0.8], [1, nan, nan, 0.8], [1, 1, nan, 1]], np.float32)
    weights = np.array([0.5, 0.5, 0.2], np.float32)
    order, _ = backend.score_fuse(parts, weights, np.zeros(2, np.float32), 9)
    check(order.tolist() == [3, 0, 1], "NaN shares are nothing, NaN factors end a candidate")
    for value in (inf, -inf, nan):
        for row in range(3):
            odd = parts.copy()
            odd[row, 1] = value
            for floors in ([0, 0], [nan, value], [value, 0]):
                edges = np.array(floors, np.float32)
                own, _ = backend.score_fuse(odd, weights, edges, 9)
                meant, _ = _REFERENCE.score_fuse(odd, weights, edges, 9)
                check(own.tolist() == meant.tolist(), "what is not finite ranks as the reference")


def check_refusals(backend: KernelBackend) -> None:
    """Check that each mistake is refused in a sentence that names the argument."""
    parts, weights = np.ones((3, 5), np.float32), np.ones(3, np.float32)
    floors = np.zeros(2, np.float32)
    many = np.ones((PARTS_MAX + 1, 2), np.float32)
    calls: list[tuple[str, Callable[[], object]]] = [
        ("parts", lambda: backend.score_fuse(parts[0], weights, floors, 1)),
        ("parts", lambda: backend.score_fuse(parts.T, weights, floors, 1)),
        ("parts", lambda: backend.score_fuse(parts.astype(np.float64), weights, floors, 1)),
        ("parts", lambda: backend.score_fuse(many, many[:, 0].copy(), floors, 1)),
        ("weights", lambda: backend.score_fuse(parts, weights[:2], floors, 1)),
        ("weights", lambda: backend.score_fuse(parts, [1.0] * 3, floors, 1)),  # type: ignore[arg-type]
        ("floors", lambda: backend.score_fuse(parts, weights, np.zeros(4, np.float32), 1)),
        ("floors", lambda: backend.score_fuse(parts, weights, parts[:, 0], 1)),
        ("k", lambda: backend.score_fuse(parts, weights, floors, 0)),
        ("k", lambda: backend.score_fuse(parts, weights, floors, 1.5)),  # type: ignore[arg-type]
    ]
    for argument, call in calls:
        check_refused(argument, call)


CHECKS = (
    check_shapes,
    check_scales,
    check_ties,
    check_non_finite,
    check_refusals,
)
