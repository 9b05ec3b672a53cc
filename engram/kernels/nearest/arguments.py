"""Checks the arguments of the search by sketches once a call; one sentence a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from engram.kernels.sketches.arguments import check_top_k_sketches
from engram.kernels.violations import array_violations
from engram.model.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engram.kernels.arrays import F32
    from engram.kernels.nearest.protocol import SketchedRows

_FLOAT32: Final = np.dtype(np.float32)
_AXES_OF_ROWS: Final = 2


def check_top_k_sketched(
    query: F32, parts: Sequence[SketchedRows], k: int, sure: int, known: F32 | None
) -> None:
    """Raise InvalidRequest that lists what of `top_k_sketched` breaks its contract."""
    check_top_k_sketches([part.sketches for part in parts], k)
    violations = array_violations("query", query, 1, _FLOAT32)
    if not violations and not len(query):
        violations.append("query must have 1 dimension or more, not 0")
    if type(sure) is not int or not 1 <= sure <= k:
        violations.append(f"sure must be a count from 1 to {k}, not {sure}")
    if known is not None:
        violations += array_violations("known", known, 1, _FLOAT32)
    if not violations:
        for number, part in enumerate(parts):
            if not _is_plain(part, len(query)):
                violations += [f"part {number}: {it}" for it in _row_violations(part, len(query))]
    if violations:
        raise InvalidRequest(*violations)


def _is_plain(part: SketchedRows, dimensions: int) -> bool:
    """Whether nothing is wrong with a part's rows, at a fifth of the cost of saying what."""
    _, rows, inv_norms = part
    return (
        type(rows) is type(inv_norms) is np.ndarray
        and rows.dtype is inv_norms.dtype is _FLOAT32
        and rows.shape == (len(inv_norms), dimensions)
        and rows.flags.c_contiguous
        and inv_norms.flags.c_contiguous
    )


def _row_violations(part: SketchedRows, dimensions: int) -> list[str]:
    violations = array_violations("rows", part.rows, _AXES_OF_ROWS, _FLOAT32)
    violations += array_violations("inv_norms", part.inv_norms, 1, _FLOAT32)
    if not violations and part.rows.shape != (len(part.inv_norms), dimensions):
        shape = (len(part.inv_norms), dimensions)
        violations.append(f"rows must be of shape {shape}, not {part.rows.shape}")
    return violations
