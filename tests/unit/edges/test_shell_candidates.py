"""What a tab offers at the end of what was typed."""

from __future__ import annotations

import pytest

from engram.edges.cli.shell.candidates import Candidates, LabelBegun, candidates_at, label_at
from engram.edges.cli.shell.orders import ORDERS

KNOWN = Candidates(("default", "quickstart"), ("cue", "ids"), ("New York", "new moon", 'a "b"'))


@pytest.mark.parametrize(
    ("text", "begun", "found"),
    [
        ("rec", "rec", ["RECALL"]),
        ('RECALL "x" o', "o", ["ORDER BY"]),
        ('RECALL "x" ORDER BY occ', "occ", ["occurred"]),
        ('RECALL "x" WHERE st', "st", ["stability_days"]),
        ('RECALL "x" WHERE meta', "meta", ["metadata."]),
        ('RECALL "x" WHERE kind = ep', "ep", ['"episodic"']),
        ('RECALL "x" WHERE kind = "ep', '"ep', ['"episodic"']),
        ("RECALL 'x' WHERE kind IN ('episodic', 'c", "'c", ["'concept'"]),
        ("SPREAD FROM $ids VIA causal, t", "t", ["temporal"]),
        ("SHOW STATS IN SPACE q", "q", ["quickstart"]),
        ("RECALL ", "", ["$cue", "$ids"]),
        ("RECALL $c", "$c", ["$cue"]),
        ('RECALL "x" WHERE created ', "",
         ["BETWEEN", "BEFORE", "AFTER", "IN", "=", "!=", "<", "<=", ">", ">="]),
        ("SHOW STATS; SHOW CONT", "CONT", ["CONTRADICTIONS"]),
        ("\\explain RECALL 'x' LIM", "LIM", ["LIMIT"]),
        ("\\graph a.svg PRE", "PRE", ["PREDICT"]),
        ("\\ex", "\\ex", ["\\explain"]),
        ("\\space d", "d", ["default"]),
        ("\\format ", "", ["table", "json", "ndjson"]),
        ("\\params c", "c", ["cue="]),
        ('RECALL "kettle and', "and", []),
        ('RECALL "tag HAS n', "n", []),
        ('RECALL "x" WHERE tag HAS ', "",
         ['"New York"', '"new moon"', '"a \\"b\\""', "$cue", "$ids"]),
        ('RECALL "x" WHERE tag HAS n', "n", ['"New York"', '"new moon"']),
        ('RECALL "x" WHERE entity HAS "New Y', '"New Y', ['"New York"']),
        ("RECALL 'x' WHERE NOT (source != 'NEW", "'NEW", ["'New York'", "'new moon'"]),
        ('RECALL "x" WHERE session IN ("a", $ids, "a \\"', '"a \\"', ['"a \\"b\\""']),
        ('RECALL "x" WHERE tag HAS $c', "$c", ["$cue"]),
        ('RECALL "x" WHERE content CONTAINS "n', '"n', []),
    ],
)  # fmt: skip
def test_what_fits_is_offered(text: str, begun: str, found: list[str]) -> None:
    given, offered = candidates_at(text, KNOWN)
    assert given == begun
    assert sorted(offered) == sorted(found)


def test_all_orders_are_offered_behind_a_backslash() -> None:
    assert candidates_at("\\", KNOWN) == ("\\", [f"\\{name}" for name in ORDERS])


def test_a_label_is_known_by_what_stands_before_it() -> None:
    assert label_at('SHOW STATS; RECALL "x" WHERE tag HAS "Ne') == LabelBegun("tag", "Ne", '"Ne')
    assert label_at('RECALL "x" WHERE Source = ') == LabelBegun("source", "", "")
    assert label_at('RECALL "x" WHERE tag HAS "New York"') is None
    assert label_at('RECALL "x" WHERE tag HAS "a" AND content CONTAINS "b') is None
    assert label_at('RECALL "tag HAS ') is None
    assert label_at("") is None
