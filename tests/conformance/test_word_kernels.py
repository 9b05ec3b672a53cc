"""Word search of every backend, over random postings and at every level, against the reference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.testing.kernels.words import check_search, random_columns

if TYPE_CHECKING:
    from engram.kernels.protocol import KernelBackend


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 400),
    terms=st.integers(1, 7),
    k=st.integers(1, 400),
    tf_max=st.sampled_from([1, 2, 65_535]),
    length_max=st.sampled_from([0, 1, 50]),
    k1=st.sampled_from([0.0, 0.9, 1.2]),
    b=st.sampled_from([0.0, 0.4, 1.0]),
    dead=st.sampled_from([0.0, 0.2]),
    masked=st.booleans(),
)
def test_search_is_that_of_the_reference(
    *,
    seed: int,
    rows: int,
    terms: int,
    k: int,
    tf_max: int,
    length_max: int,
    k1: float,
    b: float,
    dead: float,
    masked: bool,
) -> None:
    """Random postings give the reference's scores, and the very order these scores ask for."""
    random = np.random.default_rng(seed)
    columns = random_columns(
        random,
        rows,
        (random.random(terms) ** 3).tolist(),
        cuts=random.integers(0, rows + 1, int(random.integers(0, 4))).tolist(),
        lengths=random.integers(0, length_max + 1, rows).astype(np.uint32),
        tf_max=tf_max,
        dead_share=dead,
        k1=k1,
        b=b,
    )
    asked = random.permutation(terms + 1).tolist()
    repeats = random.integers(1, 4, terms + 1).tolist()
    bits = int(random.integers(0, rows + 20))
    mask = np.packbits(random.random(bits) < random.random(), bitorder="little") if masked else None
    for backend in (NumpyBackend(), ZigBackend()):
        check_search(backend, columns, asked, k, repeats=repeats, mask=mask)


def test_leaving_words_out_changes_no_answer_at_100_003_rows() -> None:
    """Over many blocks and segments, Zig answers what numpy does, which looks at every posting."""
    random = np.random.default_rng(5)
    columns = random_columns(
        random,
        100_003,
        [0.0002, 0.003, 0.02, 0.1, 0.5, 0.98],
        cuts=[70_000, 95_000, 100_000, 100_002],
        dead_share=0.01,
    )
    mask = np.packbits(random.random(100_003) < 0.5, bitorder="little")
    numpy, zig = NumpyBackend(), ZigBackend()
    for terms in ([5], [0, 5], [0, 3, 5], [3, 4], [0, 1, 2, 3, 4, 5], [4, 5]):
        asked, repeats = np.array(terms, np.uint32), np.ones(len(terms), np.uint32)
        for k in (1, 10, 400):
            for bits in (None, mask):
                assert _lists(zig, columns, asked, repeats, k, bits) == _lists(
                    numpy, columns, asked, repeats, k, bits
                )


def _lists(backend: KernelBackend, *arguments: object) -> tuple[list[float], list[int]]:
    columns, asked, repeats, k, mask = arguments
    scores, rows = backend.bm25_top_k(columns, asked, repeats, k, mask=mask)  # type: ignore[arg-type]
    return scores.tolist(), rows.tolist()
