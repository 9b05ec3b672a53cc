"""status: how the spaces of a store stand that no server has open."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


def test_each_space_stands_in_a_line_of_a_box(cli: CommandLine) -> None:
    """With the columns that operators know."""
    cli("remember", "the kettle is blue", "--space", "notes")
    answer = cli("status")
    head, _, *lines = [line for line in answer.out.splitlines() if line.strip()][1:-1]
    cells = [cell.strip() for cell in head.strip("\u2502").split("\u2502")]
    assert cells == ["Space", "Memories", "Pressure", "WAL Lag (ms)", "Consolidation"]
    assert [line.split()[1:3] for line in lines] == [["default", "\u2502"], ["notes", "\u2502"]]
    assert lines[1].split()[3] == "1"


def test_a_space_is_told_of_alone(cli: CommandLine) -> None:
    """Machines get all that is known of it; one that is not there is an error."""
    cli("remember", "the kettle is blue", "--space", "notes")
    (only,) = cli("status", "--space", "notes", "--json").json["spaces"]
    assert (only["space"], only["phase"], only["memories"]) == ("notes", "ready", 1)
    assert {"pressure", "wal_lag_ms", "consolidation_rate", "hot"} <= set(only)
    assert cli("status", "--space", "nowhere").code == 1


def test_a_damaged_space_says_why_and_fails(cli: CommandLine) -> None:
    """The others stand in their lines all the same."""
    cli("remember", "the kettle is blue", "--space", "notes")
    for segment in (cli.path / "notes" / "wal").iterdir():
        if segment.is_file():
            segment.write_bytes(b"x" * segment.stat().st_size)
    answer = cli("status")
    assert (answer.code, "unavailable" in answer.out, "damaged" in answer.out) == (1, True, True)
