"""The commands over associations, as a person and as a program call them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.edges.conftest import CommandLine


def _remembered(cli: CommandLine, *texts: str) -> list[str]:
    return [str(cli("remember", text, "--json").json["id"]) for text in texts]


def test_what_was_associated_is_listed_with_texts_and_reasons(cli: CommandLine) -> None:
    a, b = _remembered(cli, "the kettle is blue", "the lake is cold")
    made = cli("associate", a, b, "--kind", "causal", "--weight", "0.75", "--why", "both wet")
    assert made.out == f"Associated: {a} -> {b} (causal, 0.75)\n"
    again = cli("associate", a, b, "--kind", "causal", "--both-ways", "--json").json
    assert (again["created"], again["changed"]) == (1, 1)
    shown = cli("associations", a).out
    assert "the lake is cold" in shown
    assert "->" in shown
    (found,) = cli("associations", b, "--json").json
    assert (found["source_id"], found["target_id"], found["kind"]) == (b, a, "causal")
    assert len(cli("associations", a, "--direction", "both", "--json").json) == 2


def test_a_shared_tag_stands_in_brackets(cli: CommandLine) -> None:
    cli("remember", "the kettle is blue", "--tag", "home")
    made = cli("remember", "the lamp is green", "--tag", "home", "--json").json
    assert "[home]" in cli("associations", made["id"]).out


def test_a_path_is_shown_step_by_step(cli: CommandLine) -> None:
    a, b, c = _remembered(cli, "the kettle is blue", "the lake is cold", "the sky is wide")
    cli("associate", a, b, "--weight", "1")
    cli("associate", b, c, "--why", "above it")
    lines = cli("paths", a, c).out.splitlines()
    assert lines[0] == "2 steps, strength 0.500"
    assert [line.split()[0] for line in lines[1:]] == ["the", "semantic", "the", "semantic", "the"]
    assert lines[4].endswith("above it")
    (path,) = cli("paths", a, c, "--how", "shortest", "--json").json
    assert (path["hops"], path["strength"]) == (2, 0.5)
    assert cli("paths", c, a).out == f"no way leads from {c} to {a}\n"


def test_what_was_ended_is_listed_no_more(cli: CommandLine) -> None:
    a, b = _remembered(cli, "the kettle is blue", "the lake is cold")
    cli("associate", a, b)
    assert cli("dissociate", a, b).out == f"Ended: 1 from {a} to {b}\n"
    assert cli("associations", a).out == f"{a} has no associations\n"
    refused = cli("dissociate", a, b)
    assert refused.code == 1
    assert refused.err.startswith("NOT_FOUND: no association leads from")


def test_what_is_around_a_memory_is_listed_and_becomes_active(cli: CommandLine) -> None:
    a, b, c = _remembered(cli, "the kettle is blue", "the lake is cold", "the sky is wide")
    assert cli("neighbours", a).out == f"{a} leads to no memory\n"
    assert cli("spread", a).out == "nothing is reached\n"
    cli("associate", a, b, "--weight", "1")
    cli("associate", b, c, "--weight", "1")
    shown = cli("neighbours", a, "--hops", "2").out
    assert shown.index("the lake is cold") < shown.index("the sky is wide")
    (near,) = cli("neighbours", a, "--json").json
    assert (near["memory"]["id"], near["hops"], near["strength"]) == (b, 1, 1.0)
    active = cli("spread", a, "--json").json
    assert [(each["memory_id"], each["hops"]) for each in active["active"]] == [(b, 1), (c, 2)]
    assert (active["reached"], active["edges"], active["is_partial"]) == (2, 2, False)
    told = cli("spread", a, c).out
    assert "the lake is cold" in told
    assert "the sky is wide" not in told


def test_activation_shows_a_tag_in_brackets(cli: CommandLine) -> None:
    cli("remember", "the kettle is blue", "--tag", "home")
    made = cli("remember", "the lamp is green", "--tag", "home", "--json").json
    assert "[home]" in cli("spread", made["id"]).out
