"""What cannot be read is refused: where, what was found, what would fit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from engram.model.conditions import Among, Compare, Moment, Parameter
from engram.model.errors import InvalidRequest, QuerySyntaxError
from engram.model.limits import QUERY_CHARACTERS_MAX, QUERY_DEPTH_MAX, QUERY_VALUES_MAX
from engram.query.binding import bind
from engram.query.lexer import tokens_of
from engram.query.parser import parse
from engram.query.places import EXAMPLES
from engram.query.syntax import Recall, Spread, VectorCue

ONE = "0190a6b4-5c1e-7d3a-9f00-0123456789ab"
NOW = 1_700_000_000_000_000_000


def refused(text: str) -> QuerySyntaxError:
    """Return the error a statement is refused with."""
    with pytest.raises(QuerySyntaxError) as error:
        parse(text)
    return error.value


@pytest.mark.parametrize(
    ("text", "place", "found", "expected"),
    [
        ("", (1, 1), "the end", "IMAGINE, CONSOLIDATE, COMPLETE or SHOW"),
        ('RECALL "x" now please', (1, 12), "'now'", "LIMIT, IN SPACE or the end"),
        ('RECALL "x" ; SHOW STATS', (1, 12), "';'", "IN SPACE or the end"),
        ("SELECT * FROM memories", (1, 1), "'SELECT'", "RECALL, SPREAD"),
        ('RECALL "x" WHERE tga HAS "it', (1, 18), "'tga'", "a field"),
        ('RECALL "x"\n\n  WHERE @', (3, 9), "'@'", "NOT, ( or a field"),
        ('RECALL "x', (1, 8), "a text without its end", 'a closing "'),
        ("RECALL $ LIMIT", (1, 8), "$ without a name", "a parameter like $cue"),
        ('RECALL "\\q"', (1, 9), "the escape \\q", "\\uXXXX"),
        ('RECALL "ab\\ud800"', (1, 11), "half a character", "the character itself"),
        ('RECALL " "', (1, 8), "the text ' '", "a text that is not empty"),
        ("RECALL", (1, 7), "the end", "a text in quotes"),
        ("RECALL [1, x]", (1, 12), "'x'", "a number"),
        ("RECALL [1 2]", (1, 11), "'2'", "] or ,"),
        ('RECALL "x" THRESHOLD 1', (1, 12), "'THRESHOLD'", "WHERE"),
        ('RECALL "x" WHERE tag HAS "a" tag', (1, 30), "'tag'", "AND, OR"),
        ('RECALL "x" WHERE (tag HAS "a"', (1, 30), "the end", "AND, OR or )"),
        ('RECALL "x" WHERE source < "a"', (1, 25), "'<'", "=, != or IN"),
        ('RECALL "x" WHERE source = a', (1, 27), "'a'", "a text"),
        ('RECALL "x" WHERE priority = "a"', (1, 29), "the text 'a'", "a number"),
        ('RECALL "x" WHERE metadata.a < true', (1, 31), "'true'", "a text or a number"),
        ('RECALL "x" WHERE metadata.a = 2024-01-01', (1, 31), "'2024-01-01'", "a text, a number"),
        ('RECALL "x" WHERE metadata = 1', (1, 27), "'='", "."),
        ('RECALL "x" WHERE metadata. = 1', (1, 28), "'='", "the name of something in metadata"),
        ('RECALL "x" WHERE created AFTER "may"', (1, 32), "the text 'may'", "a time: ISO 8601"),
        ('RECALL "x" WHERE created AFTER 1500-01-01', (1, 32), "'1500-01-01'", "the years 1678"),
        ('RECALL "x" WHERE created AFTER 2024-13-01', (1, 32), "'2024-13-01'", "a time"),
        ('RECALL "x" WHERE created AFTER 3 days', (1, 38), "the end", "AGO"),
        ('RECALL "x" AS 5', (1, 15), "'5'", "OF"),
        ('RECALL "x" CONFIDENCE > 2', (1, 25), "'2'", "a number from 0 to 1"),
        ('RECALL "x" BASE_RATE 1', (1, 22), "'1'", "above 0 and below 1"),
        ('RECALL "x" LIMIT 0', (1, 18), "'0'", "a whole number from 1 to 1,000"),
        ('RECALL "x" LIMIT 2.5', (1, 18), "'2.5'", "a whole number"),
        ('RECALL "x" LIMIT 1e999', (1, 18), "'1e999'", "a whole number"),
        ("SPREAD $a", (1, 8), "$a", "FROM"),
        ("SPREAD FROM abc", (1, 13), "'abc'", "the id of a memory"),
        (f"SPREAD FROM {ONE} VIA love", (1, 54), "'love'", "a kind of association"),
        (f"SHOW ASSOCIATIONS OF {ONE} DIRECTION up", (1, 69), "'up'", "OUT, IN or BOTH"),
        (f"SHOW PATHS FROM {ONE}", (1, 53), "the end", "TO"),
        (f"SHOW PATHS FROM {ONE} TO {ONE} LIMIT 33", (1, 100), "'33'", "from 1 to 32"),
        (f"SHOW PATHS FROM {ONE} TO {ONE} DEADLINE 0s", (1, 103), "'0s'", "a duration above 0"),
        ('PREDICT "x"', (1, 12), "the end", "GIVEN"),
        (f'PREDICT "x" GIVEN {ONE} HORIZON 7', (1, 64), "'7'", "a duration like 90s"),
        ('IMAGINE "x" NOVELTY 2', (1, 21), "'2'", "a number from 0 to 1"),
        ('IMAGINE "x" BASED 2', (1, 19), "'2'", "ON"),
        ("CONSOLIDATE", (1, 12), "the end", "WHERE"),
        ('CONSOLIDATE WHERE tag HAS "a"', (1, 30), "the end", "AND, OR or INTO"),
        ('CONSOLIDATE "x" INTO', (1, 21), "the end", "the name of a concept"),
        ('CONSOLIDATE "x" INTO " "', (1, 22), "the text ' '", "the name of a concept"),
        ('CONSOLIDATE "x" INTO a LIMIT 2', (1, 24), "'LIMIT'", "IN SPACE or the end"),
        ("COMPLETE", (1, 9), "the end", "a field of an episode"),
        ('COMPLETE when = "now"', (1, 10), "'when'", "what, where, who, why, how"),
        ('COMPLETE why = "a", why = "b"', (1, 21), "'why'", "another field"),
        ('COMPLETE why = "a" LIMIT 4', (1, 26), "'4'", "from 1 to 3"),
        ("SHOW BELIEFS", (1, 13), "the end", "OF"),
        ("SHOW STATS IN", (1, 14), "the end", "SPACE"),
    ],
)  # fmt: skip
def test_an_error_says_where_what_and_what_fits(
    text: str, place: tuple[int, int], found: str, expected: str
) -> None:
    error = refused(text)
    assert (error.line, error.column) == place
    assert found in error.found
    assert expected in error.expected
    assert f"line {place[0]}, column {place[1]}" in str(error)
    assert any(example in str(error) for example in EXAMPLES.values())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('RECAL "x"', "RECALL"),
        ('RECALL "x" WHER tag HAS "a"', "WHERE"),
        ('RECALL "x" LIMT 5', "LIMIT"),
        ('RECALL "x" ORDR BY score', "ORDER"),
        ('RECALL "x" WHERE confidense > 1', "confidence"),
        ('RECALL "x" WHERE kind = "episodc"', "episodic"),
        ('RECALL "x" ORDER BY creatd', "created"),
        ('RECALL "x" WHERE tag HAS "a" AN tag HAS "b"', "AND"),
        ("SHOW CONCEPT", "CONCEPTS"),
        (f"SPREAD FROM {ONE} MAXHOPS 2", "MAX_HOPS"),
        (f"SPREAD FROM {ONE} VIA casual", "causal"),
        (f"SPREAD FROM {ONE} MAX HOPS 2", "MAX_HOPS"),
        ('RECALL "x" BASE RATE 0.5', "BASE_RATE"),
        ('RECALL "x" WHERE confidence => 0.5', ">="),
        ('RECALL "x" WHERE confidence =< 0.5', "<="),
        ('RECALL "x" WHERE confidence == 0.5', "="),
        ('RECALL "x" WHERE confidence <> 0.5', "!="),
    ],
)
def test_a_slip_of_the_pen_is_understood_and_not_carried_out(text: str, meant: str) -> None:
    assert f"did you mean {meant}?" in str(refused(text))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("RECALL babbage", 'a text is put in quotes: "babbage"'),
        ("IMAGINE babbage", 'a text is put in quotes: "babbage"'),
        ("RECALL \u201cx\u201d", "a text is put in \" or '"),
        ('RECALL "x";', "one statement at a time"),
        ('RECALL "x" OFFSET 2', "OFFSET follows LIMIT"),
        ('RECALL "x" WHERE created AFTER 2024-01-01 12:00', "joined to its day by a T"),
        ('RECALL "x" WHERE created AFTER 2024', "not 2024 but 2024-01-01"),
        ('RECALL "x" AS OF 20240229', "not 20240229 but 2024-02-29"),
        ('RECALL "x" WHERE source = a', 'a text is put in quotes: "a"'),
        ('RECALL "x" LIMIT 5 WHERE tag HAS "x"', "WHERE comes before LIMIT"),
        ('RECALL "x" LIMIT 5 LIMIT 6', "LIMIT is there already"),
        ('RECALL "x" WHERE tag = "y"', "a memory may have several: tag HAS"),
        ('RECALL "x" WHERE metadata.a = 2024-01-01', "a text is put in quotes"),
    ],
)
def test_an_error_tells_the_way_out(text: str, hint: str) -> None:
    assert hint in str(refused(text))


def test_limits_are_named() -> None:
    nested = "(" * (QUERY_DEPTH_MAX + 1) + 'tag HAS "a"' + ")" * (QUERY_DEPTH_MAX + 1)
    assert "query_depth_max of 64" in str(refused(f'RECALL "x" WHERE {nested}'))
    assert "query_depth_max of 64" in str(refused(f'RECALL "x" WHERE {"NOT " * 9_000}'))
    assert parse(f'RECALL "x" WHERE {nested[1:-1]}').mode == ""
    many = ", ".join(["1"] * (QUERY_VALUES_MAX + 1))
    assert "query_values_max of 1,000" in str(refused(f'RECALL "x" WHERE priority IN ({many})'))
    assert "query_characters_max" in str(refused(" " * (QUERY_CHARACTERS_MAX + 1)))
    assert "fewer digits" in str(refused(f'RECALL "x" LIMIT {"9" * 5_000}'))
    assert "dimensions_max of 4,096" in str(refused(f"RECALL [{'1,' * 4_097}1]"))


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="the statement is int"):
        parse(5)  # type: ignore[arg-type]


def test_every_token_knows_its_place() -> None:
    text = '  RECALL "a" >= 5 $p 2024-01-01 7d x-y'
    at = [token.at for token in tokens_of(text)]
    assert at == [2, 9, 13, 16, 18, 21, 32, 35, len(text)]


def bound(text: str, **parameters: Any) -> Any:
    """Return the body of a statement with its parameters."""
    return bind(parse(text), parameters, NOW).body


def test_parameters_take_their_places() -> None:
    assert bound("RECALL $c LIMIT $n", c="a", n=3) == Recall("a", limit=3)
    vector = np.array([1, 2], np.float32)
    assert bound("RECALL $c", c=vector) == Recall((1.0, 2.0))  # type: ignore[arg-type]
    assert bound("RECALL $c THRESHOLD 0", c=[1, 2]) == Recall(VectorCue((1.0, 2.0), 0))
    assert bound("SPREAD FROM $ids", ids=[ONE, ONE]) == Spread((ONE, ONE))
    found = bound('RECALL "x" WHERE source IN ($many, "c")', many=("a", "b"))
    assert found.where == Among("source", ("a", "b", "c"))
    found = bound('RECALL "x" WHERE stability_days > $d', d=timedelta(hours=12))
    assert found.where == Compare("stability_days", ">", 0.5)
    moment = datetime.fromisoformat("2023-11-14T22:13:20+00:00")
    for then in (moment, "2023-11-14T23:13:20+01:00", 1_700_000_000, "now"):
        assert bound('RECALL "x" AS OF $t', t=then).as_of == Moment(NOW // 1_000)
    assert bound('RECALL "x" AS OF 1 hour ago').as_of == Moment(NOW // 1_000 - 3_600_000_000)


def test_a_text_stays_a_text() -> None:
    """What looks like a statement inside of a value is no statement."""
    evil = '" OR tag HAS "secret'
    assert bound('RECALL "x" WHERE source = $s', s=evil).where == Compare("source", "=", evil)


@pytest.mark.parametrize(
    ("text", "parameters", "said"),
    [
        ("RECALL $c", {}, "parameter $c is missing"),
        ('RECALL "x"', {"c": 1}, "the statement has no parameter $c"),
        ("RECALL $c LIMIT $n", {"c": 5, "n": "many"}, "$c is 5; there fits a text, or a vector"),
        ("RECALL $c LIMIT $n", {"c": 5, "n": "many"}, "$n is 'many'; there fits a whole number"),
        ('RECALL "x" AS OF $t', {"t": datetime(2024, 1, 1)}, "a datetime with a zone"),  # noqa: DTZ001
        ('RECALL "x" AS OF $t', {"t": 1e30}, "there fits a time"),
        ('RECALL "x" AS OF $t', {"t": 2024}, "not 2024 but 2024-01-01"),
        ('RECALL "x" AS OF 400 years ago', {}, "before the year 1678"),
        ('RECALL "x" WHERE kind = $k', {"k": "dream"}, "a kind of memory"),
        ('RECALL "x" WHERE priority = $k', {"k": True}, "$k is True; there fits a number"),
        ("SPREAD FROM $ids", {"ids": []}, "$ids is empty"),
        ("SPREAD FROM $ids", {"ids": [ONE, "a"]}, "there fits the id of a memory"),
    ],
)  # fmt: skip
def test_a_parameter_that_does_not_fit_is_refused(
    text: str, parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequest) as error:
        bind(parse(text), parameters, NOW)
    assert said in str(error.value)


def test_a_number_is_a_time_in_seconds_unless_it_is_a_date() -> None:
    """What was meant as a date must not become 1970."""
    for number in (0, 999, 10_000, 1_700_000_000, 20241301, 2024.5):
        found = bound('RECALL "x" WHERE created >= $t', t=number).where
        assert found == Compare("created", ">=", Moment(round(number * 1_000_000)))


def test_parameters_come_by_name() -> None:
    with pytest.raises(InvalidRequest, match="parameters are list"):
        bind(parse("RECALL $c"), ["a"], NOW)  # type: ignore[arg-type]


def test_a_statement_without_parameters_is_bound_to_itself() -> None:
    statement = parse('RECALL "x" WHERE tag HAS "a" OR kind IN ("semantic")')
    assert bind(statement, {}, NOW) is statement
    assert Parameter("a", "text").name == "a"
