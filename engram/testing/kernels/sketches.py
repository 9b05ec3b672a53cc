"""What the estimates of every backend must be: the reference's, to the last bit."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.cancel import CancelFlag
from engram.kernels.reference import ReferenceBackend
from engram.kernels.sketches.encoding import encode_sketches, rotated
from engram.kernels.sketches.protocol import SketchPart
from engram.model.errors import KernelCancelled, check
from engram.testing.kernels.refusals import check_refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engram.kernels.arrays import F32, U8
    from engram.kernels.protocol import KernelBackend

_REFERENCE: Final = ReferenceBackend()


def part_of(
    rows: F32, query: F32, *, first: int = 0, margin: float = 0.1, mask: U8 | None = None
) -> SketchPart:
    """Return a part of the sketches of float32[n, d] for a query float32[d]; d is 1 or more."""
    with np.errstate(all="ignore"):
        norms = np.asarray(1 / np.linalg.norm(rows, axis=1), np.float32)
        norms[~np.isfinite(norms)] = 0
        sketches = encode_sketches(rows, norms)
        turned = rotated(query)
        seen = np.asarray(turned - sketches.centre, np.float32)
        bias = float(sketches.centre @ turned)
    planes = (sketches.signs, sketches.magnitudes, sketches.factors)
    return SketchPart(seen, bias, margin, *planes, first, mask)


def random_parts(
    random: np.random.Generator, counts: Sequence[int], dimensions: int, *, masked: bool
) -> list[SketchPart]:
    """Return parts of so many clustered rows each, with repeated rows and gaps between parts."""
    centre = random.standard_normal(dimensions).astype(np.float32)
    query = centre / np.linalg.norm(centre)
    parts, first = [], int(random.integers(0, 9))
    for n in counts:
        rows = centre + random.standard_normal((n, dimensions)).astype(np.float32)
        if n:
            rows = rows[random.integers(0, n, n)]
        mask = np.packbits(random.random(n) < random.random(), bitorder="little")
        margin = float(np.float32(random.random() / 4))
        parts.append(
            part_of(rows, query, first=first, margin=margin, mask=mask if masked else None)
        )
        first += n + int(random.integers(0, 9))
    return parts


def check_sketches_against_reference(
    backend: KernelBackend, parts: Sequence[SketchPart], k: int
) -> None:
    """Compare one call of each kernel with the reference: the same numbers."""
    for part in parts:
        bounds, meant_bounds = backend.bound_sketches(part), _REFERENCE.bound_sketches(part)
        check(bounds.dtype == np.float32, "bounds have their dtype")
        check(np.array_equal(bounds, meant_bounds, equal_nan=True), "bounds are exact")
    own, meant = backend.top_k_sketches(parts, k), _REFERENCE.top_k_sketches(parts, k)
    check(own[0].dtype == np.float32 and own[1].dtype == np.uint32, "results have their dtypes")
    check(np.array_equal(own[1], meant[1]), "the reference's rows are listed")
    check(np.array_equal(own[0], meant[0]), "estimates are exact")


def check_shapes(backend: KernelBackend) -> None:
    """Check counts of rows around a block, widths around a register, and several parts."""
    random = np.random.default_rng(1)
    for n in (*range(7), 63, 64, 65):
        for d in (3, 129, 384):
            parts = random_parts(random, (n,), d, masked=bool(n % 2))
            for k in (1, 5, n + 1):
                check_sketches_against_reference(backend, parts, k)
    for counts in ((), (0,), (0, 0), (3, 0, 70), (65, 64, 1)):
        for masked in (False, True):
            parts = random_parts(random, counts, 100, masked=masked)
            check_sketches_against_reference(backend, parts, 7)


def check_ties(backend: KernelBackend) -> None:
    """Check that equal rows tie exactly and fall by number, across parts too."""
    row = np.linspace(-1, 1, 96, dtype=np.float32)
    rows = np.tile(row, (70, 1))
    rows[::2] = -row
    parts = [part_of(rows, row, first=first, margin=9.0) for first in (5, 100)]
    scores, numbers = backend.top_k_sketches(parts, 40)
    odd = np.arange(1, 70, 2)
    check(numbers.tolist() == [*(odd + 5), *(odd + 100)][:40], "ties fall by number")
    check(len(set(scores.tolist())) == 1, "equal rows have equal estimates")
    check_sketches_against_reference(backend, parts, 40)


def check_odd_numbers(backend: KernelBackend) -> None:
    """Check rows without a vector, factors that are no numbers, and queries of any size."""
    random = np.random.default_rng(2)
    [part] = random_parts(random, (70,), 64, masked=False)
    for value in (np.nan, np.inf, -np.inf, 3e38, 1e-45):
        factors = part.factors.copy()
        for column in range(3):
            factors[column, random.integers(0, 70, 20)] = value
        for k in (3, 70):
            check_sketches_against_reference(backend, [part._replace(factors=factors)], k)
        for odd in (part._replace(bias=value), part._replace(margin=value)):
            check_sketches_against_reference(backend, [odd], 5)
        query = part.query.copy()
        query[3] = value
        check_sketches_against_reference(backend, [part._replace(query=query)], 5)
    part = part._replace(first=0)
    without = part.factors.copy()
    without[:, :60] = np.array([[0], [-np.inf], [0]])
    scores, numbers = backend.top_k_sketches([part._replace(factors=without)], 70)
    check(sorted(numbers.tolist()) == list(range(60, 70)), "rows without a vector are not listed")
    check(bool(np.isfinite(scores).all()), "what is listed has an estimate")
    nothing = part._replace(query=np.zeros_like(part.query))
    check_sketches_against_reference(backend, [nothing], 5)


def check_margins(backend: KernelBackend) -> None:
    """Check that a margin of no end looks at every row, and a poor one passes rows over."""
    random = np.random.default_rng(3)
    [part] = random_parts(random, (100,), 64, masked=False)
    part = part._replace(first=0)
    _, all_numbers = backend.top_k_sketches([part._replace(margin=np.inf)], 100)
    _, numbers = backend.top_k_sketches([part._replace(margin=np.inf)], 10)
    check(numbers.tolist() == all_numbers[:10].tolist(), "no row is passed over")
    hopeless = part._replace(margin=-1e9)
    _, numbers = backend.top_k_sketches([hopeless], 10)
    check(sorted(numbers.tolist()) == list(range(10)), "once k are held the others are passed over")


def check_cancelled(backend: KernelBackend) -> None:
    """Check that a flag that is set ends a scan."""
    parts = random_parts(np.random.default_rng(4), (9,), 64, masked=False)
    for scan in (
        partial(backend.top_k_sketches, parts, 1),
        partial(backend.bound_sketches, *parts),
    ):
        try:
            scan(cancel=CancelFlag().set())
        except KernelCancelled:
            continue
        check(condition=False, sentence="a cancelled scan raises KernelCancelled")


def check_bounds(backend: KernelBackend) -> None:
    """Check that bounds are those of the rows the mask leaves, and higher by margins."""
    [part] = random_parts(np.random.default_rng(6), (70,), 64, masked=False)
    bounds = backend.bound_sketches(part)
    chosen = np.zeros(70, np.bool_)
    chosen[[0, 7, 8, 63, 69]] = True
    masked = backend.bound_sketches(part._replace(mask=np.packbits(chosen, bitorder="little")))
    check(np.array_equal(masked[chosen], bounds[chosen]), "a mask changes no bound")
    check(bool(np.isneginf(masked[~chosen]).all()), "what is no candidate has no bound")
    out = np.full(72, 7, np.float32)
    written = backend.bound_sketches(part, out=out[1:71])
    check(written.base is out and np.array_equal(written, bounds), "bounds are written to out")
    check(out[[0, 71]].tolist() == [7, 7], "and nowhere else")
    higher = backend.bound_sketches(part._replace(margin=part.margin + 1))
    check(bool((higher >= bounds).all()), "a margin lifts bounds")


def check_refusals(backend: KernelBackend) -> None:
    """Check that each mistake is refused in a sentence that names the argument."""
    [part] = random_parts(np.random.default_rng(5), (9,), 64, masked=True)
    [other] = random_parts(np.random.default_rng(5), (9,), 200, masked=True)
    wrong: list[tuple[str, SketchPart]] = [
        ("query", part._replace(query=part.query[:-1])),
        ("query", part._replace(query=part.query.astype(np.float64))),
        ("query", part._replace(query=None)),  # type: ignore[arg-type]
        ("signs", part._replace(signs=part.signs[:, :-1])),
        ("signs", part._replace(signs=part.signs[:, ::2])),
        ("magnitudes", part._replace(magnitudes=part.magnitudes[:, :-1])),
        ("factors", part._replace(factors=part.factors.T)),
        ("factors", part._replace(factors=part.factors[:2])),
        ("mask", part._replace(mask=np.zeros(1, np.uint8))),
        ("mask", part._replace(mask=np.zeros(2, np.bool_))),
        ("first", part._replace(first=-1)),
        ("first", part._replace(first=2**32 - 8)),
        ("first", part._replace(first=1.5)),  # type: ignore[arg-type]
    ]
    calls: list[tuple[str, Callable[[], object]]] = [
        (name, partial(backend.top_k_sketches, [odd], 1)) for name, odd in wrong
    ]
    calls += [(name, partial(backend.bound_sketches, odd)) for name, odd in wrong]
    fixed = np.zeros(9, np.float32)
    fixed.flags.writeable = False
    calls += [
        ("out", partial(backend.bound_sketches, part, out=odd))
        for odd in (np.zeros((9, 1), np.float32), np.zeros(8, np.float32), fixed)
    ]
    calls += [
        ("query", lambda: backend.top_k_sketches([part, other._replace(first=99)], 1)),
        ("first", lambda: backend.top_k_sketches([part, part], 1)),
        ("k", lambda: backend.top_k_sketches([part], 0)),
        ("k", lambda: backend.top_k_sketches([part], 1.5)),  # type: ignore[arg-type]
    ]
    for argument, call in calls:
        check_refused(argument, call)


CHECKS: Final = (
    check_shapes,
    check_ties,
    check_odd_numbers,
    check_margins,
    check_bounds,
    check_cancelled,
    check_refusals,
)
