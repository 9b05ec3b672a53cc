"""What a tab offers at the end of what was typed."""

from __future__ import annotations

import pytest

from engram.edges.cli.shell.candidates import Candidates, candidates_at
from engram.edges.cli.shell.orders import ORDERS

KNOWN = Candidates(("default", "quickstart"), ("cue", "ids"))


@pytest.mark.parametrize(
    ("text", "begun", "found"),
    [
        ("rec", "rec", ["RECALL"]),
        ('RECALL "x" o', "o", ["ORDER BY"]),
        ('RECALL "x" ORDER BY occ', "occ", ["occurred"]),
        ('RECALL "x" WHERE st', "st", ["stability_days"]),
        ('RECALL "x" WHERE meta', "meta", ["metadata."]),
        ('RECALL "x" WHERE kind = ep', "ep", []),
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
    ],
)  # fmt: skip
def test_what_fits_is_offered(text: str, begun: str, found: list[str]) -> None:
    given, offered = candidates_at(text, KNOWN)
    assert given == begun
    assert sorted(offered) == sorted(found)


def test_all_orders_are_offered_behind_a_backslash() -> None:
    assert candidates_at("\\", KNOWN) == ("\\", [f"\\{name}" for name in ORDERS])
