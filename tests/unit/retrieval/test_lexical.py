from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from engram.kernels.numpy_backend import NumpyBackend
from engram.model.errors import InvalidRequest, InvariantViolated
from engram.retrieval import lexical
from engram.retrieval.lexical import WordIndex
from engram.retrieval.word_view import WordView

KERNELS = NumpyBackend()
TEXTS = ["red apple", "green apple pie", "red red wine", "", "blue sky"]


def filled() -> WordIndex:
    index = WordIndex()
    index.add(0, TEXTS)
    return index


def top_k(
    view: WordView, query: str, k: int, mask: NDArray[np.uint8] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    return view.top_k(KERNELS, view.asked(query), k, mask)


def scores_of(
    view: WordView, query: str, wanted: NDArray[np.uint32] | list[int]
) -> NDArray[np.float32]:
    return view.scores(KERNELS, view.asked(query), np.array(wanted, np.uint32))


def rows(view: WordView, query: str, k: int = 10, mask: list[int] | None = None) -> list[int]:
    bits = None
    if mask is not None:
        bits = np.packbits(np.isin(np.arange(64), mask), bitorder="little")
    return [int(row) for row in top_k(view, query, k, bits)[1]]


def test_rows_with_a_word_of_the_cue_are_found_best_first() -> None:
    assert rows(filled().snapshot(), "red wine") == [2, 0]


def test_score_is_the_formula_of_okapi() -> None:
    scores, _ = top_k(WordIndex("none", k1=1.5, b=0.5).snapshot(), "red", 3)
    assert scores.size == 0
    index = WordIndex("none", k1=1.5, b=0.5)
    index.add(0, TEXTS)
    scores, found = top_k(index.snapshot(), "red", 3)
    idf = np.log(1 + (4 - 2 + 0.5) / (2 + 0.5))  # the empty text is none of the four
    norm = [1.5 * (0.5 + 0.5 * length / 2.5) for length in (3, 2)]
    assert found.tolist() == [2, 0]
    assert scores == pytest.approx([idf * 2 * 2.5 / (2 + norm[0]), idf * 2.5 / (1 + norm[1])])
    assert (scores.dtype.name, found.dtype.name) == ("float32", "uint32")


def test_equal_scores_come_by_row() -> None:
    index = WordIndex()
    index.add(0, ["same words"] * 20)
    assert rows(index.snapshot(), "words", 5) == [0, 1, 2, 3, 4]


def test_mask_is_honoured_before_the_best_are_chosen() -> None:
    assert rows(filled().snapshot(), "red", 1, mask=[0]) == [0]


def test_rows_beyond_the_mask_are_not_found() -> None:
    view = filled().snapshot()
    assert top_k(view, "sky apple", 9, np.empty(0, np.uint8))[1].size == 0
    index = WordIndex()
    index.add(0, ["word"] + [""] * 500 + ["word"])
    assert top_k(index.snapshot(), "word", 9, np.array([1], np.uint8))[1].tolist() == [0]


@pytest.mark.parametrize("query", ["", "?!", "unheard", "zzz qqq"])
def test_cue_without_a_known_word_finds_nothing(query: str) -> None:
    view = filled().snapshot()
    assert rows(view, query) == []
    assert scores_of(view, query, [0, 1]).tolist() == [0, 0]


def test_k_of_zero_finds_nothing() -> None:
    assert rows(filled().snapshot(), "red", 0) == []


def test_repeated_word_of_the_cue_counts_twice() -> None:
    view = filled().snapshot()
    once, _ = top_k(view, "sky", 1)
    twice, _ = top_k(view, "sky sky", 1)
    assert twice.tolist() == pytest.approx([2 * once[0]])


def test_scores_of_given_rows_are_those_of_the_search() -> None:
    view = filled().snapshot()
    scores, found = top_k(view, "red apple", 10)
    assert scores_of(view, "red apple", found[::-1]).tolist() == scores[::-1].tolist()
    assert scores_of(view, "red apple", [3, 4]).tolist() == [0, 0]
    assert scores_of(view, "red apple", np.empty(0, np.uint32)).tolist() == []


def test_matched_terms_are_words_of_the_cue() -> None:
    view = filled().snapshot()
    assert view.matched_terms("Apples, pies and wine; apples", 1) == ["apples", "pies"]
    assert view.matched_terms("red", 4) == []


def test_removed_row_is_neither_found_nor_counted() -> None:
    index = filled()
    index.remove([2, 3], [TEXTS[2], TEXTS[3]])
    never = WordIndex()
    never.add(0, TEXTS[:2])
    never.add(4, TEXTS[4:])
    view = index.snapshot()
    assert (
        top_k(view, "red apple", 5)[0].tolist()
        == top_k(never.snapshot(), "red apple", 5)[0].tolist()
    )
    assert rows(view, "red wine") == [0]
    assert scores_of(view, "red", [2]).tolist() == [0]
    assert view.matched_terms("red", 2) == []


def test_view_of_some_rows_scores_as_an_index_of_these_alone() -> None:
    index = filled()
    index.remove([2], [TEXTS[2]])
    index.add(5, ["white wine", "red tea"])
    view = index.snapshot()
    then = view.of(np.array([True, True, True, True, True]), view.asked("red wine"))
    expected = top_k(filled().snapshot(), "red wine", 9)
    assert [c.tolist() for c in top_k(then, "red wine", 9)] == [c.tolist() for c in expected]
    assert then.matched_terms("red wine", 2) == ["red", "wine"]
    assert then.matched_terms("white wine", 5) == []
    assert rows(view, "red wine") == [5, 0, 6]


def test_few_terms_and_many_are_counted_alike() -> None:
    words = WordIndex("none")
    for row in range(40):
        words.add(row, [" ".join(f"w{number}" for number in range(row + 1))])
    words.remove([39], [" ".join(f"w{number}" for number in range(40))])
    view = words.snapshot()
    asked = view.asked(" ".join(f"w{number}" for number in range(40)))
    many = view.columns.dfs(asked.terms)
    few = [view.columns.dfs(asked.terms[at : at + 1]).tolist() for at in range(40)]
    assert many.tolist() == [df for dfs in few for df in dfs] == list(range(39, -1, -1))


def test_index_of_which_all_is_removed_finds_nothing() -> None:
    index = filled()
    index.remove(np.arange(5, dtype=np.uint32), TEXTS)
    assert rows(index.snapshot(), "red apple sky") == []


def test_view_does_not_see_what_comes_after_it() -> None:
    index = filled()
    view = index.snapshot()
    before = top_k(view, "red apple sky", 10)
    for row in range(5, 3000):
        index.add(row, ["red sky of another day"])
    index.remove([0, 1], TEXTS[:2])
    after = top_k(view, "red apple sky", 10)
    assert [column.tolist() for column in before] == [column.tolist() for column in after]
    assert view.row_count == 5
    assert view.matched_terms("another day", 4) == []


def test_view_made_after_a_removal_survives_the_next_removal() -> None:
    index = filled()
    index.remove([0], TEXTS[:1])
    view = index.snapshot()
    index.remove([2], TEXTS[2:3])
    assert rows(view, "red") == [2]


def test_threads_read_while_the_writer_adds() -> None:
    index = filled()
    view = index.snapshot()
    expected = rows(view, "red apples")
    wrong: list[list[int]] = []

    def read() -> None:
        for _ in range(30):
            found = rows(view, "red apples")
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for row in range(5, 100):
        index.add(row, [f"red apples number {row}"])
    for thread in threads:
        thread.join()
    assert wrong == []


def test_rows_indexed_is_where_to_go_on() -> None:
    index = WordIndex()
    assert index.rows_indexed == 0
    index.add(3, ["red"])
    assert index.rows_indexed == 4
    index.add(4, [])
    assert index.rows_indexed == 4
    assert rows(index.snapshot(), "red") == [3]


def test_rows_go_only_up() -> None:
    index = filled()
    with pytest.raises(InvariantViolated, match="increasing"):
        index.add(4, ["again"])


@pytest.mark.parametrize(
    ("removed", "texts", "sentence"),
    [
        ([0], ["another text altogether"], "the text it was added with"),
        ([5], ["red"], "only indexed rows"),
        ([0, 0], [TEXTS[0], TEXTS[0]], "removed once"),
        ([1], [], "comes with its text"),
    ],
)
def test_removal_that_cannot_be_is_refused(
    removed: list[int], texts: list[str], sentence: str
) -> None:
    with pytest.raises(InvariantViolated, match=sentence):
        filled().remove(removed, texts)


def test_row_is_removed_once() -> None:
    index = filled()
    index.remove([0], TEXTS[:1])
    with pytest.raises(InvariantViolated, match="removed once"):
        index.remove([0], TEXTS[:1])


def test_cache_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "WORDS_CACHED_MAX", 10)
    index = WordIndex("none")
    index.add(0, [f"word{i} shared" for i in range(100)])
    assert len(index._ids) <= 10
    assert rows(index.snapshot(), "word3 word97") == [3, 97]


