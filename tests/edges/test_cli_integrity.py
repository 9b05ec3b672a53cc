"""verify: what it says of a sound store and of a damaged one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_a_sound_store_is_told_in_a_line_a_space(cli: CommandLine) -> None:
    cli("remember", "the lake is cold")
    cli("space", "create", "work")
    told = cli("verify").out.splitlines()
    assert [line.rpartition(",")[0] for line in told[:2]] == [
        "default: 1 entries, 0 corrupted", "work: 0 entries, 0 corrupted",
    ]  # fmt: skip
    assert told[2] == "All is well."
    assert [
        each["space"] for each in cli("verify", "--space", "work", "--json").json["spaces"]
    ] == ["work"]
    assert cli("verify", "--all", "--json").json["sound"] is True


def test_damage_is_told_with_what_it_costs(cli: CommandLine) -> None:
    cli("remember", "the lake is cold")
    cli("checkpoint")
    part = cli.path / "default" / "hot" / "0000000001-00000.part"
    flip(part, 100)
    told = cli("verify")
    assert told.code == 1
    assert f"default/hot/{part.name}, byte" in told.out
    assert "given up, this costs: nothing; the log from its beginning serves instead" in told.out
    assert "and nothing is lost: every space opens" in told.out
    (damage,) = cli("verify", "--json").json["spaces"][0]["damage"]
    assert damage["lost"] == "nothing"


def test_a_log_that_lost_records_is_told_with_the_way_out(cli: CommandLine) -> None:
    cli("remember", "the lake is cold")
    (log,) = (cli.path / "default" / "wal").glob("*.wal")
    flip(log, 4096 + 80)
    told = cli("verify")
    assert told.code == 1
    assert "default: 0 entries, 1 corrupted" in told.out
    assert "costs: all that was recorded from LSN 1 to 1" in told.out
    assert "default cannot be opened" in told.out


def test_a_directory_without_a_store_is_refused(cli: CommandLine) -> None:
    assert cli("verify").err.startswith("INVALID_REQUEST: there is no store at ")
    assert not cli.path.exists()


def test_repair_tells_the_cost_first_and_then_pays_it(cli: CommandLine) -> None:
    for text in ("the lake is cold", "the sea is warm", "the river is wide"):
        cli("remember", text)
    assert cli("repair").out == "default: nothing is damaged\n"
    (log,) = (cli.path / "default" / "wal").glob("*.wal")
    flip(log, 2 * 4096 + 80)
    told = cli("repair")
    assert told.code == 1
    assert "default: to be given up: all that was recorded from LSN 2 to 3" in told.out
    assert "engram repair --space default --accept-loss" in told.out
    assert cli("list").code == 1
    done = cli("repair", "--accept-loss")
    assert done.code == 0
    assert "default: given up: all that was recorded from LSN 2 to 3" in done.out
    assert "Afterwards: default: 0 entries, 0 corrupted" in done.out  # a snapshot has it
    assert [each["content"] for each in cli("list", "--json").json["memories"]] == [
        "the lake is cold"
    ]
    assert cli("verify").code == 0
    assert cli("repair", "--json").json["damage"] == []


def test_verify_passes_over_what_a_server_left_beside_the_spaces(cli: CommandLine) -> None:
    """Its log, the audit and the keys are files that begin with a dot."""
    cli("remember", "the lake is cold")
    (cli.path / ".server.log").write_text("a line", "utf-8")
    assert cli("verify").code == 0
