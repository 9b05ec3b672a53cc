"""kernels: which, why, what arenas and shadow have seen, and the conformance suite on request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from engram.edges.cli.machine import Finding
from engram.kernels.arena import arena_stats, configure_arena
from engram.kernels.zig_backend import ZigBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engram.settings import Settings
    from tests.edges.conftest import CommandLine


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Put back level and arenas, which belong to the process."""
    before = arena_stats()
    yield
    configure_arena(size_bytes=before.size_bytes, overflow=before.overflow)
    ZigBackend().select_isa("auto")


def test_a_forced_level_is_in_force_and_shown_as_forced(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowest = ZigBackend().isa_levels[0]
    monkeypatch.setenv("ENGRAM_KERNELS", "zig")
    monkeypatch.setenv("ENGRAM_KERNELS_ISA", lowest)
    value = cli("kernels", "--json").json
    assert (value["isa"], value["isa_forced"], value["abi"]) == (lowest, True, 2)
    assert f"ISA      {lowest} (forced by ENGRAM_KERNELS_ISA)" in cli("kernels").out


def test_a_level_this_machine_lacks_is_an_error_that_names_those_it_has(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = ZigBackend().isa_levels
    absent = next(name for name in ("neon", "avx2") if name not in levels)
    monkeypatch.setenv("ENGRAM_KERNELS", "zig")
    monkeypatch.setenv("ENGRAM_KERNELS_ISA", absent)
    answer = cli("kernels")
    assert answer.code == 1
    assert f"only {', '.join(levels)}" in answer.err


def test_the_arenas_are_shown_as_the_settings_made_them(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENGRAM_KERNELS", "zig")
    monkeypatch.setenv("ENGRAM_ARENA_SIZE", "512KiB")
    monkeypatch.setenv("ENGRAM_ARENA_OVERFLOW", "fallback")
    assert "arena    512 KiB a thread, overflow: fallback\n" in trimmed(cli("kernels").out)
    assert cli("kernels", "--json").json["arena"]["size_bytes"] == 512 << 10


def trimmed(screen: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in screen.splitlines())


def test_the_shadow_shows_its_numbers(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGRAM_KERNELS", "shadow")
    monkeypatch.setenv("ENGRAM_KERNELS_SHADOW_SHARE", "0.2")
    assert "shadow   1 call in 5 of each kernel is checked against numpy" in cli("kernels").out
    assert cli("kernels", "--json").json["shadow"]["one_in"] == 5


def test_without_a_shadow_there_are_no_numbers_of_one(cli: CommandLine) -> None:
    assert cli("kernels", "--json").json["shadow"] is None


def test_verify_runs_every_check_with_a_line_each(cli: CommandLine) -> None:
    answer = cli("kernels", "--verify")
    lines = [line for line in answer.out.splitlines() if line.startswith("ok ")]
    assert answer.code == 0
    assert [line.partition("(")[0].split() for line in lines] == [
        ["ok", "vectors", "ties"],
        ["ok", "vectors", "masks"],
    ]
    assert answer.out.endswith("\nAll is well.\n")


def test_verify_fails_with_the_check_that_failed(cli: CommandLine) -> None:
    def verify(settings: Settings) -> Iterator[Finding]:
        yield Finding("vectors", "ok", f"ties of {settings.kernels}")
        yield Finding("vectors", "fail", "masks: a masked row was listed", "set ENGRAM_KERNELS")

    cli.machine = cli.machine._replace(verify_kernels=verify)
    answer = cli("kernels", "--verify")
    assert answer.code == 1
    assert "FAIL  vectors       masks: a masked row was listed" in answer.out
    assert "1 of 2 checks failed." in answer.out
    value = json.loads(cli("kernels", "--verify", "--json").out)
    assert (value["failed"], [check["state"] for check in value["checks"]]) == (1, ["ok", "fail"])
