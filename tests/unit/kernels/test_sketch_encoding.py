"""What a sketch keeps of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.kernels.sketches.encoding import (
    Sketches,
    encode_sketches,
    rotated,
    row_by_row,
    side_by_side,
    sketch_bits,
)

if TYPE_CHECKING:
    from engram.kernels.arrays import F32

_ROWS, _DIMENSIONS = 300, 96


@pytest.fixture(scope="module")
def rows() -> F32:
    """Give rows of many lengths that share a direction, as embeddings do."""
    random = np.random.default_rng(41)
    noise = random.standard_normal((_ROWS, _DIMENSIONS), np.float32)
    lengths = random.uniform(0.1, 10, (_ROWS, 1)).astype(np.float32)
    return np.asarray((noise + np.float32(2) * noise[0]) * lengths, np.float32)


def estimates(sketches: Sketches, query: F32, *, with_magnitudes: bool) -> F32:
    """Estimate the cosine of a unit query with every row by the formula of the module."""
    turned = rotated(query)
    rest = turned - sketches.centre
    codes = (
        np.unpackbits(row_by_row(sketches.signs), axis=1, bitorder="little")[
            : len(sketches.magnitudes)
        ]
        * 2.0
        - 1.0
    )
    slopes = sketches.factors[0]
    if with_magnitudes:
        codes *= np.unpackbits(sketches.magnitudes, axis=1, bitorder="little") * 2.0 + 1.0
        slopes = sketches.factors[2]
    estimated = slopes * (codes @ rest) + sketches.factors[1] + sketches.centre @ turned
    return np.asarray(estimated, np.float32)


def inverse_norms(rows: F32) -> F32:
    return np.asarray(1 / np.linalg.norm(rows, axis=1), np.float32)


@pytest.mark.parametrize(("with_magnitudes", "deviation"), [(False, 0.04), (True, 0.02)])
def test_the_estimate_of_a_cosine_is_near(
    rows: F32, with_magnitudes: bool, deviation: float
) -> None:
    norms = inverse_norms(rows)
    sketches = encode_sketches(rows, norms)
    query = rows[7] * norms[7]
    cosines = (rows @ query) * norms
    errors = estimates(sketches, query, with_magnitudes=with_magnitudes) - cosines
    assert abs(float(errors.mean())) < deviation / 4
    assert float(errors.std()) < deviation


def test_turning_keeps_lengths_and_angles() -> None:
    random = np.random.default_rng(42)
    for d in (1, 2, 3, 64, 65, 200):
        pairs = random.standard_normal((2, d)).astype(np.float32)
        turned = rotated(pairs)
        assert turned.shape == (2, sketch_bits(d))
        assert np.allclose(turned @ turned.T, pairs @ pairs.T, rtol=1e-5, atol=1e-5)


def test_the_rotation_is_that_of_every_release() -> None:
    """Stored sketches mean nothing under another one."""
    turned = rotated(np.array([1, -2, 0.5], np.float32))
    meant = [-0.2631582, -0.1814748, 0.0049838, 0.1624444]
    assert np.allclose(turned[:4], meant, rtol=0, atol=1e-6)


def test_planes_are_whole_words_and_none_without_dimensions() -> None:
    widths = [sketch_bits(d) for d in (0, 1, 128, 129, 256, 384, 385)]
    assert widths == [0, 128, 128, 192, 256, 384, 448]
    sketches = encode_sketches(np.zeros((3, 0), np.float32), np.zeros(3, np.float32))
    shapes = [array.shape for array in sketches]
    assert shapes == [(0,), (1, 0, 64), (3, 0), (3, 3)]


def test_a_row_without_a_vector_has_no_estimate(rows: F32) -> None:
    """Neither does it move the centre."""
    norms = inverse_norms(rows)
    without = norms.copy()
    without[[2, 5]] = 0, np.nan
    odd = rows.copy()
    odd[2], odd[5] = 1e30, np.nan
    sketches = encode_sketches(odd, without)
    others = np.delete(np.arange(_ROWS), [2, 5])
    for row in (2, 5):
        assert sketches.factors[:, row].tolist() == [0, -np.inf, 0]
    meant = encode_sketches(rows[others], norms[others])
    assert np.array_equal(sketches.centre, meant.centre)
    assert np.array_equal(
        row_by_row(sketches.signs)[others], row_by_row(meant.signs)[: len(others)]
    )
    assert np.allclose(sketches.factors[:, others], meant.factors, rtol=1e-5)


def test_no_row_at_all_and_rows_without_any_vector() -> None:
    for n in (0, 2):
        sketches = encode_sketches(np.zeros((n, 5), np.float32), np.zeros(n, np.float32))
        assert not sketches.centre.any()
        assert (sketches.factors[1] == -np.inf).all()


def test_equal_rows_are_their_centre_exactly() -> None:
    """A lone row's rest is nothing, or what rounding left: its estimate is its cosine."""
    row = np.array([[3, 4, 0, 0]], np.float32)
    for rows in (row, np.repeat(row, 9, axis=0)):
        sketches = encode_sketches(rows, np.full(len(rows), 0.2, np.float32))
        for query, cosine in (((1, 0, 0, 0), 0.6), ((0, 0, 1, 0), 0.0), ((0.6, 0.8, 0, 0), 1.0)):
            asked = np.array(query, np.float32)
            for with_magnitudes in (False, True):
                estimated = estimates(sketches, asked, with_magnitudes=with_magnitudes)
                assert np.allclose(estimated, cosine, atol=1e-5)


def test_more_rows_than_a_block_give_what_they_give_together() -> None:
    random = np.random.default_rng(43)
    rows = random.standard_normal((4096 + 5, 8)).astype(np.float32)
    sketches = encode_sketches(rows, inverse_norms(rows))
    rests = rotated(rows * inverse_norms(rows)[:, None]) - sketches.centre
    differing = (
        np.packbits(rests > 0, axis=1, bitorder="little") ^ row_by_row(sketches.signs)[: len(rows)]
    )
    assert np.unpackbits(differing).mean() < 1e-4


def test_the_signs_of_64_rows_stand_side_by_side() -> None:
    planes = np.random.default_rng(44).integers(0, 256, (70, 16), np.uint8)
    blocks = side_by_side(planes)
    assert blocks.shape == (2, 16, 64)
    assert np.array_equal(blocks[1, 3, :6], planes[64:, 3])
    assert not blocks[1, :, 6:].any()
    assert np.array_equal(row_by_row(blocks)[:70], planes)


@pytest.mark.parametrize("norm", [np.inf, np.nan, -1.0])
def test_a_norm_that_is_no_length_counts_as_no_vector(norm: float) -> None:
    """A vector too short for its norm to be a float32 is sketched as none, without a warning."""
    vectors = np.full((2, 8), 1e-40, np.float32)
    vectors[1] = 1.0
    norms = np.array([norm, 8**-0.5], np.float32)
    found = encode_sketches(vectors, norms)
    alone = encode_sketches(vectors[1:], norms[1:])
    assert found.factors[1, 0] == -np.inf
    assert found.factors[:, 1].tolist() == alone.factors[:, 0].tolist()
