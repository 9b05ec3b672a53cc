"""stats: RAM against the budget, and a line for each space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.edges.test_cli_integrity import flip

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


def test_stats_are_a_line_a_space_and_the_bytes_in_ram(cli: CommandLine) -> None:
    cli("remember", "the lake is cold")
    cli("space", "create", "work")
    told = cli("stats")
    assert told.code == 0
    lines = [line.split() for line in told.out.splitlines()]
    assert lines[1] == ["default", "ready", "1", "0", "1", "0", "0", lines[1][7], "1", "0", "0.0"]
    assert lines[2][:3] == ["work", "ready", "0"]
    assert lines[4][0] == "resident"
    assert [line[0] for line in lines[5:]] == [
        "columns", "keys", "associations", "words", "sealed", "hot", "sketches", "cache", "moving",
    ]  # fmt: skip


def test_stats_in_json_have_the_metrics_under_their_names(cli: CommandLine) -> None:
    cli("remember", "the lake is cold", "--space", "work")
    found = cli("stats", "--space", "work", "--json").json
    assert [each["space"] for each in found["spaces"]] == ["work"]
    assert found["metrics"]['engram_memories{memory_space="work"}'] == 1
    assert found["resident_bytes"]["total"] == sum(
        value
        for name, value in found["metrics"].items()
        if name.startswith("engram_resident_bytes{")
    )
    assert found["resident_bytes"]["total"] <= found["memory_budget"]


def test_stats_of_a_space_there_is_not_are_refused(cli: CommandLine) -> None:
    assert cli("stats", "--space", "work").err.startswith("NOT_FOUND: ")


def test_stats_of_a_damaged_store_say_why_and_exit_1(cli: CommandLine) -> None:
    cli("remember", "the lake is cold")
    cli("space", "create", "work")
    (log,) = (cli.path / "default" / "wal").glob("*.wal")
    flip(log, 4096 + 80)
    told = cli("stats")
    assert told.code == 1
    assert told.out.splitlines()[1].split() == ["default", "unavailable"]
    assert log.name in told.out
    assert cli("stats", "--space", "work").code == 0
