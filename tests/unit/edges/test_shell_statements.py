"""Where statements end, and where an error in one stands."""

from __future__ import annotations

import pytest

from engram.edges.cli.shell.pointing import pointed
from engram.edges.cli.shell.statements import Gatherer, is_unfinished, statements_of
from engram.model.errors import QuerySyntaxError
from engram.model.limits import QUERY_CHARACTERS_MAX


def told(text: str) -> list[str]:
    """Return the statements of a text without the blanks around them."""
    return [each.strip() for each in statements_of(text)]


@pytest.mark.parametrize(
    "text",
    ["RECALL", 'RECALL "x', 'RECALL "x" WHERE', "RECALL 'a;", 'SHOW STATS; RECALL "x" LIMIT',
     '\\explain RECALL "x" WHERE', "\\graph a.svg RECALL", "EXPLAIN"],
)  # fmt: skip
def test_something_is_missing(text: str) -> None:
    assert is_unfinished(text)


@pytest.mark.parametrize(
    "text",
    ["", "  \n", 'RECALL "x"', 'RECALL "x" WHER', "RECALL;", "SHOW STATS; ", "\\space",
     "\\params cue=it's", '\\explain RECALL "x"', "\\explain", "nonsense"],
)  # fmt: skip
def test_nothing_is_missing_that_another_line_could_bring(text: str) -> None:
    assert not is_unfinished(text)


def test_a_semicolon_ends_a_statement_unless_it_is_quoted() -> None:
    assert told("""RECALL "a;b" ; RECALL 'c\\';' LIMIT 1;; SHOW STATS""") == [
        'RECALL "a;b"',
        "RECALL 'c\\';' LIMIT 1",
        "SHOW STATS",
    ]


def test_a_line_that_begins_a_statement_ends_the_one_before() -> None:
    assert told('RECALL "a"\n  LIMIT 3\nshow stats\n\\space x\nRECALL "b"') == [
        'RECALL "a"\n  LIMIT 3',
        "show stats",
        "\\space x",
        'RECALL "b"',
    ]


def test_a_statement_that_needs_more_goes_on_with_any_line() -> None:
    assert told('EXPLAIN\nRECALL "a\n\nSHOW STATS" LIMIT 3') == [
        'EXPLAIN\nRECALL "a\n\nSHOW STATS" LIMIT 3'
    ]


def test_an_empty_line_ends_a_statement() -> None:
    assert told('RECALL "a" LIMIT\n\nSHOW STATS') == ['RECALL "a" LIMIT', "SHOW STATS"]


def test_an_order_ends_with_its_line_unless_it_has_a_statement() -> None:
    assert told("\\params cue='x; y\nSHOW STATS") == ["\\params cue='x; y", "SHOW STATS"]
    assert told('\\explain RECALL "a"\nLIMIT 3; SHOW STATS') == [
        '\\explain RECALL "a"\nLIMIT 3',
        "SHOW STATS",
    ]


def test_a_statement_is_there_as_soon_as_it_ends() -> None:
    gatherer = Gatherer()
    assert gatherer.feed("SHOW\n") == []
    assert gatherer.feed("STATS;\n") == ["SHOW\nSTATS"]
    assert gatherer.feed("\\space x\n") == ["\\space x\n"]
    assert gatherer.end() == []


def test_what_is_longer_than_any_statement_is_not_gathered_on() -> None:
    """So a quote that nothing ends does not swallow a script of any length."""
    gatherer = Gatherer()
    long = "x" * QUERY_CHARACTERS_MAX
    assert gatherer.feed(f'RECALL "{long}\n') == [f'RECALL "{long}\n']
    assert gatherer.feed("SHOW STATS;\n") == ["SHOW STATS"]


def caret(statement: str, line: int, column: int, columns: int = 80) -> list[str]:
    """Return the two lines that show a place."""
    return pointed(statement, QuerySyntaxError((line, column), "a", "b"), columns).split("\n")


def test_a_caret_stands_below_the_column() -> None:
    assert caret('RECALL "x"\nLIMT 3', 2, 1) == ["LIMT 3", "^"]
    assert caret('RECALL\t"x" LIMT', 1, 12) == ['RECALL "x" LIMT', " " * 11 + "^"]


def test_a_caret_counts_the_columns_of_wide_characters() -> None:
    assert caret('RECALL "東京" LIMT', 1, 13) == ['RECALL "東京" LIMT', " " * 14 + "^"]


def test_of_a_long_line_the_part_around_the_place_is_shown() -> None:
    line, below = caret(f'RECALL "{"x" * 200}" LIMT {"y" * 200}', 1, 211)
    assert len(line) < 80
    assert line[below.index("^") :].startswith("LIMT y")


def test_the_end_of_a_text_can_be_pointed_at() -> None:
    assert caret("RECALL", 1, 7) == ["RECALL", "      ^"]
