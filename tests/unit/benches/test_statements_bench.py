"""The measurement of the query language runs, on few memories."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benches.statements.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_every_figure_stands_beside_its_yardstick(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--memories", "30", "--edges", "60", "--rounds", "3", "--rest-s", "0"]
    assert main([*sizes, "--directory", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for name in ("read", "EXPLAIN", "RECALL, beside recall", "SPREAD, beside its kernel"):
        assert name in out
