"""consolidate and concepts, as a person and as a program call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine

TEA = (
    "Ada drinks tea in the morning",
    "Ada always drinks tea in the morning",
    "Ada drinks black tea in the morning",
)


def test_concepts_are_shown_with_what_their_episodes_share(cli: CommandLine) -> None:
    for text in (*TEA, "the moon is full", "taxes are due in April", "Bob plays chess"):
        cli("remember", text)
    assert cli("concepts").out == "memory space 'default' has no concepts\n"
    assert cli("consolidate").out == "Replayed: 6, formed: 1, grown: 0\n"
    first, terms, *texts = cli("concepts").out.splitlines()
    assert first.endswith("3 episodes")
    assert "tea" in terms
    assert texts
    (found,) = cli("concepts", "--json").json
    assert len(found["episodes"]) == 3
    assert cli("space", "list").out.split() == ["default", "6", "memories,", "1", "concepts"]
    (space,) = cli("space", "list", "--json").json
    assert (space["memories"], space["concepts"]) == (6, 1)
    assert found["memory"]["kind"] == "concept"
    concept, cited = found["memory"]["id"], found["episodes"]
    told = cli("recall", "tea", "--kind", "concept", "--explain").out
    assert all(memory_id in "".join(told.split()) for memory_id in cited)
    (hit,) = cli("recall", "tea", "--kind", "concept", "--json").json["recollections"]
    assert hit["cites"] == cited
    assert sorted(cli("get", concept, "--json").json["cites"]) == sorted(cited)
    assert "cites" not in cli("get", cited[0], "--json").json
    again = cli("consolidate", "--episodes", "5", "--json").json
    assert (again["episodes"], again["concepts"]) == (0, [])


def test_what_a_concept_said_before_is_shown_too(cli: CommandLine) -> None:
    for text in (*TEA, "the moon is full"):
        cli("remember", text)
    cli("consolidate")
    cli("remember", "Ada drinks green tea in the morning")
    (grown,) = cli("consolidate", "--json").json["concepts"]
    before, now = cli("concepts", grown, "--json").json
    assert (len(before["episodes"]), len(now["episodes"])) == (3, 4)
    assert before["held_until"] == now["held_from"]
    assert cli("concepts", before["episodes"][0]).code == 1
