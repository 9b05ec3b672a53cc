"""Statements become trees, and trees statements."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from engram.model.conditions import (
    Ago,
    AllOf,
    Among,
    AnyOf,
    Between,
    Compare,
    Contains,
    Has,
    Matches,
    Moment,
    Not,
    Parameter,
    Span,
    Value,
)
from engram.query.parser import parse
from engram.query.places import EXAMPLES
from engram.query.printer import printed
from engram.query.syntax import (
    EXPLAIN,
    PROFILE,
    Bound,
    Complete,
    Imagine,
    MemoryCue,
    Order,
    Predict,
    Recall,
    ShowAssociations,
    ShowBeliefs,
    ShowConcepts,
    ShowContradictions,
    ShowPaths,
    ShowSpaces,
    ShowStats,
    Spread,
    Statement,
    VectorCue,
)

ONE = "0190a6b4-5c1e-7d3a-9f00-0123456789ab"
TWO = "a190a6b4-5c1e-7d3a-9f00-0123456789ab"


def us(*parts: int) -> int:
    """Return microseconds since the epoch of a time in UTC."""
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc,arg-type]


def where(condition: str) -> object:
    """Return the tree of a condition."""
    body = parse(f'RECALL "x" WHERE {condition}').body
    assert isinstance(body, Recall)
    return body.where


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ('recall "a \\"b\\" \\u00e9\\n"', Recall('a "b" é\n')),
        ("RECALL 'it''s' LIMIT 3".replace("''", "\\'"), Recall("it's", limit=3)),
        (f"RECALL {ONE}", Recall(MemoryCue(ONE))),
        (f"RECALL {TWO}", Recall(MemoryCue(TWO))),
        ("RECALL [1, -2.5e3,+3]", Recall(VectorCue((1.0, -2500.0, 3.0)))),
        ("RECALL [1] THRESHOLD 0.5", Recall(VectorCue((1.0,), 0.5))),
        ("RECALL $cue", Recall(Parameter("cue", "cue"))),
        ("RECALL $v THRESHOLD $t", Recall(
            VectorCue(Parameter("v", "vector"), Parameter("t", "cosine")))),
        ('RECALL "x" CONFIDENCE > 0.5 BASE_RATE 0.2', Recall(
            "x", confidence=Bound(">", 0.5), base_rate=0.2)),
        ('RECALL "x" AS OF 2024-03-20', Recall("x", as_of=Moment(us(2024, 3, 20)))),
        ('RECALL "x" ORDER BY created', Recall("x", order=Order("created"))),
        ('RECALL "x" ORDER BY Score DESC LIMIT 5 OFFSET 2', Recall(
            "x", order=Order("score", descending=True), limit=5, offset=2)),
        (f"SPREAD FROM {ONE}", Spread((ONE,))),
        ((f'SPREAD FROM {ONE}, "{TWO}" VIA causal, "temporal" DECAY 1 MAX_HOPS 2 THRESHOLD 0.1'
          " LIMIT 7"), Spread((ONE, TWO), 2, 1, 0.1, ("causal", "temporal"), 7)),
        (f'PREDICT "rain" GIVEN {ONE}', Predict("rain", (ONE,))),
        (f"PREDICT $c GIVEN {ONE}, $more HORIZON 7d CONFIDENCE >= 0.2 LIMIT 3", Predict(
            Parameter("c", "cue"), (ONE, Parameter("more", "memory")), Span(7, "d"),
            Bound(">=", 0.2), 3)),
        ('IMAGINE "x"', Imagine("x")),
        (f"IMAGINE $c BASED ON {ONE}, {TWO} NOVELTY 0.4 CONFIDENCE > 0.1 LIMIT 2", Imagine(
            Parameter("c", "cue"), (ONE, TWO), 0.4, Bound(">", 0.1), 2)),
        ('COMPLETE who = "Ada", WHERE = $w, who = "Bo" LIMIT 2', Complete((
            Compare("who", "=", "Ada"), Compare("where", "=", Parameter("w", "text")),
            Compare("who", "=", "Bo")), 2)),
        ("SHOW SPACES", ShowSpaces()),
        ("show stats", ShowStats()),
        ("SHOW CONCEPTS LIMIT 2", ShowConcepts(2)),
        (f"SHOW ASSOCIATIONS OF {ONE} VIA causal DIRECTION in LIMIT 3",
         ShowAssociations(ONE, "in", ("causal",), 3)),
        (f"SHOW PATHS FROM {ONE} TO $two SHORTEST MAX_HOPS 3 VIA causal LIMIT 2",
         ShowPaths(ONE, Parameter("two", "memory"), "shortest", ("causal",), 3, 2)),
        ("SHOW CONTRADICTIONS", ShowContradictions()),
        (f"SHOW CONTRADICTIONS OF {ONE}", ShowContradictions(ONE)),
        (f"SHOW BELIEFS OF {ONE}", ShowBeliefs(ONE)),
    ],
)  # fmt: skip
def test_a_statement_is_read(text: str, body: object) -> None:
    assert parse(text).body == body
    assert parse(printed(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ('tag HAS "a"', Has("tag", "a")),
        ('content contains "a" AND content matches "b*"', AllOf((Contains("a"), Matches("b*")))),
        ("confidence = 1 OR confidence = 2 AND confidence = 3", AnyOf((
            Compare("confidence", "=", 1),
            AllOf((Compare("confidence", "=", 2), Compare("confidence", "=", 3))),
        ))),
        ("NOT priority = 1 AND priority = 2", AllOf((
            Not(Compare("priority", "=", 1)), Compare("priority", "=", 2),
        ))),
        ("NOT (priority = 1 AND priority = 2)", Not(AllOf((
            Compare("priority", "=", 1), Compare("priority", "=", 2),
        )))),
        ('kind IN ("Episodic", $k)', Among("kind", ("episodic", Parameter("k", "memory kind")))),
        ("priority BETWEEN 1 AND 3 AND priority != 2", AllOf((
            Between("priority", 1, 3), Compare("priority", "!=", 2),
        ))),
        ("metadata.user.age >= 3", Compare("metadata.user.age", ">=", 3)),
        ('metadata."page no".5d = true', Compare("metadata.page no.5d", "=", True)),
        ("metadata.limit IN ('a', 2, false)", Among("metadata.limit", ("a", 2, False))),
        (f'id IN ("{ONE}", $two)', Among("id", (ONE, Parameter("two", "memory")))),
        ("stability_days > 12h", Compare("stability_days", ">", Span(12, "h"))),
        ("stability_days > 1.5", Compare("stability_days", ">", 1.5)),
    ],
)  # fmt: skip
def test_a_condition_is_read(text: str, condition: object) -> None:
    assert where(text) == condition


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2024-03-20", Moment(us(2024, 3, 20))),
        ("2024-03-20T15:09", Moment(us(2024, 3, 20, 15, 9))),
        ("2024-03-20T15:09:30Z", Moment(us(2024, 3, 20, 15, 9, 30))),
        ('"2024-03-20T15:09:30.000001Z"', Moment(us(2024, 3, 20, 15, 9, 30) + 1)),
        ("2024-03-20T15:09+05:30", Moment(us(2024, 3, 20, 9, 39))),
        ('"2024-03-20 15:09-01"', Moment(us(2024, 3, 20, 16, 9))),
        ("1833-06-05", Moment(us(1833, 6, 5))),
        ("1700000000", Moment(1_700_000_000_000_000)),
        ("1.5", Moment(1_500_000)),
        ("3 days ago", Ago(3, "d")),
        ('"3 Days ago"', Ago(3, "d")),
        ('"2 months ago"', Ago(60, "d")),
        ("90s ago", Ago(90, "s")),
        ("1 year ago", Ago(365, "d")),
        ("now", Ago(0, "s")),
        ("$then", Parameter("then", "time")),
    ],
)
def test_a_time_is_read(text: str, time: Value) -> None:
    assert where(f"created AFTER {text} AND priority = 1") == AllOf(
        (Compare("created", "AFTER", time), Compare("priority", "=", 1))
    )


def test_a_statement_may_be_explained_and_may_name_a_space() -> None:
    assert parse("EXPLAIN SHOW STATS IN SPACE 2024") == Statement(ShowStats(), EXPLAIN, "2024")
    assert parse("profile SHOW STATS IN SPACE limit") == Statement(ShowStats(), PROFILE, "limit")
    assert parse("SHOW STATS\n IN SPACE 2024-01-01").space == "2024-01-01"
    assert parse("SHOW STATS IN SPACE $s").space == Parameter("s", "space")


def test_the_examples_of_errors_are_understood() -> None:
    assert [printed(parse(each)) for each in EXAMPLES.values()]


def test_every_precedence_survives_printing() -> None:
    for text in (
        "(priority = 1 OR priority = 2) AND priority = 3",
        "(priority = 1 AND priority = 2) AND priority = 3",
        "(priority = 1 OR priority = 2) OR priority = 3",
        "NOT NOT priority = 1",
        "NOT (NOT priority = 1 OR priority = 2)",
    ):
        body = parse(printed(parse(f'RECALL "x" WHERE {text}'))).body
        assert isinstance(body, Recall)
        assert body.where == where(text)


def test_nobody_loads_the_language_who_does_not_ask_in_it() -> None:
    """Neither the package, nor the help, nor an open store."""
    probe = (
        "import sys, tempfile, engram, engram.sync\n"
        "with tempfile.TemporaryDirectory() as place:\n"
        "    with engram.sync.open(place, embedder=None, kernels='numpy') as db:\n"
        "        db.space().remember('a')\n"
        "        assert not [n for n in sys.modules if n.startswith('engram.query')]\n"
        "        db.space().query('SHOW STATS')\n"
        "        assert 'engram.query.parser' in sys.modules\n"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
