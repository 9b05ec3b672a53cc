"""`python -m benches.regression run|baseline|compare`."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import subprocess
import sys
from collections.abc import Sequence

import msgspec
from rich.console import Console

from benches.regression import report, runner, verdict
from benches.regression.figures import Baseline, Report, read_baseline, write_baseline

_ALL = (runner.COUNTS, *runner.GROUPS)
_RUNS_FOR_BASELINE = 6
_console = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command and return the exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "measure":
        measured = runner.measure_here(
            options.group, quick=options.quick, directory=options.directory
        )
        sys.stdout.buffer.write(measured)
        return 0
    if options.command == "baseline":
        return _baseline(options.reason, options.runs, options.directory)
    if options.command == "compare":
        return _compare(options.names or _ALL, options.directory)
    found = runner.run(options.names or _ALL, quick=options.quick, directory=options.directory)
    if options.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    else:
        report.show(_console, found)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.regression")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure and show")
    run.add_argument("--quick", action="store_true", help="fewer rounds, 20,000 memories")
    run.add_argument("--json", action="store_true", help="print JSON instead of tables")
    baseline = commands.add_parser("baseline", help="make today's figures the ones to hold")
    baseline.add_argument("--reason", default=os.environ.get("REASON", ""))
    baseline.add_argument("--runs", type=int, default=_RUNS_FOR_BASELINE)
    compare = commands.add_parser("compare", help="fail when something became slower")
    measure = commands.add_parser("measure", help="measure one group here, print JSON")
    measure.add_argument("group", choices=list(runner.GROUPS))
    measure.add_argument("--quick", action="store_true")
    for command in (run, compare):
        command.add_argument("names", nargs="*", metavar="GROUP", help=", ".join(_ALL))
    for command in (run, baseline, compare, measure):
        command.add_argument("--directory", help="where the stores go; a real disk")
    return parser


def _baseline(reason: str, runs: int, directory: str | None) -> int:
    if not reason.strip():
        _console.print("a baseline needs its reason: --reason '...' or REASON='...'")
        return 2
    counted = runner.run([runner.COUNTS], quick=False)
    if counted.skipped:
        _console.print(counted.skipped[runner.COUNTS])
        return 1
    seen = [runner.run(runner.GROUPS, quick=False, directory=directory) for _ in range(runs)]
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 - git of the checkout
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    held = verdict.held_of(seen)
    write_baseline(Baseline(commit, today, reason, counted.machine, counted.instructions, held))
    report.show(_console, seen[-1])
    return 0


def _compare(names: Sequence[str], directory: str | None) -> int:
    baseline = read_baseline()
    found = runner.run(names, quick=False, directory=directory)
    if runner.COUNTS in found.skipped:
        _console.print(f"[bold]instructions: {found.skipped[runner.COUNTS]}[/bold]")
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            return 1
        baseline = msgspec.structs.replace(baseline, instructions={})
    lines = verdict.judge(_only(baseline, names), found)
    again = _groups_of(verdict.failed(lines), found)
    if again:
        _console.print(f"measured once more: {', '.join(again)}")
        found = verdict.better(found, runner.run(again, quick=False, directory=directory))
        lines = verdict.judge(_only(baseline, names), found)
    report.show_lines(_console, lines, baseline, found)
    return 1 if verdict.failed(lines) else 0


def _groups_of(lines: Sequence[verdict.Line], found: Report) -> list[str]:
    """Return the groups to measure again; counts are exact and get no second chance."""
    figures = {figure.name for figure in found.figures}
    groups = {
        runner.GROUP_OF[line.name.split(".")[0]]
        for line in lines
        if line.name in figures and line.measure != "instructions"
    }
    return sorted(groups)


def _only(baseline: Baseline, names: Sequence[str]) -> Baseline:
    """Return what of the baseline the named groups measure."""
    ratios = {
        name: held
        for name, held in baseline.ratios.items()
        if runner.GROUP_OF[name.split(".")[0]] in names
    }
    instructions = baseline.instructions if runner.COUNTS in names else {}
    return msgspec.structs.replace(baseline, ratios=ratios, instructions=instructions)


if __name__ == "__main__":
    sys.exit(main())
