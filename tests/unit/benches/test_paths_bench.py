"""`python -m benches.paths`."""

from __future__ import annotations

import pytest

from benches.paths.__main__ import main


def test_the_strongest_paths_of_a_small_graph_are_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--nodes", "200", "--edges", "1000", "--pairs", "3"]) == 0
    assert "Engram" in capsys.readouterr().out
