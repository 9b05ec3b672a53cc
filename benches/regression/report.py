"""Tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benches.regression.figures import Baseline, Machine, Report
from benches.regression.verdict import FAILING, Line, comparable


def show(console: Console, report: Report) -> None:
    """Print what a run measured."""
    table = Table("workload", "p50 us", "floor us", "ratio", "also", title=_name(report.machine))
    for figure in report.figures:
        also = [f"{name} {value:,.0f}" for name, value in figure.extras.items()]
        also += [
            f"{limit.what} {limit.value:,.1f} ({'>=' if limit.at_least else '<='} "
            f"{limit.bound:,.1f}: {'yes' if limit.shortfall() <= 1 else 'NO'})"
            for limit in figure.limits
        ]
        numbers = (f"{figure.subject_us:,.1f}", f"{figure.floor_us:,.1f}", f"{figure.ratio:.3f}")
        table.add_row(figure.name, *numbers, "; ".join(also))
    for name, value in report.instructions.items():
        table.add_row(name, "", "", "", f"{value:,} instructions")
    for name, reason in report.skipped.items():
        table.add_row(name, "", "", "", reason)
    console.print(table)


def show_lines(console: Console, lines: Sequence[Line], baseline: Baseline, report: Report) -> None:
    """Print the verdict of the gate."""
    title = f"against {baseline.commit[:12]} of {baseline.date}: {baseline.reason}"
    table = Table("workload", "measure", "held", "now", "allowed", "verdict", title=title)
    for line in lines:
        style = "bold red" if line.word in FAILING else ""
        numbers = (f"{line.held:,.3f}", f"{line.now:,.3f}", f"{line.allowed:,.3f}")
        table.add_row(line.name, line.measure, *numbers, line.word, style=style)
    console.print(table)
    if not comparable(baseline.machine, report.machine):
        console.print(
            f"ratios are not judged: the baseline is of {_name(baseline.machine)}, this is "
            f"{_name(report.machine)}; instructions and bounds are"
        )


def _name(machine: Machine) -> str:
    return f"{machine.cpu}, {machine.kernels} kernels at {machine.isa}, Python {machine.python}"
