"""Vectors a caller gave, checked: their shape, their numbers, their lengths."""

from __future__ import annotations

import contextvars
import math
import threading
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engram.kernels.protocol import KernelBackend
from engram.model.commands import Remember
from engram.model.errors import InvalidRequest
from engram.model.limits import DIMENSIONS_MAX

_SQUARE_MIN: Final = 1e-20
_SQUARE_MAX: Final = 1e30
_FLOAT32: Final = np.dtype("<f4")
_dot: Final = np.ndarray.dot


class _Quiet(threading.local):
    """A context of each thread in which numpy does not warn: entering one costs 0.1 us.

    `np.errstate` around each vector costs 0.9 us, twice the product itself.
    """

    def __init__(self) -> None:
        self.context = contextvars.Context()
        self.context.run(np.seterr, all="ignore")


_QUIET: Final = _Quiet()


def check_vectors(
    kernels: KernelBackend, embeddings: ArrayLike, count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return float32[count, d] rows and float32[count] inverse norms of what a caller gave.

    Raises InvalidRequest when the shape is wrong or a number is not finite.
    """
    try:
        with np.errstate(over="ignore"):  # too large for float32 becomes infinite: refused below
            rows = np.asarray(embeddings, dtype="<f4", order="C")
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidRequest(f"embedding is not an array of numbers: {error}") from error
    if rows.ndim == 1:
        rows = rows.reshape(1, -1)
    if rows.ndim != 2 or len(rows) != count:  # noqa: PLR2004 - rows and columns
        raise InvalidRequest(
            f"embeddings have the shape {rows.shape}; {count} memories need ({count}, dimensions)"
        )
    if not 1 <= rows.shape[1] <= DIMENSIONS_MAX:
        raise InvalidRequest(f"embedding has {rows.shape[1]} dimensions; 1 to {DIMENSIONS_MAX} fit")
    norms = kernels.normalize_f32(rows)
    bad = np.flatnonzero(np.isnan(norms))
    if len(bad):
        where = f" of item {bad[0]}" if count > 1 else ""
        raise InvalidRequest(
            f"embedding{where} holds NaN, infinity or numbers too large for its length to be "
            "computed; every number must be finite"
        )
    return rows, norms


def check_vector(kernels: KernelBackend, embedding: ArrayLike) -> tuple[NDArray[np.float32], float]:
    """Return float32[d] and its inverse norm; InvalidRequest as `check_vectors` raises it."""
    if type(embedding) is np.ndarray and embedding.dtype == _FLOAT32 and embedding.ndim == 1:
        square = float(_QUIET.context.run(_dot, embedding, embedding))
        # Within these bounds float32 neither overflowed nor lost digits; the rest, NaN too, is
        # left to the kernel.
        if _SQUARE_MIN < square < _SQUARE_MAX and len(embedding) <= DIMENSIONS_MAX:
            return embedding, 1.0 / math.sqrt(square)
    rows, norms = check_vectors(kernels, embedding, 1)
    return rows[0], float(norms[0])


def with_vector(
    command: Remember, row: NDArray[np.float32], inverse_norm: float, embedder: str
) -> Remember:
    """Return the command with its vector."""
    command.vector = row.tobytes()
    command.inverse_norm = inverse_norm
    command.embedder = embedder
    return command
