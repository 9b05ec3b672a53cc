"""Whether two backends' answers to one call agree, within what the families' protocols promise.

Rule 1: each backend may differ from the reference by its tolerance, so two may differ by twice it.
Rule 2: in a ranking rows may change places where their scores lie within that of each other.
Rule 3: kernels whose protocol promises the same bits get no tolerance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOLERANCE: Final = 2e-6
_EPS: Final = 2.0**-23
_BLOCK_ELEMENTS: Final = 1 << 18

EXACT: Final = frozenset(
    {
        "bit_top_k",
        "bound_sketches",
        "gather_records",
        "quantize_bits",
        "quantize_i8",
        "spread",
        "to_bf16",
        "top_k_i8",
        "top_k_sketches",
        "trails",
    }
)
"""Kernels that give the same bits in every backend."""

_BFLOAT16: Final = frozenset({"top_k_bf16"})


_COUNTED: Final = frozenset({"top_k_sketched"})
"""Rankings that say also how many rows were scored, which hangs on the rounding of scores."""


class Verdict(NamedTuple):
    """What came of a comparison."""

    sentence: str
    """What differs; empty when nothing does beyond the tolerance."""
    largest: float
    """The largest difference of two numbers that belong together; NaN where that says nothing."""


def compare(
    kernel: str, arguments: Mapping[str, Any], own: Any, meant: Any, deeper: Callable[[], Any]
) -> Verdict:
    """Compare two results of one kernel.

    Args:
        kernel: its name.
        arguments: its arguments by name, from which the tolerance of a score follows.
        own: what the backend on trial answered.
        meant: what the other one answered.
        deeper: asks the other one for a longer ranking: one that only the first lists must be near
            the end of the other's.
    """
    if kernel in _COUNTED:
        own, meant = tuple(own)[:2], tuple(meant)[:2]
    mine, others = _parts(own), _parts(meant)
    if len(mine) != len(others):
        return Verdict(f"gives {len(mine)} results instead of {len(others)}", np.nan)
    for number, (a, b) in enumerate(zip(mine, others, strict=True)):
        if a.shape != b.shape or a.dtype != b.dtype:
            sentence = f"result {number} is {a.dtype}{a.shape} instead of {b.dtype}{b.shape}"
            return Verdict(sentence, np.nan)
    with np.errstate(all="ignore"):
        if _is_ranking(kernel, others):
            return _compare_rankings(kernel, arguments, mine, others, deeper)
        return _compare_elements(kernel, arguments, mine, others)


def _parts(result: Any) -> list[NDArray[Any]]:
    """Return the arrays of a result; of records each field is one."""
    arrays = [np.asarray(part) for part in (result if isinstance(result, tuple) else (result,))]
    return [
        part
        for array in arrays
        for part in ([array[name] for name in array.dtype.names] if array.dtype.names else [array])
    ]


def _is_ranking(kernel: str, parts: list[NDArray[Any]]) -> bool:
    return (
        kernel not in EXACT
        and len(parts) == 2  # noqa: PLR2004 - scores and rows
        and parts[0].dtype.kind == "f"
        and parts[1].dtype == np.uint32
        and parts[0].shape == parts[1].shape
    )


def _compare_elements(
    kernel: str,
    arguments: Mapping[str, Any],
    mine: list[NDArray[Any]],
    others: list[NDArray[Any]],
) -> Verdict:
    largest = 0.0
    for a, b in zip(mine, others, strict=True):
        if kernel in EXACT or a.dtype.kind != "f":
            if not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
                return Verdict(f"{_unlike(a, b)} of {a.size} numbers differ", _distance(a, b))
            continue
        limits = _limits(arguments, b)
        near = _are_near(a, b, limits)
        largest = max(largest, _distance(a, b))
        if not near.all():
            count = int((~near).sum())
            return Verdict(f"{count} of {a.size} numbers differ beyond the tolerance", largest)
    return Verdict("", largest)


def _compare_rankings(
    kernel: str,
    arguments: Mapping[str, Any],
    mine: list[NDArray[Any]],
    others: list[NDArray[Any]],
    deeper: Callable[[], Any],
) -> Verdict:
    largest = 0.0
    rankings = [np.atleast_2d(part) for part in (*mine, *others)]
    for number, (a, a_rows, b, b_rows) in enumerate(zip(*rankings, strict=True)):
        one_query = _query(arguments, number)
        limits = _score_limits(kernel, one_query, b, b_rows)
        limit = float(np.max(limits, initial=0.0))
        largest = max(largest, _distance(a, b))
        if not _are_near(a, b, np.full(len(b), limit)).all():
            return Verdict("scores differ beyond the tolerance", largest)
        if np.array_equal(a_rows, b_rows):
            continue
        known = (b, b_rows)
        if not np.isin(a_rows, b_rows).all():
            known = tuple(np.atleast_2d(part)[number] for part in _parts(deeper())[:2])
        sentence = _rows_sentence(a, a_rows, b, b_rows, known, limit)
        if sentence:
            return Verdict(sentence, largest)
    return Verdict("", largest)


def _rows_sentence(
    a: NDArray[Any],
    a_rows: NDArray[Any],
    b: NDArray[Any],
    b_rows: NDArray[Any],
    known: tuple[NDArray[Any], ...],
    limit: float,
) -> str:
    """Say what is wrong with the rows of a ranking whose scores agree; empty when nothing is."""
    if len(np.unique(a_rows)) != len(a_rows):
        return "a row is listed twice"
    if not np.array_equal(a_rows[np.isnan(a)], b_rows[np.isnan(b)]):
        return "other rows have no score"
    meant = _by_row(*known)
    # Where the longer ranking ends within the tolerance, too, a row may lie behind its end.
    end = float(known[0][-1])
    for row, score in _by_row(a, a_rows).items():
        other = meant.get(row, end)
        if abs(score - other) > limit and score != other:
            return f"row {row} is listed with {score:.9g}; it has {other:.9g} or less"
    return ""


def _by_row(scores: NDArray[Any], rows: NDArray[Any]) -> dict[int, float]:
    pairs = zip(rows.tolist(), scores.tolist(), strict=True)
    return {row: score for row, score in pairs if score == score}  # noqa: PLR0124 - not NaN


def _are_near(a: NDArray[Any], b: NDArray[Any], limits: NDArray[np.float64]) -> NDArray[np.bool_]:
    apart = np.abs(a.astype(np.float64) - b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.asarray((apart <= limits) | same | ~np.isfinite(limits), np.bool_)


def _distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return the largest difference of two finite numbers that belong together."""
    with np.errstate(all="ignore"):
        apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.max(apart[np.isfinite(apart)], initial=0.0))


