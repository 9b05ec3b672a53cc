"""Word search against BM25 by plain loops over Python lists."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.protocol import KernelBackend
from engram.kernels.zig_backend import ZigBackend
from engram.retrieval.lexical import WordIndex
from engram.retrieval.tokens import Tokenizer
from engram.state.bodies import NO_ROW

WORDS = ["apple", "apples", "bread", "candle", "don't", "the", "東京", "京都", "ma", "má", "3.5"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
LANGUAGE = st.sampled_from(["english", "none"])
K1, B = 1.1, 0.6
BACKENDS: list[KernelBackend] = [NumpyBackend(), ZigBackend()]


def plain_scores(live: dict[int, str], query: str, tokenizer: Tokenizer) -> dict[int, float]:
    """Return the positive scores by row."""
    documents = {row: tokenizer.document(text) for row, text in live.items()}
    counts = {row: Counter(map(tokenizer.term, words)) for row, (words, _) in documents.items()}
    lengths = {row: length for row, (_, length) in documents.items() if length}
    scores: dict[int, float] = {}
    for term in map(tokenizer.term, tokenizer.query(query)):
        df = sum(term in counted for counted in counts.values())
        for row, counted in counts.items():
            if term in counted:
                idf = math.log(1 + (len(lengths) - df + 0.5) / (df + 0.5))
                average = sum(lengths.values()) / len(lengths)
                norm = K1 * (1 - B + B * lengths[row] / average)
                part = idf * counted[term] * (K1 + 1) / (counted[term] + norm)
                scores[row] = scores.get(row, 0.0) + part
    return scores


def check_equal(
    index: WordIndex, live: dict[int, str], query: str, k: int, allowed: set[int] | None
) -> None:
    """Compare every backend with the plain loops."""
    view = index.snapshot()
    asked = view.asked(query)
    expected = plain_scores(live, query, view.tokenizer)
    every_row = np.arange(view.row_count, dtype=np.uint32)
    mask = None
    if allowed is not None:
        bits = np.isin(every_row, list(allowed))
        mask = np.packbits(bits, bitorder="little")
    candidates = [row for row in expected if allowed is None or row in allowed]
    for kernels in BACKENDS:
        of_rows = view.scores(kernels, asked, every_row)
        assert of_rows.tolist() == pytest.approx(
            [expected.get(row, 0.0) for row in range(view.row_count)], rel=1e-6
        )
        scores, rows = view.top_k(kernels, asked, k, mask)
        best = sorted(candidates, key=lambda row: (-of_rows[row], row))[:k]
        assert rows.tolist() == best
        assert scores.tolist() == of_rows[best].tolist()
    for row in live:
        assert bool(view.matched_terms(query, row)) == (row in expected)


def renumbered(
    index: WordIndex, dropped: set[int], live: dict[int, str]
) -> tuple[WordIndex, dict[int, str]]:
    """Return an index without some rows that are gone, and the live texts by their new rows."""
    kept = [row for row in range(index.rows_indexed) if row not in dropped]
    new_rows = np.full(index.rows_indexed, NO_ROW, np.uint32)
    new_rows[kept] = np.arange(len(kept))
    twin = index.copy()
    twin.renumber(new_rows)
    assert all((segment[2] < len(kept)).all() for segment in twin.snapshot().columns.segments)
    return twin, {int(new_rows[row]): text for row, text in live.items()}


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_search_equals_plain_loops(data: st.DataObject) -> None:
    """Any history of additions, removals and renumberings answers like loops over the living."""
    index = WordIndex(data.draw(LANGUAGE), K1, B)
    live: dict[int, str] = {}
    for _ in range(data.draw(st.integers(1, 5))):
        batch = data.draw(st.lists(TEXT, max_size=8))
        first = index.rows_indexed + data.draw(st.sampled_from([0, 0, 0, 3]))
        index.add(first, batch)
        live.update(enumerate(batch, first))
        gone = data.draw(st.lists(st.sampled_from(sorted(live)), unique=True)) if live else []
        index.remove(gone, [live.pop(row) for row in gone])
        erased = (
            data.draw(st.lists(st.sampled_from(sorted(live) + gone), unique=True)) if live else []
        )
        index.erase(erased)
        for row in erased:
            live.pop(row, None)
        if data.draw(st.booleans()):
            dropped = set(range(index.rows_indexed)) - live.keys()
            dropped -= {row for row in gone if data.draw(st.booleans())}
            if live:  # what was forgotten and not taken out yet
                dropped |= set(data.draw(st.lists(st.sampled_from(sorted(live)), max_size=2)))
            live = {row: text for row, text in live.items() if row not in dropped}
            before = index.snapshot()
            index, live = renumbered(index, dropped, live)
            assert before.row_count == index.rows_indexed + len(dropped)
        allowed = data.draw(st.none() | st.sets(st.integers(0, 40)))
        check_equal(index, live, data.draw(TEXT), data.draw(st.integers(1, 30)), allowed)


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=30), st.lists(st.integers(0, 30), max_size=6), TEXT)
def test_answers_do_not_depend_on_batches(texts: list[str], cuts: list[int], query: str) -> None:
    """The same texts in other batches give the same bits."""
    whole, parts = WordIndex(), WordIndex()
    whole.add(0, texts)
    edges = sorted({0, len(texts), *(min(cut, len(texts)) for cut in cuts)})
    for begin, end in itertools.pairwise(edges):
        parts.add(begin, texts[begin:end])
    for kernels in BACKENDS:
        expected, found = (
            view.top_k(kernels, view.asked(query), 9)
            for view in (whole.snapshot(), parts.snapshot())
        )
        assert [column.tolist() for column in found] == [column.tolist() for column in expected]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_sparse_rows_of_a_large_index_equal_plain_loops(seed: int, k: int) -> None:
    """Rows far apart, where touched rows are sorted, give the answer of the plain loops."""
    random = np.random.default_rng(seed)
    index = WordIndex("none", K1, B)
    live: dict[int, str] = {}
    row = 0
    for _ in range(20):
        row += int(random.integers(1, 400))
        live[row] = " ".join(random.choice(WORDS, int(random.integers(1, 6))))
        index.add(row, [live[row]])
    allowed = set(random.choice(row + 1, row // 2).tolist())
    check_equal(index, live, " ".join(random.choice(WORDS, 3)), k, allowed)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_every_text_has_words_and_terms(text: str) -> None:
    """No text makes the tokenizer fail, emit an empty term, or lose a word of its own cue."""
    tokenizer = Tokenizer()
    words, length = tokenizer.document(text)
    terms = [tokenizer.term(word) for word in words]
    assert all(terms)
    assert length <= len(words)
    assert {tokenizer.term(word) for word in tokenizer.query(text)} <= set(terms)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_ascii_text_has_equal_words_beside_other_scripts(text: str) -> None:
    """The fast path for ASCII finds what the path for all scripts finds."""
    tokenizer = Tokenizer("none")
    beside, _ = tokenizer.document(f"{text} и")
    assert beside == [*tokenizer.document(text)[0], "и"]
