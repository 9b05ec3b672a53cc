from __future__ import annotations

import pytest

from engram.model.errors import InvalidRequest
from engram.retrieval.tokens import (
    MARKS_IN_A_ROW_MAX,
    TERM_CHARACTERS_MAX,
    Tokenizer,
    _stem,
    forget_stems,
)

PLAIN = Tokenizer("none")


def terms(text: str, tokenizer: Tokenizer = PLAIN) -> list[str]:
    return [tokenizer.term(word) for word in tokenizer.document(text)[0]]


def asked(text: str, tokenizer: Tokenizer = PLAIN) -> list[str]:
    return [tokenizer.term(word) for word in tokenizer.query(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("The Analytical Engine, 1833!", "the analytical engine 1833", id="english"),
        pytest.param("snake_case twenty-one", "snake case twenty one", id="joined words"),
        pytest.param("v1.2 mp3 5km", "v1 2 mp3 5km", id="letters and digits"),
        pytest.param("3.5 kg, 1,000 or 12,345.5.", "3.5 kg 1000 or 12345.5", id="numbers"),
        pytest.param("12.05.2023 1,2,3 1.2.3", "12 05 2023 1 2 3 1 2 3", id="dates and lists"),
        pytest.param("Don't Ada\u2019s 'quoted'", "dont adas quoted", id="apostrophes"),
        pytest.param("ma má mà mã", "ma má mà mã", id="vietnamese keeps tones"),
        pytest.param("Việt Nam Đà Nẵng", "việt nam đà nẵng", id="vietnamese"),
        pytest.param("Straße STRASSE", "strasse strasse", id="german sharp s"),
        pytest.param("schon schön", "schon schön", id="german umlaut"),
        pytest.param("\u0130stanbul istanbul", "istanbul istanbul", id="dotted capital i"),
        pytest.param("Привет, МИР ёлка елка", "привет мир ёлка елка", id="russian"),
        pytest.param("ΣΊΣΥΦΟΣ σίσυφος", "σίσυφοσ σίσυφοσ", id="greek final sigma"),
        pytest.param("مرحبا بالعالم", "مرحبا بالعالم", id="arabic"),
        pytest.param("\u0661\u0668\u0663\u0663", "1833", id="arabic digits"),
        pytest.param("مـــرحبا", "مرحبا", id="arabic stretching"),
        pytest.param("می\u200cخواهم", "میخواهم", id="persian joiner"),  # noqa: RUF001
        pytest.param("हिन्दी में लिखा", "हिन्दी में लिखा", id="hindi keeps its marks"),
        pytest.param("தமிழ் மொழி", "தமிழ் மொழி", id="tamil keeps its marks"),
        pytest.param("東京都", "東 京 都 東京 京都", id="han"),
        pytest.param("ｶﾞｽ", "ガ ス ガス", id="half-width kana"),
        pytest.param("한국어", "한 국 어 한국 국어", id="hangul"),
        pytest.param("ที่ดี", "ที่ ดี ที่ดี", id="thai marks stay with their letter"),
        pytest.param("GPT東京2", "gpt 東 京 東京 2", id="mixed scripts"),
        pytest.param("hi\U0001f389you", "hi \U0001f389 you", id="emoji"),
        pytest.param("\U0001f44d\U0001f3fd\u2764\ufe0f", "\U0001f44d \u2764", id="emoji looks"),
        pytest.param(
            "\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f600",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f600",
            id="emoji family",
        ),
        pytest.param(
            "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7",
            "\U0001f1e9\U0001f1ea \U0001f1eb\U0001f1f7",
            id="flags",
        ),
        pytest.param("ﬁne ①", "fine 1", id="compatibility forms"),
        pytest.param("soft\u00adware", "software", id="soft hyphen"),
        pytest.param("\ud800abc\x00def", "abc def", id="lone surrogate and nul"),
        pytest.param(" \t\n ?!", "", id="nothing"),
    ],
)
def test_text_has_these_terms(text: str, expected: str) -> None:
    assert terms(text) == expected.split()


def test_composed_and_decomposed_text_have_equal_terms() -> None:
    assert terms("caf\u00e9 Vi\u1ec7t") == terms("cafe\u0301 Vie\u0302\u0323t")


def test_turkish_lowers_its_two_capital_i_apart() -> None:
    turkish = Tokenizer("turkish")
    assert terms("I\u015eIK", turkish) == terms("\u0131\u015f\u0131k", turkish)
    assert terms("\u0130Z", turkish) == terms("iz", turkish) != terms("IZ", turkish)


def test_english_words_meet_in_their_stem() -> None:
    english = Tokenizer()
    assert len(set(terms("photograph photographs photographed", english))) == 1
    assert terms("Ada's", english) == terms("Ada", english)


def test_stemming_leaves_words_of_other_scripts_and_words_with_digits_alone() -> None:
    assert terms("домами 1990s 東京s", Tokenizer()) == terms("домами 1990s 東京s")


def test_russian_stemmer_stems_russian() -> None:
    assert len(set(terms("книга книги книгу", Tokenizer("russian")))) == 1


def test_english_cue_leaves_function_words_out() -> None:
    assert asked("What did Ada's mother write about?", Tokenizer()) == ["ada", "mother", "write"]


def test_cue_of_function_words_alone_keeps_them() -> None:
    assert asked("Who's there?", Tokenizer()) == ["who", "there"]


def test_words_that_are_names_too_are_asked_for() -> None:
    assert asked("Where was Will in May?", Tokenizer()) == ["will", "may"]


def test_cue_of_another_language_keeps_all_words() -> None:
    assert len(asked("I am here", Tokenizer("german"))) == 3


@pytest.mark.parametrize("cue", ["京", "東京", "京都", "東京都"])
def test_every_part_of_an_unspaced_run_is_found(cue: str) -> None:
    assert set(asked(cue)) <= set(terms("東京都"))


def test_unspaced_cue_asks_for_pairs_only() -> None:
    assert asked("東京都 東") == ["東京", "京都", "東"]


def test_length_counts_characters_of_unspaced_runs_once() -> None:
    assert PLAIN.document("in 東京都")[1] == 4


def test_long_word_is_cut() -> None:
    assert [len(term) for term in terms("a" * 100_000)] == [TERM_CHARACTERS_MAX]
    assert [len(term) for term in terms("é" * 100_000)] == [TERM_CHARACTERS_MAX]


def test_marks_beyond_the_bound_are_dropped() -> None:
    (term,) = terms("x" + "\u0316\u0301" * 20)
    assert len(term) == 1 + MARKS_IN_A_ROW_MAX


@pytest.mark.parametrize(
    "part", ["1.", "1,111,", "a'", "東", "\u0301", "a\u0300", "\u200d", "\U0001f1e9", "é1,"]
)
def test_words_of_repetitive_text_are_bounded_by_its_characters(part: str) -> None:
    text = part * (5000 // len(part))
    words, length = PLAIN.document(text)
    assert len(words) <= 2 * len(text)
    assert length <= len(text)


def test_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest, match=r"'klingon'.*english"):
        Tokenizer("klingon")


def test_stems_are_shared_by_all_spaces_and_forgotten_when_told() -> None:
    forget_stems()
    tokenizers = [Tokenizer(), Tokenizer()]
    assert {each.term("remembering") for each in tokenizers} == {"rememb"}
    assert _stem.cache_info().currsize == 1
    forget_stems()
    assert _stem.cache_info().currsize == 0