def test_long_words_are_not_cached() -> None:
    index = WordIndex()
    index.add(0, ["x" * 100_000, "x" * 100_000])
    assert len(index._ids) == 0
    assert rows(index.snapshot(), "x" * 70) == [0, 1]


def test_resident_bytes_grow_with_what_is_held() -> None:
    index = WordIndex()
    empty = index.resident_bytes
    index.add(0, [f"text number{i}" for i in range(2000)])
    postings = sum(s.resident_bytes for s in index._segments)
    assert index.resident_bytes > empty + postings


@pytest.mark.parametrize(("k1", "b"), [(-1, 0.5), (float("nan"), 0.5), (1.2, 1.5)])
def test_parameters_outside_the_formula_are_refused(k1: float, b: float) -> None:
    with pytest.raises(InvalidRequest):
        WordIndex(k1=k1, b=b)


def test_an_erased_text_leaves_no_posting_and_no_word_of_its_own() -> None:
    """Words that others have too stay; a word nobody else has cannot be read from the index."""
    index = WordIndex("none")
    index.add(0, ["apple zyzzyva", "apple bread", "bread quokka"])
    index.remove([2], ["bread quokka"])
    index.erase([0, 2])
    view = index.snapshot()
    readable = {term for term in view.terms if not term.startswith("\0")}
    assert readable == {"apple", "bread"}
    assert [row for segment in view.columns.segments for row in segment[2].tolist()] == [1, 1]
    index.add(3, ["zyzzyva again"])
    assert index.snapshot().matched_terms("zyzzyva", 3) == ["zyzzyva"]
