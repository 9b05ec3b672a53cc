"""What the page about the query language shows runs as printed, on the space it describes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import engram.sync
from engram.query.fields import FIELDS, ORDER_KEYS
from engram.query.parser import parse
from engram.query.syntax import MemoryCue, Recall, VectorCue

PAGE = (Path(__file__).parents[2] / "docs/reference/query-language.md").read_text("utf-8")
EXAMPLES = [
    line
    for block in re.findall(r"^```engram\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


def year(number: int, month: int = 1, day: int = 1) -> datetime:
    """Return a day in UTC."""
    return datetime(number, month, day, tzinfo=UTC)


def remembered(space: engram.sync.Space) -> dict[str, Any]:
    """Fill a space as the page says, and return the parameters of its examples."""
    ada = space.remember(
        "Ada Lovelace met Charles Babbage in June 1833.", tags=["history"], source="letters",
        entities=["Ada"], metadata={"page": 3, "lang": "en"}, occurred_at=year(1833, 6, 5),
        session="s",
        episode={"what": "a first meeting", "where": "London", "who": ["Ada", "Babbage"]},
    )  # fmt: skip
    engine = space.remember(
        "Babbage designed the analytical engine.", tags=["history", "machines"], confidence=0.6,
        kind="semantic", occurred_at=year(1837), session="s",
    )  # fmt: skip
    thames = space.remember(
        "The Thames froze in London.", tags=["weather"], priority=8,
        occurred_at=year(1814, 2), session="s",
    )  # fmt: skip
    for city in ("London", "Paris"):
        space.remember(f"Ada lives in {city}.", tags=["people"])
    space.associate(ada.id, engine.id, "causal", weight=0.9)
    space.associate(engine.id, thames.id, "semantic", weight=0.5)
    ids = {"ada": ada.id, "engine": engine.id, "thames": thames.id}
    return ids | {"cue": "who knew Babbage?", "where": "London"}


def fitted(statement: str, parameters: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return an example with the ids and the vector of the space at hand."""
    body = parse(statement).body
    if isinstance(body, Recall) and isinstance(body.cue, MemoryCue):
        statement = statement.replace(body.cue.id, parameters["ada"])
    if isinstance(body, Recall) and isinstance(body.cue, VectorCue):
        statement = re.sub(r"\[.*\]", "$vector", statement)
        return statement, {"vector": [1.0] * 256}
    return statement, {name: each for name, each in parameters.items() if f"${name}" in statement}


def test_every_example_runs_and_finds_something(tmp_path: Path) -> None:
    with engram.sync.open(tmp_path, embedder="static") as db:
        space = db.space()
        parameters = remembered(space)
        empty = []
        for example in EXAMPLES:
            statement, given = fitted(example, parameters)
            answer = space.query(statement, given)
            if not len(answer) and answer.plan is None:
                empty.append(example)
        assert [each for each in empty if "THRESHOLD" not in each] == []
    assert len(EXAMPLES) > 20


def test_every_statement_has_an_example() -> None:
    for word in (
        "RECALL", "WHERE", "CONFIDENCE", "BASE_RATE", "AS OF", "ORDER BY", "LIMIT", "OFFSET",
        "IN SPACE", "THRESHOLD", "SPREAD", "MAX_HOPS", "DECAY", "VIA", "SHOW SPACES", "SHOW STATS",
        "SHOW CONCEPTS", "PREDICT", "HORIZON", "COMPLETE",
        "IMAGINE", "BASED ON", "CONSOLIDATE", "INTO", "NOVELTY", "SHOW ASSOCIATIONS", "SHOW PATHS",
        "DEADLINE", "SHOW CONTRADICTIONS", "EXPLAIN",
        "PROFILE", "CONTAINS", "MATCHES", "HAS", "IN (", "BETWEEN", "BEFORE", "AFTER", "NOT",
    ):  # fmt: skip
        assert any(word in example for example in EXAMPLES), word


@pytest.mark.parametrize("name", [*FIELDS, *ORDER_KEYS])
def test_every_field_and_key_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", PAGE)
