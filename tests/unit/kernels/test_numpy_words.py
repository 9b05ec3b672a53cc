"""What only the numpy word kernels do: cut long work into ranges of rows, unpack masks."""

from __future__ import annotations

import numpy as np
import pytest

from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.words import numpy_kernels
from engram.kernels.words.columns import WordColumns
from engram.testing.kernels.words import check_search, random_columns


@pytest.mark.parametrize("at_once", [1, 50, 1000])
def test_cut_into_ranges_of_rows_the_answer_is_the_same(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numpy_kernels, "_POSTINGS_AT_ONCE", at_once)
    random = np.random.default_rng(1)
    columns = random_columns(random, 400, [0.02, 0.4, 0.9], cuts=[90, 300], dead_share=0.1)
    mask = np.packbits(random.random(400) < 0.5, bitorder="little")
    for k in (1, 30, 400):
        check_search(NumpyBackend(), columns, [1, 0, 2], k, mask=mask)


def test_rows_that_all_lie_past_the_mask_are_not_found() -> None:
    """Whatever lay in the memory that numpy unpacks the bits of nothing into."""
    rows = np.arange(1000, 1064, dtype=np.uint32)
    segment = (
        np.zeros(1, np.uint32),
        np.array([0, rows.size]),
        rows,
        np.ones(rows.size, np.uint16),
    )
    columns = WordColumns(
        [segment],
        np.ones(1064, np.uint32),
        dead=None,
        dead_df=np.zeros(0, np.uint32),
        texts_count=1064,
        words_count=1064,
        k1=0.9,
        b=0.4,
    )
    terms, repeats, mask = np.zeros(1, np.uint32), np.ones(1, np.uint32), np.full(9, 255, np.uint8)
    for _ in range(20):
        leftovers = [np.full(rows.size, 255, np.uint8) for _ in range(50)]
        del leftovers
        found = NumpyBackend().bm25_top_k(columns, terms, repeats, 5, mask=mask)[1]
        assert found.tolist() == []
