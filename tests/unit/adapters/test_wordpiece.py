from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram.adapters.embedders.wordpiece import (
    UNKNOWN_ID,
    WORDS_CACHED_MAX,
    WordPiece,
    load_vocabulary,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MARKERS = ("[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]")
SAMPLES = (
    "The quick brown fox jumped over the lazy dog's back; it cost $3.50 (or 1,000\u20ac).",
    "unaffable embeddings, tokenization & antidisestablishmentarianism",
    "Caf\u00e9 na\u00efve r\u00e9sum\u00e9 \u00c5ngstr\u00f6m Stra\u00dfe \u0130stanbul \u0131rmak",
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u039f\u0394\u039f\u03a3",
    "\u5317\u4eac\u5e02\u306e\u5929\u6c17 \u30c6\u30b9\u30c8 \uc11c\uc6b8 \uff21\uff22",
    "don\u2019t \u2014 \u201cquoted\u201d \u2026 \u00bd \u2122 \u00a0 \u3000 end",
    "\U0001f436\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7",
    "\u0939\u093f\u0928\u094d\u0926\u0940 \u0645\u0631\u062d\u0628\u0627 \u0e2a\u0e27\u0e31",
    "a\x00b\x0bc\x1cd\x85e\u200bf\ufeffg\ufffdh\tz\r\ni",
    "x" * 100 + " " + "x" * 101,
    "##ing ## [unused5] http://example.org/a_b?c=d#e",
)


@pytest.fixture(scope="module")
def wordpiece() -> WordPiece:
    return WordPiece(load_vocabulary())


@pytest.fixture(scope="module")
def reference() -> Callable[[str], list[int]]:
    """Return ids as the `tokenizers` library gives them, without markers."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers  # noqa: PLC0415

    model = models.WordPiece(load_vocabulary(), unk_token="[UNK]")  # noqa: S106  # no password
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids)


def is_settled(character: str) -> bool:
    """Say whether Unicode 3.2 and Python agree; the library's own tables are of version 8."""
    return unicodedata.ucd_3_2_0.category(character) == unicodedata.category(character)


settled_text = st.text(st.characters(exclude_categories=["Cs"]).filter(is_settled), max_size=60)


@pytest.mark.parametrize("text", SAMPLES)
def test_ids_equal_the_library_on_real_text(
    text: str, wordpiece: WordPiece, reference: Callable[[str], list[int]]
) -> None:
    assert wordpiece.ids(text) == reference(text)


@given(text=settled_text)
def test_ids_equal_the_library_on_any_text(
    text: str, wordpiece: WordPiece, reference: Callable[[str], list[int]]
) -> None:
    assert wordpiece.ids(text) == reference(text)


@given(text=st.text(st.characters(max_codepoint=127), max_size=200))
def test_ids_equal_the_library_on_any_ascii(
    text: str, wordpiece: WordPiece, reference: Callable[[str], list[int]]
) -> None:
    assert wordpiece.ids(text) == reference(text)


def test_ids_equal_the_library_on_every_character_of_the_first_plane(
    wordpiece: WordPiece, reference: Callable[[str], list[int]]
) -> None:
    for start in range(0, 0x10000, 0x400):
        block = (chr(c) for c in range(start, start + 0x400) if not 0xD800 <= c < 0xE000)
        text = " ".join(f"a{character}b" for character in block if is_settled(character))
        assert wordpiece.ids(text) == reference(text), f"U+{start:04X}"


def test_ascii_path_equals_the_general_path(wordpiece: WordPiece) -> None:
    text = "".join(map(chr, range(128)))
    general = wordpiece.ids(text + " \u5317")
    assert general[:-1] == wordpiece.ids(text)


@pytest.mark.parametrize("marker", MARKERS)
def test_a_text_cannot_smuggle_in_a_marker(marker: str, wordpiece: WordPiece) -> None:
    assert load_vocabulary()[marker] not in wordpiece.ids(marker)


def test_lone_surrogates_are_dropped() -> None:
    assert words("a\ud800b") == ["ab"]


def test_a_word_is_cut_at_the_longest_known_piece() -> None:
    tiny = WordPiece({"un": 5, "una": 6, "##ff": 7, "##able": 8, "##a": 9})
    assert tiny.pieces("unaffable") == (6, 7, 8)


def test_a_word_that_cannot_be_cut_is_unknown() -> None:
    assert WordPiece({"un": 5}).pieces("unb") == (UNKNOWN_ID,)


def test_cache_is_bounded() -> None:
    tiny = WordPiece({"0": 0})
    for number in range(WORDS_CACHED_MAX + 10):
        tiny.pieces(str(number))
    assert len(tiny._cached) <= WORDS_CACHED_MAX


def test_vocabulary_is_the_uncased_english_one() -> None:
    vocabulary = load_vocabulary()
    assert len(vocabulary) == 30_522
    assert vocabulary["the"] == 1996
