"""update and history, as a person and as a program call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


def test_an_update_corrects_and_history_tells_both_versions(cli: CommandLine) -> None:
    """What is left out stays."""
    old = cli("remember", "Ada lives in Paris", "--tag", "home", "--json").json["id"]
    done = cli("update", old, "--text", "Ada lives in Berlin", "--priority", "9", "--json").json
    assert done["supersedes"] == old
    memory = cli("get", done["id"], "--json").json
    assert (memory["content"], memory["tags"]) == ("Ada lives in Berlin", ["home"])
    assert (memory["priority"], memory["supersedes"]) == (9, old)
    versions = cli("history", old, "--json").json
    assert [each["content"] for each in versions] == ["Ada lives in Paris", "Ada lives in Berlin"]
    assert versions[0]["superseded_by"] == done["id"]
    shown = cli("history", done["id"]).out
    assert shown.index("Paris") < shown.index("Berlin")
    assert "to now" in shown


def test_a_second_correction_of_the_old_version_names_the_current_one(cli: CommandLine) -> None:
    """It fails with the id to use instead."""
    old = cli("remember", "one", "--json").json["id"]
    said = cli("update", old, "--text", "two").out
    new = said.split()[1]
    assert said == f"Corrected: {new} supersedes {old}\n"
    refused = cli("update", old, "--text", "three")
    assert refused.code == 1
    assert new in refused.err


def test_contradictions_are_shown_with_what_each_memory_says(cli: CommandLine) -> None:
    """Nothing is shown where nothing contradicts."""
    assert cli("contradictions").out == "no memories contradict each other\n"
    ids = [
        cli("remember", text, "--time", "2026-01-02", "--json").json["id"]
        for text in ("Ada lives in Paris", "Ada lives in Berlin")
    ]
    shown = cli("contradictions").out
    assert shown == (
        f"Ada lives in\n  Berlin  2026-01-02  {ids[1]}\n  Paris  2026-01-02  {ids[0]}\n"
    )
    (found,) = cli("contradictions", ids[0], "--json").json
    assert (found["subject"], found["relation"], found["claims_count"]) == ("Ada", "lives in", 2)
    assert [claim["memory"]["id"] for claim in found["claims"]] == [ids[1], ids[0]]
