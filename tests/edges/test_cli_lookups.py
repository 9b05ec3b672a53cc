"""`engram search`, `replay` and `labels`: what they print for people."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


@pytest.fixture
def letters(cli: CommandLine) -> CommandLine:
    """A store with three letters, recorded in another order than they were written in."""
    for year, tag in ((1843, "engine"), (1833, "party"), (1840, "engine")):
        text = f"A letter of {year} about the {tag}"
        cli("remember", text, "--time", f"{year}-06-05", "--tag", tag, "--session", "Letters")
    return cli


def test_search_finds_words_and_nothing_that_is_merely_alike(letters: CommandLine) -> None:
    answer = letters("search", "engines 1843", "--explain")
    assert (answer.code, answer.err) == (0, "")
    assert "2 of 3 memories" in answer.out
    assert answer.out.index("1843") < answer.out.index("1840")
    assert "party" not in answer.out
    nothing = letters("search", "kettle")
    assert (nothing.code, nothing.out.splitlines()[0][:13]) == (0, "Nothing found")
    assert letters("get", letters("search", "party", "--json").json["recollections"][0]["memory"][
        "id"], "--json").json["access_count"] == 0  # fmt: skip


def test_search_reads_standard_input(letters: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"party\n")))
    (found,) = letters("search", "-", "--json").json["recollections"]
    assert found["memory"]["tags"] == ["party"]


def test_replay_tells_episodes_as_they_happened_page_by_page(letters: CommandLine) -> None:
    """Of a range of time; a fact has no place in it unless it is asked for."""
    letters("remember", "Letters are flat", "--kind", "semantic")
    first = letters("replay", "--limit", "2", "--json").json
    assert [each["occurred_at"][:4] for each in first["memories"]] == ["1833", "1840"]
    assert first["total"] == 3
    shown = letters("replay", "--limit", "2", f"--cursor={first['cursor']}").out
    assert "1843-06-05" in shown
    assert "1 of 3 episodes" in shown
    assert f"--cursor={first['cursor']}\n" in letters("replay", "--limit", "2").out
    between = letters("replay", "--after", "1834", "--before", "1841-01-01")
    assert "is not a time" in between.err
    between = letters("replay", "--after", "1834-01-01", "--before", "1841-01-01")
    assert ("1840" in between.out, "1843" in between.out, "1833" in between.out) == (
        True, False, False,
    )  # fmt: skip
    facts = letters("replay", "--kind", "semantic", "--json").json["memories"]
    assert [each["content"] for each in facts] == ["Letters are flat"]


def test_labels_are_counted_those_of_most_memories_first(letters: CommandLine) -> None:
    lines = letters("labels").out.split()
    assert lines == ["memories", "tag", "2", "engine", "1", "party"]
    assert letters("labels", "session", "--prefix", "l", "--json").json == {
        "field": "session",
        "labels": [{"label": "Letters", "memories": 3}],
    }
    assert letters("labels", "fact_key").out == "No memory has such a fact key.\n"
    refused = letters("labels", "colour")
    assert (refused.code, "tag, entity, source, session, fact_key" in refused.err) == (1, True)
