"""`python -m benches.regression run|compare|baseline|charts`."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from benches.regression import load, ratios, report, runner, verdict
from benches.regression.figures import (
    BASELINE_PATH,
    COUNTS,
    KERNELS,
    OPERATIONS,
    Baseline,
    Report,
    read_baseline,
    write_json,
)
from build_kernels import ROOT, SOURCES

_RUNS_FOR_BASELINE = 5  # every second one beside other work
_ATTEMPTS_MAX = 3
_EXACT_ATTEMPTS_MAX = 2
_console = Console(width=None if sys.stdout.isatty() else 150)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command and return the exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "measure":
        sys.stdout.buffer.write(
            runner.measure_here(options.group, quick=options.quick, directory=options.directory)
        )
        return 0
    if options.command == "ratios":
        rounds = ratios.QUICK_ROUNDS if options.quick else ratios.ROUNDS
        compared = ratios.compare_or_say(options.library, options.against, rounds=rounds)
        sys.stdout.buffer.write(msgspec.json.encode(compared))
        return 0
    if options.command == "charts":
        return _charts(options.out)
    if options.command == "baseline":
        return _baseline(options)
    if options.command == "compare":
        return _compare(options)
    found = runner.run(
        options.names or runner.ALL,
        commit=read_baseline(options.baseline).commit,
        quick=options.quick,
        directory=options.directory,
    )
    report.show(_console, found)
    _leave(options.json, found)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.regression")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure and show")
    compare = commands.add_parser("compare", help="fail when something became slower")
    for command in (run, compare):
        command.add_argument("names", nargs="*", metavar="GROUP", help=", ".join(runner.ALL))
        command.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    baseline = commands.add_parser("baseline", help="make today's figures the ones to hold")
    baseline.add_argument("--reason", default=os.environ.get("REASON", ""))
    baseline.add_argument("--runs", type=int, default=_RUNS_FOR_BASELINE)
    charts = commands.add_parser("charts", help="draw each kernel against this machine's roofline")
    charts.add_argument("--out", type=Path, required=True, metavar="DIR")
    measure = commands.add_parser("measure", help="measure one group here, print JSON")
    measure.add_argument("group", choices=list(runner.GROUPS))
    pair = commands.add_parser("ratios", help="compare two libraries here, print JSON")
    pair.add_argument("library", type=Path)
    pair.add_argument("against", type=Path)
    for command in (run, measure, pair):
        command.add_argument("--quick", action="store_true", help="fewer rounds, 20,000 memories")
    for command in (run, baseline, compare):
        command.add_argument("--baseline", type=Path, default=BASELINE_PATH, metavar="FILE")
    for command in (run, baseline, compare, measure):
        command.add_argument("--directory", help="where the stores go; a real disk")
    return parser


def _baseline(options: argparse.Namespace) -> int:
    if not options.reason.strip():
        _console.print("a baseline needs its reason: --reason '...' or REASON='...'")
        return 2
    if _git("status", "--porcelain", "--", str(SOURCES), "build_kernels.py"):
        _console.print("commit first: the frozen library is built from the commit that is named")
        return 2
    commit = _git("log", "-1", "--format=%H", "--", str(SOURCES), "build_kernels.py")
    exact = runner.run([COUNTS, OPERATIONS, KERNELS], commit=commit, quick=False)
    if exact.skipped:
        report.show_skipped(_console, exact)
        return 1
    seen = []
    for number in range(options.runs):
        with load.beside(number % 2 == 1):
            seen.append(
                runner.run(runner.GROUPS, commit=commit, quick=False, directory=options.directory)
            )
    made = Baseline(
        commit,
        dt.datetime.now(dt.UTC).date().isoformat(),
        options.reason,
        exact.machine,
        exact.instructions,
        {figure.name: round(figure.ratio, 4) for figure in exact.kernels},
        verdict.held_of(seen),
        exact.operations,
    )
    write_json(options.baseline, made)
    report.show(_console, exact)
    report.show(_console, seen[-1])
    return 0


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - as written


def _compare(options: argparse.Namespace) -> int:
    names = options.names or runner.ALL
    baseline = read_baseline(options.baseline)
    held = _only(baseline, names)
    found = runner.run(names, commit=baseline.commit, quick=False, directory=options.directory)
    lines = verdict.judge(held, found)
    for attempt in range(2, _ATTEMPTS_MAX + 1):
        again = _groups_of(verdict.failed(lines), attempt)
        if not again:
            break
        _console.print(f"measured once more: {', '.join(again)}")
        more = runner.run(again, commit=baseline.commit, quick=False, directory=options.directory)
        found = verdict.better(found, more)
        lines = verdict.judge(held, found)
    report.show_lines(_console, lines, baseline, found)
    in_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    uncounted = {COUNTS, OPERATIONS} & set(found.skipped)
    passed = not verdict.failed(lines) and not (in_ci and uncounted)
    _leave(options.json, verdict.Artefact(passed, baseline, lines, found))
    return 0 if passed else 1


def _leave(path: Path | None, artefact: verdict.Artefact | Report) -> None:
    if path is not None:
        write_json(path, artefact)
        _console.print(f"written: {path}", soft_wrap=True)


def _charts(out: Path) -> int:
    try:
        from benches.regression import charts  # noqa: PLC0415 - matplotlib is an extra
    except ImportError as error:
        _console.print(f"charts need the extra `plot` ({error}): pip install -e '.[plot]'")
        return 1
    for path in charts.draw(out):
        _console.print(f"written: {path}", soft_wrap=True)
    return 0


def _groups_of(lines: Sequence[verdict.Line], attempt: int) -> list[str]:
    """Return the groups to measure again; counts of kernels are exact: no second chance."""
    groups = {_group_of(line) for line in lines if line.word == "slower"}
    late = {KERNELS, OPERATIONS} if attempt > _EXACT_ATTEMPTS_MAX else set()
    return sorted(groups - {COUNTS} - late)


def _group_of(line: verdict.Line) -> str:
    if line.measure == verdict.INSTRUCTIONS:
        return COUNTS
    if line.measure == verdict.OF_OPERATION:
        return OPERATIONS
    if line.measure == verdict.TO_FROZEN:
        return KERNELS
    return runner.GROUP_OF[line.name.partition(".")[0]]


def _only(baseline: Baseline, names: Sequence[str]) -> Baseline:
    """Return what of the baseline the named groups measure."""
    return msgspec.structs.replace(
        baseline,
        instructions=baseline.instructions if COUNTS in names else {},
        operations=baseline.operations if OPERATIONS in names else {},
        kernels=baseline.kernels if KERNELS in names else {},
        ratios={
            name: held
            for name, held in baseline.ratios.items()
            if runner.GROUP_OF[name.partition(".")[0]] in names
        },
    )


if __name__ == "__main__":
    sys.exit(main())
