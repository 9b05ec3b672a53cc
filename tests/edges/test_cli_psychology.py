"""`engram bench psychology`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from engram.edges.cli.psychology import drawing
from engram.edges.cli.psychology.outcome import Chart, Claim, Line, Outcome, Point

if TYPE_CHECKING:
    from pathlib import Path

    from tests.edges.conftest import CommandLine

OUTCOME = Outcome(
    "an experiment",
    "Somebody 1900",
    (Claim("0.5", "0.6", comes_out=False),),
    Chart(
        "days",
        "share",
        (
            Line("measured", (Point(1.0, 0.9), Point(10.0, 0.5))),
            Line("published", (Point(1.0, 0.8), Point(10.0, 0.6)), is_published=True),
        ),
        is_x_logarithmic=True,
    ),
)


def test_the_table_says_what_was_measured_and_what_published(cli: CommandLine) -> None:
    answer = cli("bench", "psychology", "forgetting", elsewhere=True)
    assert answer.code == 0
    for words in ("forgetting curve", "Ebbinghaus 1885", "mean absolute error", "comes out"):
        assert words in answer.out


def test_json_has_the_claims_and_the_points(cli: CommandLine) -> None:
    answer = cli("bench", "psychology", "forgetting", "--json", elsewhere=True)
    (found,) = answer.json["experiments"]
    assert found["comes_out"] is True
    assert [line["is_published"] for line in found["chart"]["lines"]] == [False, True]


def test_nothing_of_the_user_is_touched(cli: CommandLine) -> None:
    cli("bench", "psychology", "forgetting", elsewhere=True)
    assert not cli.path.exists() or not list(cli.path.iterdir())


def test_a_picture_of_an_unknown_kind_is_refused_before_anything_runs(
    cli: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "curves.txt"
    answer = cli("bench", "psychology", "--plot", str(path), elsewhere=True)
    assert answer.code == 1
    assert "neither .svg" in answer.err


def test_without_matplotlib_the_extra_is_named(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "find_spec", lambda _name: None)
    path = tmp_path / "curves.svg"
    answer = cli("bench", "psychology", "--plot", str(path), elsewhere=True)
    assert answer.code == 1
    assert "engram-memory-engine[plot]" in answer.err


def test_curves_are_drawn_beside_the_published_ones(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, of the extra [plot], is not installed")
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    drawing.draw([OUTCOME], one)
    drawing.draw([OUTCOME], two)
    assert one.read_bytes() == two.read_bytes()
    shown = " ".join(ET.parse(one).getroot().itertext())  # noqa: S314 - our own file
    for words in ("an experiment: Somebody 1900", "measured", "published", "days", "share"):
        assert words in shown
