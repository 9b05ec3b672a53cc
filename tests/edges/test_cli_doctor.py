"""doctor: each check says what it found, and what to do when that is bad."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from engram.adapters.local.filesystem import LocalFilesystem

if TYPE_CHECKING:
    import pytest

    from tests.edges.conftest import CommandLine


def by_check(value: Any) -> dict[str, Any]:
    """Return the findings of `doctor --json` by what was checked."""
    return {finding["check"]: finding for finding in value["checks"]}


def test_a_sound_machine_passes_every_check_and_is_left_as_it_was(cli: CommandLine) -> None:
    """No store is made by looking, and no probe file stays behind."""
    answer = cli("doctor", "--json")
    found = by_check(answer.json)
    assert (answer.code, answer.json["failed"]) == (0, 0)
    assert list(found) == [
        *("python", "numpy", "zig library", "kernels", "data root", "free space", "disk sync"),
        *("embedder", "store"),
    ]
    assert "passed the conformance suite" in found["kernels"]["detail"]
    assert "ms for 4 KiB written and synced" in found["disk sync"]["detail"]
    assert list(cli.path.parent.iterdir()) == []


def test_each_space_is_opened_and_described(cli: CommandLine) -> None:
    """One line a space, with what its recovery found."""
    cli("remember", "a lake", "--space", "trips")
    answer = cli("doctor")
    assert answer.code == 0
    assert "trips: 1 memories, 0 concepts, 1 vectors of static-" in answer.out
    assert "entries recovered in" in " ".join(answer.out.split())
    assert answer.out.endswith("\nAll is well.\n")
    assert sorted(path.name for path in cli.path.iterdir()) == ["STORE", "default", "trips"]


def test_one_space_can_be_asked_for(cli: CommandLine) -> None:
    """With --space the others are not described; one that is not there fails."""
    cli("remember", "a lake", "--space", "trips")
    answer = cli("doctor", "--space", "trips", "--json")
    spaces = [f["detail"] for f in answer.json["checks"] if f["check"] == "space"]
    assert len(spaces) == 1
    assert spaces[0].startswith("trips: ")
    missing = cli("doctor", "--space", "nowhere")
    assert missing.code == 1
    assert "there is no memory space 'nowhere'" in " ".join(missing.out.split())


def test_a_damaged_space_fails_and_the_others_are_still_described(cli: CommandLine) -> None:
    """The finding names the file and the remedy; the exit code is 1."""
    for number in range(3):
        cli("remember", f"memory {number}", "--space", "broken")
    cli("remember", "a lake", "--space", "whole")
    segment = next((cli.path / "broken").rglob("*.wal"))
    data = bytearray(segment.read_bytes())
    middle = data.index(b"memory 0")
    data[middle] ^= 0xFF
    segment.write_bytes(data)
    answer = cli("doctor", "--json")
    spaces = {
        f["detail"].partition(":")[0]: f for f in answer.json["checks"] if f["check"] == "space"
    }
    assert answer.code == 1
    assert spaces["broken"]["state"] == "fail"
    assert segment.name in spaces["broken"]["detail"]
    assert spaces["whole"]["state"] == "ok"


def test_a_store_in_use_is_a_note_and_no_failure(cli: CommandLine) -> None:
    """A running program is no fault of the machine."""
    cli("remember", "a lake")
    lock = LocalFilesystem(cli.path).lock("STORE")
    try:
        answer = cli("doctor", "--json")
    finally:
        lock.close()
    assert answer.code == 0
    assert by_check(answer.json)["store"]["state"] == "warn"


def test_a_data_root_nobody_may_write_to_fails_with_the_remedy(cli: CommandLine) -> None:
    """The checks after it still run."""
    answer = cli("doctor", "--data", "/sys/engram", "--json", elsewhere=True)
    found = by_check(answer.json)
    assert answer.code == 1
    assert found["data root"]["state"] == "fail"
    assert "ENGRAM_DATA_ROOT" in found["data root"]["remedy"]
    assert found["embedder"]["state"] == "ok"


def test_an_embedder_that_is_not_there_fails(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finding lists the embedders there are."""
    monkeypatch.setenv("ENGRAM_EMBEDDER", "nonesuch")
    answer = cli("doctor", "--json")
    assert answer.code == 1
    assert "there is no embedder 'nonesuch'" in by_check(answer.json)["embedder"]["detail"]


def test_a_file_in_place_of_the_data_root_fails(cli: CommandLine, tmp_path: Path) -> None:
    """A path below a file can never become a directory."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    answer = cli("doctor", "--data", str(tmp_path / "file" / "store"), "--json", elsewhere=True)
    assert by_check(answer.json)["data root"]["state"] == "fail"
