"""What may come next is what the parser itself looks for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engram.query.expectations import NOTHING, WORDS, Expected, expected_behind
from engram.query.fields import FIELDS, ORDER_KEYS
from engram.query.lexer import PARAMETER, STRANGE, STRING, WORD, spans_of
from engram.query.places import EXAMPLES

PAGE = (Path(__file__).parents[3] / "docs/reference/query-language.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("EXPLAIN", "PROFILE", *EXAMPLES)),
        ("EXPLAIN ", tuple(EXAMPLES)),
        ('RECALL "x" ORDER ', ("BY",)),
        ('RECALL "x" ORDER BY score ', ("ASC", "DESC", "LIMIT", "IN SPACE")),
        ('RECALL "x" LIMIT 3 ', ("OFFSET", "IN SPACE")),
        ('RECALL "x" WHERE tag ', ("HAS",)),
        ('RECALL "x" WHERE created AFTER 3 days ', ("AGO",)),
        (
            "SPREAD FROM $a VIA causal ",
            (",", "MAX_HOPS", "DECAY", "THRESHOLD", "LIMIT", "IN SPACE"),
        ),
    ],
)
def test_words_are_those_the_parser_would_take(text: str, words: tuple[str, ...]) -> None:
    assert expected_behind(text).words == words


def test_names_are_listed() -> None:
    """Fields, what to sort by, kinds."""
    assert expected_behind('RECALL "x" WHERE ').names == (*FIELDS, "metadata.<name>")
    assert expected_behind('RECALL "x" ORDER BY ').names == ORDER_KEYS
    assert "causal" in expected_behind("SPREAD FROM $a VIA ").names
    found = expected_behind('RECALL "x" WHERE kind = ')
    assert found == Expected(
        names=("episodic", "semantic", "procedural", "concept"), values=("a kind of memory",)
    )


def test_values_are_told_in_words() -> None:
    assert expected_behind("RECALL ").values[0] == "a text in quotes"


@pytest.mark.parametrize("text", ['RECALL "x', 'RECALL "x" WHER 3 ', "RECALL [", '"x" '])
def test_nothing_fits_where_no_statement_can_come_of_it(text: str) -> None:
    """Only a vector goes on there, and a number is no word."""
    assert expected_behind(text)._replace(values=()) == NOTHING


@pytest.mark.parametrize("statement", EXAMPLES.values())
def test_every_word_of_a_statement_is_expected_where_it_stands(statement: str) -> None:
    for kind, start, end in spans_of(statement):
        piece = statement[start:end]
        if kind == WORD and piece in WORDS:
            wanted = {word.split()[0] for word in expected_behind(statement[:start]).words}
            assert piece in wanted


def test_the_words_are_those_of_the_grammar() -> None:
    """Those on the page about the language, no more and no fewer; AGO stands among its values."""
    grammar = PAGE.split("```")[3]
    assert grammar.startswith("\nstatement ")
    assert set(re.findall(r"\b[A-Z][A-Z_]+\b", grammar)) | {"AGO"} == WORDS


def test_spans_are_told_of_any_text() -> None:
    text = 'RECALL "a\\"b"; §§ $x 0190a6b4-5c1e "open'
    found = [(kind, text[start:end]) for kind, start, end in spans_of(text)]
    assert found == [
        (WORD, "RECALL"),
        (STRING, '"a\\"b"'),
        (STRANGE, ";"),
        (STRANGE, "§§"),
        (PARAMETER, "$x"),
        (WORD, "0190a6b4-5c1e"),
        (STRING, '"open'),
    ]
    assert list(spans_of(" \n")) == []
