"""backup create, list, verify and prune, and restore."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


def test_what_was_backed_up_is_restored_into_an_empty_store(
    cli: CommandLine, tmp_path: Path
) -> None:
    """The digest of the restored space is that of the backup, and its memories answer."""
    where, other = str(tmp_path / "kept"), str(tmp_path / "other")
    cli("remember", "the lake is cold")
    made = cli("backup", "create", where, "--json").json
    assert cli("backup", "create", where, "--json").json["objects_stored"] == 0
    (restored,) = cli("restore", where, "--data", other, "--json", elsewhere=True).json
    assert restored["digest"] == made["spaces"][0]["digest"]
    hits = cli("recall", "lake", "--data", other, "--json", elsewhere=True).json
    assert [hit["memory"]["content"] for hit in hits["recollections"]] == ["the lake is cold"]


def test_backups_are_listed_and_pruned(cli: CommandLine, tmp_path: Path) -> None:
    where = str(tmp_path / "kept")
    cli("remember", "the lake is cold")
    first = cli("backup", "create", where, "--json").json["id"]
    cli("remember", "the sea is warm")
    text = cli("backup", "create", where).out
    assert "default" in text
    assert "Stored" in text
    listed = cli("backup", "list", where, "--json", elsewhere=True).json
    assert [each["spaces"][0]["memories"] for each in listed] == [1, 2]
    assert first in cli("backup", "list", where, elsewhere=True).out
    pruned = cli("backup", "prune", where, "--keep", "1", "--json", elsewhere=True).json
    assert pruned["removed"] == [first]
    refused = cli("backup", "prune", where, elsewhere=True)
    assert (refused.code, refused.err[:16]) == (1, "INVALID_REQUEST:")


def test_a_space_is_restored_as_another_up_to_an_lsn(cli: CommandLine, tmp_path: Path) -> None:
    where = str(tmp_path / "kept")
    cli("remember", "the lake is cold")
    cli("remember", "the sea is warm")
    cli("backup", "create", where)
    done = cli("restore", where, "--space", "default", "--as", "then", "--to-lsn", "1")
    assert done.out.startswith("Restored space then from ")
    assert [space["memories"] for space in cli("space", "list", "--json").json] == [2, 1]
    assert cli("restore", where, "--as", "again", "--to-lsn", "1").code == 0
    cli("backup", "create", where)
    for option in (("--as", "more"), ("--to-lsn", "1")):
        refused = cli("restore", where, *option)
        assert refused.err.startswith(
            "INVALID_REQUEST: the backup holds again, default, then: name"
        )
    refused = cli("restore", where)
    assert refused.err.startswith("CONFLICT: memory space 'again' exists already")
    assert cli("restore", where, "--replace").code == 0


def test_a_damaged_backup_is_named_and_leaves_the_target_untouched(
    cli: CommandLine, tmp_path: Path
) -> None:
    """Not even the target's directory is made."""
    where, other = tmp_path / "kept", tmp_path / "other"
    cli("remember", "the lake is cold")
    cli("backup", "create", str(where))
    assert "All is well." in cli("backup", "verify", str(where), elsewhere=True).out
    (chunk,) = (where / "objects").rglob("*.chunk")
    chunk.write_bytes(chunk.read_bytes()[:-1])
    found = cli("backup", "verify", str(where), "--json", elsewhere=True)
    assert found.code == 1
    assert [each["name"] for each in found.json["damage"]] == [str(chunk.relative_to(where))]
    assert chunk.name in cli("backup", "verify", str(where), elsewhere=True).out
    refused = cli("restore", str(where), "--data", str(other), elsewhere=True)
    assert refused.code == 1
    assert refused.err.startswith("DATA_LOSS: objects/")
    assert not other.exists()


def test_a_place_without_backups_is_told_with_the_remedy(cli: CommandLine, tmp_path: Path) -> None:
    refused = cli("backup", "list", str(tmp_path / "none"), elsewhere=True)
    assert refused.code == 1
    assert "engram backup create" in refused.err
    unknown = cli("backup", "list", "nosuch://place", elsewhere=True)
    assert unknown.err.startswith("INVALID_REQUEST: nosuch://place is no place")


def test_a_server_sends_and_takes_backups_of_the_store_it_has_open(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same answers as without one; what was stored before is not stored again."""
    monkeypatch.setenv("ENGRAM_EMBEDDER", "none")
    where = str(tmp_path / "backups")
    memory_id = cli("remember", "in hall 4 hangs a picture", "--json").json["id"]
    alone = cli("backup", "create", where, "--json").json
    said = cli("start", "--detach", "--port", "0", "--json").json
    try:
        served = cli("backup", "create", where, "--json").json
        assert set(served) == set(alone)
        assert [each["digest"] for each in served["spaces"]] == [
            each["digest"] for each in alone["spaces"]
        ]
        assert served["objects_stored"] <= alone["objects_stored"]
        assert cli("backup", "verify", where, elsewhere=True).code == 0
        several = cli("backup", "create", where, "--space", "default", "--space", "other")
        assert (several.code, "no memory space 'other'" in several.err) == (1, True)
        taken = cli("restore", where, "--space", "default")
        assert (taken.code, "default" in taken.err) == (1, True)
        done = cli("restore", where, alone["id"], "--space", "default", "--as", "copy", "--json")
        assert [each["space"] for each in done.json] == ["copy"]
        url = f"{said['url']}/api/v1/memories/{memory_id}?space=copy"
        assert httpx2.get(url).json()["content"] == "in hall 4 hangs a picture"
        bound = cli("restore", where, "--to-lsn", "1", "--space", "default", "--as", "first")
        assert (bound.code, "space first" in bound.out) == (0, True)
    finally:
        os.waitpid(cli("stop", "--json").json["pid"], 0)
    assert cli("get", memory_id, "--space", "copy").code == 0
