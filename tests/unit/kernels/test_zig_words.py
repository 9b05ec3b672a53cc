"""What only the Zig word kernels have: an arena, several levels, a memory that must stay whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.kernels.arena import arena_stats, configure_arena, reset_arenas
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.words.columns import WordColumns
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import ArenaExhausted
from engram.testing.kernels.words import check_search, random_columns

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARES = [0.01, 0.05, 0.2, 0.5, 0.9, 1.0]


@pytest.fixture
def small_arena() -> Iterator[None]:
    before = arena_stats()
    configure_arena(size_bytes=4096, overflow="error")
    yield
    configure_arena(size_bytes=before.size_bytes, overflow=before.overflow)
    reset_arenas()


@pytest.mark.usefixtures("small_arena")
def test_a_small_arena_gives_smaller_blocks_and_the_same_answers() -> None:
    random = np.random.default_rng(1)
    columns = random_columns(random, 3000, SHARES, cuts=[1000, 2500])
    for k in (1, 50, 3000):
        check_search(ZigBackend(), columns, list(range(len(SHARES))), k)


@pytest.mark.usefixtures("small_arena")
def test_a_cue_of_too_many_words_for_the_arena_is_refused_with_the_size_to_set() -> None:
    """The same cue is answered once that size is set."""
    columns = random_columns(np.random.default_rng(2), 100, [0.2] * 200)
    terms, repeats = np.arange(200, dtype=np.uint32), np.ones(200, np.uint32)
    zig = ZigBackend()
    with pytest.raises(ArenaExhausted) as refused:
        zig.bm25_top_k(columns, terms, repeats, 5)
    with pytest.raises(ArenaExhausted):
        zig.bm25_scores(columns, terms, repeats, terms)
    configure_arena(size_bytes=1 << (refused.value.needed_bytes - 1).bit_length())
    check_search(zig, columns, terms.tolist(), 5)


def test_levels_agree_to_the_last_bit() -> None:
    columns = random_columns(np.random.default_rng(3), 9000, SHARES, cuts=[8000], tf_max=9)
    terms, repeats = np.arange(6, dtype=np.uint32), np.ones(6, np.uint32)
    zig = ZigBackend()
    before, found = zig.isa, []
    try:
        for level in zig.isa_levels:
            zig.select_isa(level)
            found.append([part.tolist() for part in zig.bm25_top_k(columns, terms, repeats, 200)])
    finally:
        zig.select_isa(before)
    assert all(one == found[0] for one in found)


@pytest.mark.parametrize("disorder", ["rows not ascending", "rows past the last", "offsets"])
def test_columns_that_break_their_promise_break_no_memory(disorder: str) -> None:
    """Answers are wrong then, but they name rows of the index, and both calls return."""
    random = np.random.default_rng(4)
    rows = random.integers(0, 5000, 4000).astype(np.uint32)
    offsets = np.array([0, 1000, 4000])
    if disorder == "rows past the last":
        rows = np.sort(random.integers(0, 2**32, 4000, dtype=np.uint64)).astype(np.uint32)
    elif disorder == "offsets":
        rows.sort()
        offsets = np.array([-5, 2**40, 4000])
    segment = (np.arange(2, dtype=np.uint32), offsets, rows, np.ones(4000, np.uint16))
    columns = WordColumns(
        [segment],
        np.full(5000, 40, np.uint32),
        dead=None,
        dead_df=np.zeros(0, np.uint32),
        texts_count=5000,
        words_count=200_000,
        k1=0.9,
        b=0.4,
    )
    terms, repeats = np.arange(2, dtype=np.uint32), np.ones(2, np.uint32)
    zig = ZigBackend()
    for k in (1, 5000):
        assert (zig.bm25_top_k(columns, terms, repeats, k)[1] < 5000).all()
    assert zig.bm25_scores(columns, terms, repeats, rows).size == rows.size


def test_words_left_out_are_counted_in_when_they_decide() -> None:
    """A row that only light words lift above the others is found, from the last row too."""
    rows_count = 6000
    every = np.arange(rows_count, dtype=np.uint32)
    rare = every[::10]
    winner = rare[-1]
    light = np.concatenate([every[:4000], [winner]]).astype(np.uint32)
    tfs = np.concatenate([np.ones(rare.size), np.ones(4000), [50]]).astype(np.uint16)
    segment = (
        np.array([3, 8], np.uint32),
        np.array([0, rare.size, rare.size + light.size]),
        np.concatenate([rare, light]),
        tfs,
    )
    columns = WordColumns(
        [segment],
        np.full(rows_count, 40, np.uint32),
        dead=None,
        dead_df=np.zeros(0, np.uint32),
        texts_count=rows_count,
        words_count=40 * rows_count,
        k1=0.9,
        b=0.4,
    )
    terms, repeats = np.array([8, 3], np.uint32), np.ones(2, np.uint32)
    for backend in (NumpyBackend(), ZigBackend()):
        assert backend.bm25_top_k(columns, terms, repeats, 3)[1].tolist() == [winner, 0, 10]
