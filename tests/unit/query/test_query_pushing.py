"""Conditions become filters where there are such; what is left stays a condition."""

from __future__ import annotations

import pytest

from engram.model.conditions import AllOf, Compare, Condition
from engram.model.cue import NO_FILTERS, make_filters
from engram.model.memory import to_datetime
from engram.query.parser import parse
from engram.query.pushing import pushed
from engram.query.syntax import Recall

THEN = 1_700_000_000_000_000_000


def condition(text: str) -> Condition | None:
    """Return the tree of a condition."""
    body = parse(f'RECALL "x" WHERE {text}').body
    assert isinstance(body, Recall)
    return body.where


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ('tag HAS "a"', {"tags_all": ["a"]}),
        ('tag HAS "a" AND tag HAS "b" AND NOT tag HAS "c"',
         {"tags_all": ["a", "b"], "tags_none": ["c"]}),
        ('entity HAS "a" AND NOT entity HAS "b"', {"entities_all": ["a"], "entities_none": ["b"]}),
        ('source = "a" AND session IN ("b", "c")', {"sources": ["a"], "sessions": ["b", "c"]}),
        ('kind IN ("concept", "semantic")', {"kinds": ["concept", "semantic"]}),
        ("confidence >= 0.5", {"confidence_min": 0.5}),
        ("created AFTER 1700000000 AND occurred < 1700000000",
         {"recorded_after": to_datetime(THEN), "occurred_before": to_datetime(THEN)}),
        ('metadata.a = 1 AND metadata.b > 2 AND metadata.c IN ("x", "y")',
         {"metadata": {"a": 1, "b": {"gt": 2}, "c": {"in": ["x", "y"]}}}),
        ("metadata.a BETWEEN 1 AND 2", {"metadata": {"a": {"gte": 1, "lte": 2}}}),
    ],
)  # fmt: skip
def test_what_filters_say_becomes_filters(text: str, arguments: dict[str, object]) -> None:
    assert pushed(condition(text)) == make_filters(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        'tag HAS "a" OR tag HAS "b"', 'NOT source = "a"', "priority = 3", "confidence > 0.5",
        'content CONTAINS "a"', "metadata.a != 1", "created > 1700000000", 'fact_key = "a"',
        "created BETWEEN 1 AND 2", "confidence >= 2",
    ],
)  # fmt: skip
def test_what_no_filter_says_stays_a_condition(text: str) -> None:
    found = pushed(condition(text))
    assert found.where == condition(text)


def test_a_filter_that_is_taken_leaves_the_second_condition() -> None:
    found = pushed(condition('source = "a" AND source = "b" AND priority = 1'))
    assert found.sources == ("a",)
    assert found.where == AllOf((Compare("source", "=", "b"), Compare("priority", "=", 1)))


def test_without_a_condition_everything_passes() -> None:
    assert pushed(None) is NO_FILTERS
