"""Tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benches.regression.figures import Baseline, Figure, Machine, Report
from benches.regression.verdict import FAILING, Line, comparable, failed, same_python


def show(console: Console, report: Report) -> None:
    """Print what a run measured."""
    table = Table("workload", "p50 us", "floor us", "ratio", "also", title=_name(report.machine))
    for name, value in {**report.instructions, **report.operations}.items():
        table.add_row(name, "", "", "", f"{value:,} instructions")
    for figure in report.kernels:
        table.add_row(*_numbers(figure), figure.floor)
    for figure in report.figures:
        also = [f"{name} {value:,.0f}" for name, value in figure.extras.items()]
        also += [
            f"{limit.what} {limit.value:,.1f} ({'>=' if limit.at_least else '<='} "
            f"{limit.bound:,.1f}: {'yes' if limit.shortfall() <= 1 else 'NO'})"
            for limit in figure.limits
        ]
        table.add_row(*_numbers(figure), "; ".join(also))
    console.print(table)
    show_skipped(console, report)
    _show_seconds(console, report)


def show_lines(console: Console, lines: Sequence[Line], baseline: Baseline, report: Report) -> None:
    """Print the verdict of the gate."""
    title = f"against {baseline.commit[:12]} of {baseline.date}: {baseline.reason}"
    table = Table("workload", "measure", "held", "now", "allowed", "verdict", title=title)
    for line in lines:
        style = "bold red" if line.word in FAILING else ""
        digits = 0 if line.held >= 1_000 else 3  # noqa: PLR2004 - instructions have no fractions
        numbers = [f"{number:,.{digits}f}" for number in (line.held, line.now, line.allowed)]
        table.add_row(line.name, line.measure, *numbers, line.word, style=style)
    console.print(table)
    show_skipped(console, report)
    if not same_python(baseline.machine, report.machine):
        console.print(
            "instructions of whole operations are not judged: those of the baseline are of Python "
            f"{baseline.machine.python} and numpy {baseline.machine.numpy}"
        )
    if not comparable(baseline.machine, report.machine):
        console.print(
            "ratios to a floor are not judged: the baseline is of "
            f"{_name(baseline.machine)}, this is {_name(report.machine)}; "
            "instructions, ratios to the frozen library and bounds are"
        )
    _show_seconds(console, report)
    bad = failed(lines)
    console.print(
        f"[bold red]{len(bad)} of {len(lines)} fail[/]" if bad else f"all {len(lines)} pass"
    )


def show_skipped(console: Console, report: Report) -> None:
    """Print what could not be measured, and why, so that nobody overlooks it."""
    for name, reason in report.skipped.items():
        console.print(f"[bold]NOT MEASURED[/] {name}: {reason}", soft_wrap=True)


def _show_seconds(console: Console, report: Report) -> None:
    parts = ", ".join(f"{name} {took:.0f} s" for name, took in report.seconds.items())
    console.print(f"took: {parts}")


def _numbers(figure: Figure) -> tuple[str, str, str, str]:
    return (
        figure.name,
        f"{figure.subject_us:,.1f}",
        f"{figure.floor_us:,.1f}",
        f"{figure.ratio:.3f}",
    )


def _name(machine: Machine) -> str:
    return f"{machine.cpu}, {machine.kernels} kernels at {machine.isa}, Python {machine.python}"
