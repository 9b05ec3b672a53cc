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
