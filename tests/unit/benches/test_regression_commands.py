"""The commands of the gate: what is measured again, what is asked for first, what is drawn."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benches.regression import __main__ as commands
from benches.regression import verdict
from benches.regression.roofline import Roofline
from benches.regression.workloads import WORKLOADS


def slower(name: str, measure: str) -> verdict.Line:
    return verdict.Line(name, measure, 1.0, 1.2, 1.1, "slower")


def test_counts_are_exact_and_get_no_second_chance() -> None:
    lines = [slower("top_k_f32.500x384", verdict.INSTRUCTIONS)]
    assert commands._groups_of(lines, 2) == []


def test_kernels_are_measured_once_more_and_whole_operations_twice() -> None:
    lines = [slower("decay.40000", verdict.TO_FROZEN), slower("recall.words", verdict.TO_FLOOR)]
    assert commands._groups_of(lines, 2) == ["kernels", "reads"]
    assert commands._groups_of(lines, 3) == ["reads"]


def test_whole_operations_are_counted_once_more() -> None:
    lines = [slower("recall.words", verdict.OF_OPERATION)]
    assert [commands._groups_of(lines, attempt) for attempt in (2, 3)] == [["operations"], []]


def test_a_bound_that_fails_measures_its_group_again() -> None:
    assert commands._groups_of([slower("remember.lone", "us over the disk, p50")], 2) == ["writes"]


def test_what_is_absent_is_not_looked_for_again() -> None:
    line = verdict.Line("recall.words", verdict.TO_FLOOR, 1.0, 1.0, 1.0, "absent")
    assert commands._groups_of([line], 2) == []


def test_a_baseline_needs_its_reason(tmp_path: Path) -> None:
    assert commands.main(["baseline", "--reason", " ", "--baseline", str(tmp_path / "b")]) == 2
    assert list(tmp_path.iterdir()) == []


def test_charts_name_the_extra_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "benches.regression.charts", raising=False)
    monkeypatch.delattr("benches.regression.charts", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert commands.main(["charts", "--out", str(tmp_path)]) == 1
    assert "plot" in capsys.readouterr().out


def test_a_chart_names_every_workload(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra [plot] is not installed")
    from benches.regression import charts  # noqa: PLC0415 - matplotlib is an extra

    roof = Roofline({"L1": 500.0, "L2": 250.0, "L3": 120.0, "DRAM": 40.0}, 250.0)
    points = [charts.Point(workload, 10.0) for workload in WORKLOADS]
    times, under_roof = charts.write(points, roof, "a machine", tmp_path)
    text = times.read_text(encoding="utf-8")
    assert all(workload.name in text for workload in WORKLOADS)
    assert "250 GFLOP/s, multiply-add" in under_roof.read_text(encoding="utf-8")
