"""space list, create and delete, and reembed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engram.testing.embedders import HashingEmbedder

if TYPE_CHECKING:
    import pytest

    from tests.edges.conftest import CommandLine


def test_a_space_is_created_listed_and_deleted(cli: CommandLine) -> None:
    """What one command makes the next one sees."""
    assert cli("space", "create", "trips").out == "Created space trips\n"
    cli("remember", "a lake", "--space", "trips")
    assert cli("space", "list").out.split("\n")[1].split() == ["trips", "1", "memories"]
    assert cli("space", "delete", "trips", "--yes").out == "Deleted space trips\n"
    assert [s["id"] for s in cli("space", "list", "--json").json] == ["default"]


def test_memories_of_one_space_are_in_no_other(cli: CommandLine) -> None:
    """The same cue finds in each space only what was put there."""
    cli("remember", "the lake is cold", "--space", "one")
    cli("remember", "the lake is warm", "--space", "two")
    hits = cli("recall", "lake", "--space", "two", "--json").json["recollections"]
    assert [hit["memory"]["content"] for hit in hits] == ["the lake is warm"]


def test_deleting_asks_and_takes_no_for_an_answer(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal anything but y leaves the space; y deletes it."""
    cli("space", "create", "trips")
    monkeypatch.setattr("sys.stdin", _Terminal("no\n"))
    refused = cli("space", "delete", "trips")
    assert refused.code == 1
    assert "Nothing was deleted." in refused.err
    monkeypatch.setattr("sys.stdin", _Terminal("y\n"))
    assert cli("space", "delete", "trips").code == 0
    assert len(cli("space", "list", "--json").json) == 1


class _Terminal:
    """Standard input with a person at it."""

    def __init__(self, line: str) -> None:
        self._line = line

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._line


def test_another_embedder_is_refused_until_the_space_is_reembedded(cli: CommandLine) -> None:
    """The refusal names the command that converts, and that command works."""
    cli.open_with(embedder=HashingEmbedder(identity="old@1"))
    cli("remember", "the lake is cold")
    cli.open_with(embedder=HashingEmbedder(dimensions=32, identity="new@1"))
    refused = cli("recall", "lake")
    assert refused.code == 1
    assert refused.err.startswith("CONFLICT: ")
    assert "engram reembed --space default" in refused.err
    done = cli("reembed", "--json").json
    assert done == {"space": "default", "embedded": 1, "embedder": "new@1"}
    assert len(cli("recall", "lake", "--json").json["recollections"]) == 1


def test_a_snapshot_of_one_space_or_all_is_written_on_demand(cli: CommandLine) -> None:
    """The command says up to which LSN, and the memories are there afterwards."""
    cli("remember", "a lake", "--space", "trips")
    assert "Space trips is in a snapshot up to LSN 1" in cli("checkpoint", "--space", "trips").out
    done = cli("checkpoint", "--all", "--json").json
    assert [(each["space"], each["lsn"]) for each in done] == [("default", 0), ("trips", 1)]
    assert cli("space", "list").out.split("\n")[1].split() == ["trips", "1", "memories"]


def test_compact_lets_go_of_what_was_forgotten(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the history that is kept nothing goes; without any it is gone for good."""
    made = cli("remember", "the old plan", "--json").json
    cli("remember", "the new plan")
    cli("forget", made["id"])
    assert "nothing to let go of" in cli("compact").out
    monkeypatch.setenv("ENGRAM_HISTORY_RETENTION", "0")
    assert cli("compact", "--json").json | {"bytes_freed": 0} == {
        "space": "default",
        "lsn": 3,
        "rows_dropped": 1,
        "bytes_freed": 0,
    }
    assert "nothing to let go of" in cli("compact").out
    assert cli("list", "--json").json["total"] == 1
