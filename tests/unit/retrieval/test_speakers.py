from __future__ import annotations

import numpy as np
import pytest

from engram.retrieval.lexical import WordIndex
from engram.retrieval.speakers import label_words, without_names
from engram.retrieval.tokens import Tokenizer
from engram.retrieval.word_view import WordView

TOKENIZER = Tokenizer()
TEXTS = [
    "Ana: I moved to Oslo",
    "Ben: hello Ana, how is Oslo?",
    "Ana Lima: it rains",
    "Oslo is a city",
]


def view_of(*texts: str) -> WordView:
    index = WordIndex()
    index.add(0, texts)
    return index.snapshot()


def said(view: WordView, cue: str, count: int) -> list[float]:
    flags = view.said_by(view.speakers(cue), np.arange(count, dtype=np.uint32))
    return [float(flag) for flag in flags]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Ana: hello", ["ana:"]),
        ("  Dr. Ana Lima:\nhello", ["dr:", "ana:", "lima:"]),
        ("Zoë: hi", ["zoë:"]),
        ("小明\N{FULLWIDTH COLON}你好", ["小:", "明:", "小明:"]),
        ("hello Ana: no, not a label, but short", ["hello:", "ana:"]),
        ("what I like most of all: rain", []),
        ("hello, Ana: rain", []),
        ("10:30 is late", []),
        ("https://example.org", []),
        ("note:no space", []),
        ("Ana", []),
        ("", []),
        ("x" * 41 + ": too long", []),
    ],
)
def test_a_label_is_a_short_name_before_a_colon(text: str, words: list[str]) -> None:
    assert label_words(text, TOKENIZER.document) == words


def test_long_beginnings_without_a_colon_take_linear_time() -> None:
    assert label_words("a " * 50_000, TOKENIZER.document) == []


def test_what_somebody_says_is_told_from_what_mentions_them() -> None:
    assert said(view_of(*TEXTS), "where does Ana live?", 4) == [1, 0, 1, 0]


def test_a_cue_that_names_two_speakers_finds_what_either_says() -> None:
    assert said(view_of(*TEXTS), "Ana and Ben", 4) == [1, 1, 1, 0]


def test_rows_of_later_segments_are_said_by_their_speakers_too() -> None:
    index = WordIndex()
    for row in range(300):
        index.add(row, [f"{('Ana', 'Ben')[row % 2]}: number {row}"])
    assert said(index.snapshot(), "ben", 300) == [0, 1] * 150


def test_somebody_who_never_speaks_is_no_speaker() -> None:
    assert view_of(*TEXTS).speakers("What is Oslo like?") == []


def test_a_possessive_names_its_speaker() -> None:
    view = view_of(*TEXTS)
    assert view.speakers("Ana's house") == view.speakers("ANA")


def test_names_of_speakers_are_left_out_of_what_is_embedded() -> None:
    assert view_of(*TEXTS).without_speakers("Did  Ana's boat (Ben) sink?") == "Did boat sink?"


def test_a_cue_that_names_nobody_is_embedded_as_it_is() -> None:
    assert view_of(*TEXTS).without_speakers("Is  Oslo wet?") == "Is  Oslo wet?"


def test_a_cue_of_names_alone_is_embedded_whole() -> None:
    assert view_of(*TEXTS).without_speakers("Ana Ben") == "Ana Ben"
    assert without_names("a b", lambda _: True) == "a b"


def test_a_label_adds_nothing_to_the_length_of_its_text() -> None:
    assert view_of("Ana: rain today").columns.lengths.tolist() == [3]


def test_words_find_a_label_as_they_find_a_word() -> None:
    view = view_of(*TEXTS)
    assert [view.columns.df(t, view.columns.slices([t])[0]) for t in view.asked("ana").terms] == [3]


def test_erased_speakers_are_forgotten() -> None:
    index = WordIndex()
    index.add(0, TEXTS)
    index.erase([1])
    assert index.snapshot().speakers("Ben") == []
