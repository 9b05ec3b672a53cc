"""Two ways to the words of an ASCII text lead to the same words."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from engram.retrieval.tokens import ascii_words, ascii_words_of

_ANY = st.text(st.characters(max_codepoint=127))
_CLOSE = st.text(st.sampled_from("abZ019''.,, -\t\n\x00\x1c\x1f_@[`{"))


@given(_ANY | _CLOSE)
@example("it's 3.5 o'clock, '90s' 1,000 12.05.2023 don''t 'tis a' 4'x")
def test_words_cut_out_by_a_table_are_those_that_the_pattern_finds(text: str) -> None:
    assert ascii_words_of(text) == ascii_words(text.lower())
