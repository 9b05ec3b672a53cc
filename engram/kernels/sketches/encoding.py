"""Makes the sketches of rows, and says what a query must look like to be compared with them.

A row x of unit length is written as the centre of its segment and a rest, turned by a fixed
rotation P and rounded to two bits a dimension:

    P x = c + r,    r ~ sign * (3 where it is large, else 1) * factor

so that with w = P q - c the cosine of a unit query is

    <x, q> = <r, w> + <r, c> + <c, P q>

in which only <r, w> has to be estimated; <r, c> is kept with the row. The rotation
spreads every direction over all dimensions, so that the error of an estimate does not depend on
which rows they are: about 0.04 |r| |w| of 384 signs, 0.02 with the second bits. The first half is
RaBitQ (Gao and Long, "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound
for Approximate Nearest Neighbor Search", 2024); its estimator divides by the cosine of a row with
its own code, as `slopes` do here.

Signs alone, compared by Hamming distance, are no first pass: of 300,000 sentences embedded by
`static` 23,900 candidates were needed for a recall_at_10 of 0.98, by the estimate of the signs 166
and of both bits 30.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import shake_256
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engram.kernels.arrays import F32, F64, U8

    Bools = NDArray[np.bool_]

BITS_MIN: Final = 128
"""Shorter rows are spread over so many dimensions: four signs would tell hardly any rows apart."""

BLOCK_ROWS: Final = 64
"""Rows whose signs stand side by side: an instruction looks up one byte of each."""

_WORD_BITS: Final = 64
_BLOCK_ROWS: Final = 4096  # 6 MiB of 384 dimensions at a time
_ROTATIONS_MAX: Final = 4  # lengths of vectors in one process; 4,096 dimensions are 64 MiB
_SEED: Final = b"engram sketch rotation 1"

# In units of the root mean square of a row's rest: of the thresholds tried, 0.9 kept most of it
# (cosine of a rest with its code 0.938; 0.940 is the best four levels can do with normal numbers).
_LARGE: Final = 0.9
_LARGE_LEVEL: Final = 3.0


class Sketches(NamedTuple):
    """The sketches of n rows of one segment, D bits wide."""

    centre: F32
    """float32[D]: the mean of the unit rows, turned."""
    signs: U8
    """uint8[ceil(n / 64), D / 8, 64], bytes as `np.packbits` makes them, least significant bit
    first: which dimensions of a rest are positive. Of 64 rows the first bytes stand side by side,
    then the second ones; rows past the last are zeros."""
    magnitudes: U8
    """uint8[n, D / 8]: which of them are large."""
    factors: F32
    """float32[3, n]: slope by signs, offset, slope by both bits. An offset of -inf: no vector."""


def sketch_bits(dimensions: int) -> int:
    """Return D, the bits of a plane for rows of so many dimensions: whole words; 0 without any."""
    if not dimensions:
        return 0
    return max(BITS_MIN, (dimensions + _WORD_BITS - 1) // _WORD_BITS * _WORD_BITS)


def rotated(vectors: F32) -> F32:
    """Return float32[..., D]: float32[..., d] turned, all lengths and angles as they were."""
    return np.asarray(vectors @ rotation(vectors.shape[-1]), np.float32)


def encode_sketches(vectors: F32, norms: F32) -> Sketches:
    """Return the sketches of rows.

    Args:
        vectors: float32[n, d], of any length.
        norms: float32[n], 1 over each row's length; what is not above 0 and finite counts as no
            vector.
    """
    n, d = vectors.shape
    bits = sketch_bits(d)
    signs = np.zeros((n, bits // 8), np.uint8)
    magnitudes = np.zeros((n, bits // 8), np.uint8)
    factors = np.zeros((3, n), np.float32)
    factors[1] = -np.inf
    is_there = (norms > 0) & np.isfinite(norms)
    if not d or not is_there.any():
        return Sketches(np.zeros(bits, np.float32), side_by_side(signs), magnitudes, factors)
    centre = _centre(vectors, norms, is_there)
    for rows in _blocks(is_there):
        rests = rotated(vectors[rows] * norms[rows, None]) - centre
        squares = np.einsum("ij,ij->i", rests, rests, dtype=np.float64)
        sizes = np.abs(rests)
        is_large = sizes > (_LARGE * np.sqrt(squares / bits)).astype(np.float32)[:, None]
        signs[rows] = np.packbits(rests > 0, axis=1, bitorder="little")
        magnitudes[rows] = np.packbits(is_large, axis=1, bitorder="little")
        by_signs = sizes.sum(axis=1, dtype=np.float64)
        large = np.where(is_large, sizes, 0).sum(axis=1, dtype=np.float64)
        factors[0, rows] = _shares(squares, by_signs)
        factors[1, rows] = np.einsum("ij,j->i", rests, centre, dtype=np.float64)
        factors[2, rows] = _shares(squares, by_signs + (_LARGE_LEVEL - 1) * large)
    return Sketches(centre, side_by_side(signs), magnitudes, factors)


def encode_signs(turned: F32, is_there: Bools, centre: F32) -> tuple[U8, F32]:
    """Return the signs and the factors of rows as seen from a centre, without second bits.

    Args:
        turned: float32[n, D], unit rows turned (`rotation`); overwritten.
        is_there: bool[n], which of them are vectors.
        centre: float32[D], turned.

    Returns:
        uint8[ceil(n / 64), D / 8, 64] signs; float32[3, n]: slopes, offsets, zeros. Sums are
        float32's, near those of `encode_sketches`.
    """
    rests = np.subtract(turned, centre, out=turned)
    factors = np.zeros((3, len(rests)), np.float32)
    signs = np.packbits(rests > 0, axis=1, bitorder="little")
    factors[1] = np.einsum("ij,j->i", rests, centre)
    squares = np.einsum("ij,ij->i", rests, rests)
    by_signs = np.abs(rests, out=rests).sum(axis=1)
    np.divide(squares, by_signs, out=factors[0], where=by_signs > 0)
    factors[:2, ~is_there] = np.array([[0], [-np.inf]])
    return side_by_side(signs), factors


def side_by_side(planes: U8) -> U8:
    """Return the rows of uint8[n, b] as uint8[ceil(n / 64), b, 64], the layout of signs."""
    n, row_bytes = planes.shape
    blocks_count = -(-n // BLOCK_ROWS)
    padded = np.zeros((blocks_count * BLOCK_ROWS, row_bytes), np.uint8)
    padded[:n] = planes
    blocks = padded.reshape(blocks_count, BLOCK_ROWS, row_bytes)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1))


def row_by_row(blocks: U8) -> U8:
    """Return uint8[64 m, b]: the rows of uint8[m, b, 64]; the opposite of `side_by_side`."""
    blocks_count, row_bytes, rows_count = blocks.shape
    return blocks.transpose(0, 2, 1).reshape(blocks_count * rows_count, row_bytes)


def _shares(squares: F64, products: F64) -> F64:
    """Return what an inner product with a code is multiplied by; 0 for a row at the centre."""
    out = np.zeros_like(squares)
    np.divide(squares, products, out=out, where=products > 0)
    return out


def _centre(vectors: F32, norms: F32, is_there: Bools) -> F32:
    total = np.zeros(vectors.shape[1], np.float64)
    for rows in _blocks(is_there):
        total += norms[rows].astype(np.float64) @ vectors[rows]
    return rotated((total / np.count_nonzero(is_there)).astype(np.float32))


def _blocks(is_there: Bools) -> Iterator[NDArray[np.int64]]:
    numbers = np.flatnonzero(is_there)
    for start in range(0, len(numbers), _BLOCK_ROWS):
        yield numbers[start : start + _BLOCK_ROWS]


@lru_cache(_ROTATIONS_MAX)
def turning(dimensions: int) -> F32:
    """Return float32[D, d], what `rotation` is turned over: a row for each number of a product."""
    return np.ascontiguousarray(rotation(dimensions).T)


@lru_cache(_ROTATIONS_MAX)
def rotation(dimensions: int) -> F32:
    """Return float32[d, D] with orthonormal rows, the same in every process; a product turns."""
    bits = sketch_bits(dimensions)
    raw = shake_256(_SEED + dimensions.to_bytes(4, "little")).digest(4 * bits * dimensions)
    noise = np.frombuffer(raw, "<i4").reshape(bits, dimensions) / 2.0**31
    # The orthonormal factor of noise = QR with a positive diagonal in R. By way of Cholesky it is
    # three large products: Householder's many small ones wait for threads that openings keep busy.
    lower = np.linalg.cholesky(noise.T @ noise)
    return np.ascontiguousarray(np.linalg.solve(lower, noise.T), np.float32)
