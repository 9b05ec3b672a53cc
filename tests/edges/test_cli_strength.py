"""feedback, forget --suppress, unsuppress, space show and space configure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


def test_what_is_suppressed_is_not_listed_until_it_is_brought_back(cli: CommandLine) -> None:
    memory = cli("remember", "a lake", "--json").json["id"]
    assert cli("forget", memory, "--suppress").out == f"Suppressed: {memory}\n"
    assert cli("list", "--json").json["total"] == 0
    (hidden,) = cli("list", "--include-suppressed", "--json").json["memories"]
    assert (hidden["id"], hidden["suppressed"]) == (memory, True)
    assert cli("unsuppress", memory).out == f"Brought back: {memory}\n"
    assert cli("unsuppress", memory, "--json").json["ids"] == []
    cli("forget", memory, "--suppress")
    first, again = (cli("unsuppress", memory, "--request-key", "k", "--json") for _ in range(2))
    assert first.json["ids"] == [memory]
    assert again.json == first.json
    assert cli("list", "--json").json["total"] == 1


def test_suppressing_and_erasing_at_once_is_refused(cli: CommandLine) -> None:
    refused = cli("forget", "x", "--suppress", "--erase")
    assert refused.code == 1
    assert "exclude each other" in refused.err


def test_feedback_says_how_long_the_memory_lasts(cli: CommandLine) -> None:
    memory = cli("remember", "a lake", "--json").json["id"]
    assert "nine tenths are left after" in cli("feedback", memory, "wrong").out
    assert "Not counted" in cli("feedback", memory, "useful").out
    assert cli("feedback", memory, "perhaps").code == 1


def test_settings_of_a_space_are_changed_and_shown(cli: CommandLine) -> None:
    changed = cli("space", "configure", "--forgetting", "power", "--beta", "0.3", "--no-priming")
    assert changed.out.split() == [
        *("space", "default", "forgetting", "power", "beta", "0.3"),
        *("interference", "on", "priming", "off"),
    ]
    assert cli("space", "show").out == changed.out
    shown = cli("space", "show", "--json").json
    assert (shown["beta"], shown["priming"], shown["id"]) == (0.3, False, "default")
    refused = cli("space", "configure", "--weights", "1,x")
    assert "not numbers with commas" in refused.err