def _unlike(a: NDArray[Any], b: NDArray[Any]) -> int:
    same = a == b
    if a.dtype.kind == "f":
        same = same | (np.isnan(a) & np.isnan(b))
    return int((~same).sum())


def _limits(arguments: Mapping[str, Any], meant: NDArray[Any]) -> NDArray[np.float64]:
    """Return how far each number may be off: a similarity by its vectors, others by their size."""
    query, rows = arguments.get("query"), arguments.get("rows")
    if isinstance(query, np.ndarray) and isinstance(rows, np.ndarray) and len(meant) == len(rows):
        return _score_limits("", arguments, meant, np.arange(len(rows)))
    share = _TOLERANCE
    if isinstance(query, np.ndarray) and "pages" in arguments:
        # As `_score_limits` has it of unit rows: the lengths of these are not looked at.
        share = max(share, 8 * _EPS * float(np.sqrt(len(query)))) * max(
            1.0, float(np.linalg.norm(query))
        )
    return np.asarray(share * np.maximum(1.0, np.abs(meant)), np.float64)


def _query(arguments: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """Return the arguments of one query of several."""
    queries = arguments.get("queries")
    return arguments if queries is None else {**arguments, "query": queries[number]}


def _score_limits(
    kernel: str, arguments: Mapping[str, Any], scores: NDArray[Any], numbers: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the tolerance of each score of a ranking.

    With `inv_norms` it is that of cosines; without, the share of |query| |row| that bounds the sum
    of |x y| (Cauchy and Schwarz). Where that leaves float32's range nothing is promised.
    """
    query, rows = arguments.get("query"), arguments.get("rows")
    if not isinstance(query, np.ndarray) or not isinstance(rows, np.ndarray) or rows.ndim != 2:  # noqa: PLR2004 - rows and dimensions
        return np.asarray(_TOLERANCE * np.maximum(1.0, np.abs(scores)), np.float64)
    norms = _norms(kernel, rows, numbers) * float(np.linalg.norm(query.astype(np.float64)))
    shares = max(_TOLERANCE, 8 * _EPS * float(np.sqrt(rows.shape[1])))
    inv_norms = arguments.get("inv_norms")
    if inv_norms is None:
        limits = _TOLERANCE * norms
    else:
        # Of unit rows and a unit query this is the tolerance of the protocol itself.
        limits = shares * np.maximum(1.0, norms * np.abs(inv_norms[numbers].astype(np.float64)))
    limits[norms > np.finfo(np.float32).max] = np.inf
    return np.asarray(limits, np.float64)


def _norms(kernel: str, rows: NDArray[Any], numbers: NDArray[Any]) -> NDArray[np.float64]:
    """Return the lengths of some rows, widened a block at a time."""
    norms = np.empty(len(numbers), np.float64)
    step = max(1, _BLOCK_ELEMENTS // max(1, rows.shape[1]))
    for start in range(0, len(numbers), step):
        block = rows[numbers[start : start + step]]
        if kernel in _BFLOAT16:
            block = (block.astype(np.uint32) << 16).view(np.float32)
        norms[start : start + step] = np.sqrt(np.square(block.astype(np.float64)).sum(axis=1))
    return norms
