"""What the search by sketches of every backend must find: what the reference finds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.agreement import compare
from engram.kernels.cancel import CancelFlag
from engram.kernels.nearest.protocol import SketchedRows, first_of, groups_of
from engram.kernels.reference import ReferenceBackend
from engram.model.errors import KernelCancelled, check
from engram.testing.kernels.refusals import check_refused
from engram.testing.kernels.sketches import part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engram.kernels.arrays import F32
    from engram.kernels.protocol import KernelBackend

_REFERENCE: Final = ReferenceBackend()


def random_sketched(
    random: np.random.Generator, counts: Sequence[int], dimensions: int, *, masked: bool
) -> tuple[F32, list[SketchedRows]]:
    """Return a query and parts of so many clustered rows each; some rows are there twice."""
    centre = random.standard_normal(dimensions).astype(np.float32)
    query = np.asarray(centre / max(float(np.linalg.norm(centre)), 1e-6), np.float32)
    parts, first = [], int(random.integers(0, 9))
    for n in counts:
        rows = centre + random.standard_normal((n, dimensions)).astype(np.float32)
        if n:
            rows = np.ascontiguousarray(rows[random.integers(0, n, n)])
        mask = np.packbits(random.random(n) < random.random(), bitorder="little")
        sketches = part_of(rows, query, first=first, margin=0.1, mask=mask if masked else None)
        inv_norms = np.asarray(1 / np.linalg.norm(rows, axis=1), np.float32)
        parts.append(SketchedRows(sketches, rows, inv_norms))
        first += n + int(random.integers(0, 9))
    return query, parts


def check_nearest_against_reference(
    backend: KernelBackend, query: F32, parts: Sequence[SketchedRows], k: int, sure: int
) -> None:
    """Compare one call with the reference."""
    known = np.array([0.5, np.nan, 0.7], np.float32)
    for others in (None, known):
        own = backend.top_k_sketched(query, parts, k, sure=sure, known=others)
        meant = _REFERENCE.top_k_sketched(query, parts, k, sure=sure, known=others)
        check(own.scores.dtype == np.float32, "scores have their dtype")
        check(own.numbers.dtype == np.uint32, "numbers have their dtype")
        verdict = compare("top_k_sketched", {"query": query}, own, meant, partial(tuple, meant))
        check(not verdict.sentence, f"the reference's rows are listed: {verdict.sentence}")
        check(own.scored_count == meant.scored_count, "as many rows are scored")


def check_shapes(backend: KernelBackend) -> None:
    """Check counts of rows around blocks and groups, and several parts."""
    random = np.random.default_rng(11)
    for counts in ((), (0,), (1,), (3, 0, 70), (65, 64, 1), (300,), (257, 500)):
        for d in (3, 100):
            query, parts = random_sketched(random, counts, d, masked=bool(d % 2))
            for k, sure in ((1, 1), (7, 3), (40, 10)):
                check_nearest_against_reference(backend, query, parts, k, sure)


def check_few_are_scored(backend: KernelBackend) -> None:
    """Check that of rows in clusters few are scored, and the nearest is found."""
    random = np.random.default_rng(12)
    centres = random.standard_normal((8, 64)).astype(np.float32)
    rows = np.repeat(centres, 250, axis=0)
    rows += random.standard_normal(rows.shape).astype(np.float32) / 8
    query = np.asarray(rows[700] / np.linalg.norm(rows[700]), np.float32)
    inv_norms = np.asarray(1 / np.linalg.norm(rows, axis=1), np.float32)
    part = SketchedRows(part_of(rows, query, margin=0.5), rows, inv_norms)
    found = backend.top_k_sketched(query, [part], 20, sure=5)
    check(int(found.numbers[0]) == 700, "the row itself is the nearest")  # noqa: PLR2004 - asked
    check(found.scored_count < len(rows) // 2, "few rows are scored")
    check(groups_of(len(rows), 5) > first_of(5), "there are more groups than rows scored first")


def check_odd_numbers(backend: KernelBackend) -> None:
    """Check bounds that are no numbers, sketches without rows, and floors that let nothing in."""
    query, [part] = random_sketched(np.random.default_rng(13), (300,), 64, masked=False)
    for value in (np.nan, np.inf, -np.inf):
        factors = part.sketches.factors.copy()
        factors[1, ::3] = value
        odd = part._replace(sketches=part.sketches._replace(factors=factors))
        check_nearest_against_reference(backend, query, [odd], 300, 4)
    short = SketchedRows(part.sketches, part.rows[:100], part.inv_norms[:100])
    check_nearest_against_reference(backend, query, [short], 300, 100)
    found = backend.top_k_sketched(query, [short], 300, sure=300)
    first = part.sketches.first
    check(sorted(found.numbers.tolist()) == list(range(first, first + 100)), "rows there are found")
    high = np.full(4, 2, np.float32)
    few = backend.top_k_sketched(query, [part], 300, sure=4, known=high)
    check(few.scored_count == min(first_of(4), groups_of(300, 4)), "a high floor lets nothing in")


def check_cancelled(backend: KernelBackend) -> None:
    """Check that a flag that is set ends a search."""
    query, parts = random_sketched(np.random.default_rng(14), (9,), 64, masked=False)
    try:
        backend.top_k_sketched(query, parts, 1, sure=1, cancel=CancelFlag().set())
    except KernelCancelled:
        return
    check(condition=False, sentence="a cancelled search raises KernelCancelled")


def check_refusals(backend: KernelBackend) -> None:
    """Check that each mistake is refused in a sentence that names the argument."""
    query, [part] = random_sketched(np.random.default_rng(15), (9,), 64, masked=False)
    sketches = part.sketches._replace(signs=part.sketches.signs[:, :-1])
    wide = query.astype(np.float64)
    run = backend.top_k_sketched
    calls: list[tuple[str, Callable[[], object]]] = [
        ("query", lambda: run(wide, [part], 1, sure=1)),  # type: ignore[arg-type]
        ("query", lambda: run(query[:0], [part], 1, sure=1)),
        ("rows", lambda: run(query[:-1].copy(), [part], 1, sure=1)),
        ("rows", lambda: run(query, [part._replace(rows=part.rows[:, ::2])], 1, sure=1)),
        ("inv_norms", lambda: run(query, [part._replace(inv_norms=wide)], 1, sure=1)),  # type: ignore[arg-type]
        ("rows", lambda: run(query, [part._replace(inv_norms=part.inv_norms[1:])], 1, sure=1)),
        ("signs", lambda: run(query, [part._replace(sketches=sketches)], 1, sure=1)),
        ("k", lambda: run(query, [part], 0, sure=1)),
        ("sure", lambda: run(query, [part], 3, sure=0)),
        ("sure", lambda: run(query, [part], 3, sure=4)),
        ("known", lambda: run(query, [part], 3, sure=1, known=wide)),  # type: ignore[arg-type]
        ("first", lambda: run(query, [part, part], 3, sure=1)),
    ]
    for argument, call in calls:
        check_refused(argument, call)


CHECKS: Final = (
    check_shapes,
    check_few_are_scored,
    check_odd_numbers,
    check_cancelled,
    check_refusals,
)
