"""The part of a text a table shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engram.edges.cli.excerpt import excerpt, places, runs

STORY = (
    "The winter was long and the river froze early. Nobody travelled, and little was written "
    "down. In March a kettle of copper was brought over the mountains by two traders. They sold "
    "it in the village for a horse."
)


def test_a_short_text_is_shown_whole_on_one_line() -> None:
    """White space is folded, nothing else changes."""
    assert excerpt("two\nlines\t here", (), 40) == "two lines here"


def test_without_shared_words_the_beginning_is_shown() -> None:
    """The cut is between words and marked."""
    assert excerpt(STORY, (), 41) == "The winter was long and the river froze …"


def test_the_sentence_around_the_shared_words_is_shown() -> None:
    """It begins where that sentence begins when the words stand near its start."""
    assert excerpt(STORY, ("kettle", "copper"), 60) == (
        "… In March a kettle of copper was brought over the …"
    )


def test_the_end_of_a_text_carries_no_mark() -> None:
    """Where nothing follows there is no sign of a cut."""
    shown = excerpt(STORY, ("horse",), 60)
    assert shown.startswith("… ")
    assert shown.endswith("for a horse.")


def test_inflected_words_count_as_their_stem() -> None:
    """Stems as the word index makes them: cities for citi, mines for mine."""
    found = places("Cities and mines; the citizen was mindful", ("citi", "mine"))
    assert [term for _, _, term in found] == ["citi", "mine", "citi"]


def test_runs_join_to_the_text() -> None:
    """Nothing is lost or added by marking words."""
    marked = runs("the kettle sings", ("kettl",))
    assert marked == [("the ", False), ("kettle", True), (" sings", False)]


@given(
    st.text(max_size=300),
    st.lists(st.text(min_size=1, max_size=8), max_size=3),
    st.integers(24, 120),
)
def test_an_excerpt_never_is_longer_than_its_room(
    text: str, terms: list[str], characters_max: int
) -> None:
    """Whatever the text and the terms, the table keeps its width."""
    assert len(excerpt(text, terms, characters_max)) <= characters_max
