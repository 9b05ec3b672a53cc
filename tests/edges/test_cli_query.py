"""`engram query` carries out a statement and prints a table, JSON, or JSON a row."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


@pytest.fixture
def kettles(cli: CommandLine) -> CommandLine:
    """Return a store with two memories of kettles."""
    cli("remember", "the kettle is blue", "--tag", "kitchen", "--session", "s")
    cli("remember", "the kettle is hot", "--session", "s")
    return cli


def test_a_recall_is_a_table(kettles: CommandLine) -> None:
    answer = kettles("query", 'RECALL "kettle" WHERE tag HAS "kitchen"')
    assert (answer.code, answer.err) == (0, "")
    assert "the kettle is blue" in answer.out
    assert "the kettle is hot" not in answer.out
    assert answer.out.split()[:5] == ["score", "confidence", "group", "occurred", "content"]
    assert "1 row," in answer.out


def test_a_table_shows_the_beginning_of_a_long_text(kettles: CommandLine) -> None:
    long = "the kettle " + "boils and " * 200 + "is empty"
    kettles("remember", long)
    statement = 'RECALL "kettle boils" LIMIT 1'
    shown = kettles("query", statement).out
    assert len(shown) < len(long)
    assert "…" in shown
    assert kettles("query", statement, "--json").json["rows"][0]["fields"]["content"] == long


def test_a_table_is_as_wide_as_a_terminal_and_no_longer_than_its_rows(cli: CommandLine) -> None:
    """Each of few rows takes few lines: no column is left a letter wide."""
    for number, place in enumerate(("the garden", "the kitchen", "the library")):
        episode = ("--what", f"tea number {number}", "--where", place, "--who", "Ada Lovelace")
        cli("remember", f"tea in {place}", "--session", "s", *episode)
    first, *_, last = [each["id"] for each in cli("list", "--json").json["memories"]]
    for statement in (
        'RECALL "tea"', f"SHOW PATHS FROM {first} TO {last}", f'PREDICT "tea" GIVEN {first}',
        'IMAGINE "tea"',
        'COMPLETE who = "Ada Lovelace"', f"SHOW ASSOCIATIONS OF {first}", f"SPREAD FROM {first}",
    ):  # fmt: skip
        answer = cli("query", statement)
        assert answer.code == 0, statement
        found = cli("query", statement, "--json").json
        rows = len(found["rows"])
        assert rows > 0, statement
        assert set(answer.out.splitlines()[0].split()) <= set(found["columns"]), answer.out
        assert len(answer.out.splitlines()) <= 4 + 4 * rows, answer.out


def test_values_come_as_parameters(kettles: CommandLine) -> None:
    """JSON where they read as such, else text."""
    statement = "RECALL $cue ORDER BY created DESC LIMIT $n"
    answer = kettles("query", statement, "--param", "cue=kettle", "--param", "n=1", "--json")
    assert [row["fields"]["content"] for row in answer.json["rows"]] == ["the kettle is hot"]
    assert kettles("query", statement, "--param", "cue").code == 1


def test_answers_are_json(kettles: CommandLine) -> None:
    answer = kettles("query", 'PROFILE RECALL "kettle"', "--format", "json").json
    assert {"statement", "columns", "rows", "confidence", "evidence", "plan", "timings_us"} <= set(
        answer
    )
    row = answer["rows"][0]
    assert row["memory"]["id"] == row["fields"]["id"]
    assert row["evidence"][0] == row["fields"]["id"]
    assert answer["plan"]["steps"][0]["name"] == "embed"


def test_rows_are_lines_of_json(kettles: CommandLine) -> None:
    answer = kettles("query", 'RECALL "kettle"', "--format", "ndjson")
    assert len([json.loads(line) for line in answer.out.splitlines()]) == 2


def test_a_plan_is_a_table(kettles: CommandLine) -> None:
    answer = kettles("query", 'EXPLAIN RECALL "kettle" WHERE content CONTAINS "blue"')
    assert answer.out.split()[:4] == ["step", "rows", "us", "what"]
    assert 'content CONTAINS "blue"' in answer.out
    assert "measured us" in kettles("query", 'PROFILE RECALL "kettle"').out


def test_all_that_can_be_shown_is_shown(kettles: CommandLine) -> None:
    for what in ("SPACES", "STATS", "CONCEPTS", "CONTRADICTIONS"):
        for form in ("table", "json", "ndjson"):
            assert kettles("query", f"SHOW {what}", "--format", form).code == 0
    first = kettles("list", "--json").json["memories"][0]["id"]
    assert "temporal" in kettles("query", f"SHOW ASSOCIATIONS OF {first}").out
    assert "hops" in kettles("query", f"SPREAD FROM {first}").out


def test_a_statement_comes_from_standard_input(
    kettles: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'RECALL "blue"\n')))
    assert "the kettle is blue" in kettles("query", "-").out


def test_what_is_not_understood_is_an_error(kettles: CommandLine) -> None:
    answer = kettles("query", 'RECALL "kettle" LIMT 3')
    assert answer.code == 1
    assert "line 1, column 17" in answer.err
    assert "did you mean LIMIT?" in answer.err
    answer = kettles("query", 'RECALL "kettle"', "--budget-ms", "0.001", "--json")
    assert answer.json["error"]["code"] == "OVER_BUDGET"


def test_an_answer_without_rows_says_why(kettles: CommandLine) -> None:
    answer = kettles("query", 'RECALL "kettle" WHERE tag HAS "x"')
    assert "The filters removed all 2 memories." in answer.out


def test_an_episode_is_completed(cli: CommandLine) -> None:
    cli("remember", "tea in the garden", "--what", "tea", "--where", "the garden", "--who", "Ada")
    answer = cli("complete", "--who", "Ada")
    assert (answer.code, answer.err) == (0, "")
    assert "the garden" in answer.out
    assert "recalled" in answer.out
    found = cli("complete", "--what", "tea", "--limit", "1", "--json").json
    assert found["hypotheses"][0]["fields"]["where"]["value"] == "the garden"
    assert "No memory has anything in common" in cli("complete", "--who", "Bo").out
    assert cli("complete").code == 1


def test_a_text_is_recognized(kettles: CommandLine) -> None:
    answer = kettles("recognize", "the kettle is blue")
    assert answer.out.startswith("Familiarity 1.00 (1.00 to 1.00): the same text is memory ")
    found = kettles("recognize", "the kettle was blue", "--limit", "1", "--json").json
    assert 0 < found["familiarity"] <= 1
    assert found["identical"] is None
    assert len(found["nearest"]) == 1
    assert "removed all 2 memories" in kettles("recognize", "kettle", "--tag", "x").out
