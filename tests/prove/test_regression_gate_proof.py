"""The gate passes unchanged code ten times in a row, and catches 6 % more work in each kernel.

How a kernel is made slower: in the probed library every exported function first burns as many loops
as it is told to (benches/regression/probe.zig), 6 % of the workload's instructions or of its time.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

import msgspec
import pytest

import build_kernels
from benches.regression import ratios, verdict
from benches.regression.counting import VALGRIND_REMEDY, count_instructions
from benches.regression.figures import Baseline, Figure, Machine, Report
from benches.regression.frozen import FrozenBackend
from benches.regression.probe import declare_probe, probed_library
from benches.regression.workloads import JUDGED, Workload
from engram.kernels.zig_backend import ZigBackend
from engram.kernels.zig_library import library_path, load_library

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(shutil.which("valgrind") is None, reason=VALGRIND_REMEDY),
]
HERE = Machine("cpu", "zig", "avx2", "3.11", "2.4")
SHARE = 0.06
RUNS = 10
INSTRUCTIONS_PER_LOOP = 2


def _say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")


def test_six_per_cent_more_instructions_are_caught_in_each_kernel(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the counts of unchanged code are the same to the instruction."""
    held = count_instructions()
    assert count_instructions() == held
    loops = {name: round(SHARE * count / INSTRUCTIONS_PER_LOOP) for name, count in held.items()}
    now = count_instructions(loops=loops)
    baseline = Baseline("c", "d", "r", HERE, held, {}, {})
    lines = verdict.judge(baseline, Report(HERE, instructions=now))
    caught = [line.name for line in lines if line.word == "slower"]
    slowdowns = [now[name] / count for name, count in held.items()]
    _say(
        capsys,
        f"counts: {len(caught)} of {len(JUDGED)} caught, "
        f"slowdowns {min(slowdowns):.3f} to {max(slowdowns):.3f}",
    )
    assert caught == [work.name for work in JUDGED]


def test_six_per_cent_more_time_is_caught_in_each_kernel(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the ratio to the frozen library alone, which at no loops raises no alarm."""
    slowed = _Slowed()
    missed, alarms, seen = [], [], []
    for workload in JUDGED:
        loops = slowed.loops_for(workload, SHARE)
        alarms += [] if slowed.passes(workload, 0) else [workload.name]
        missed += [workload.name] if slowed.passes(workload, loops) else []
        seen.append(slowed.ratio)
    _say(
        capsys,
        f"ratios: {len(JUDGED) - len(missed)} of {len(JUDGED)} caught (missed {missed}), false "
        f"alarms {alarms}; ratios when slowed {min(seen):.3f} to {max(seen):.3f}",
    )
    assert alarms == []
    assert missed == []


class _Slowed:
    """A library whose functions burn loops, beside the one that is shipped."""

    def __init__(self) -> None:
        path = probed_library()
        self.now = ZigBackend(path)
        self.then = FrozenBackend(library_path())
        self.library = load_library(path)
        declare_probe(self.library)
        self.ratio = 1.0

    def loops_for(self, workload: Workload, share: float) -> int:
        """Return how many loops take that share of the time of a call."""
        call = workload.prepare()
        calls = ratios.calls_per_block(call, self.now)
        trial = 1_000
        plain, burnt, both = [], [], []
        for _ in range(101):
            self.library.engram_probe_burn(0)
            plain.append(ratios.timed(call, self.now, calls))
            self.library.engram_probe_burn(trial)
            burnt.append(ratios.timed(call, self.now, calls))
            both.append(burnt[-1] - plain[-1])
        return round(share * median(plain) / median(both) * trial)

    def passes(self, workload: Workload, loops: int) -> bool:
        """Whether the gate passes, which measures once more what failed."""
        self.library.engram_probe_burn(loops)
        first = self._report(ratios.turns(workload, self.now, self.then, ratios.ROUNDS))
        if self._judge(first, workload):
            return True
        second = self._report(ratios.turns(workload, self.now, self.then, ratios.ROUNDS))
        return self._judge(verdict.better(first, second), workload)

    def _report(self, figure: Figure) -> Report:
        return Report(HERE, kernels=(figure,))

    def _judge(self, report: Report, workload: Workload) -> bool:
        self.ratio = report.kernels[0].ratio
        baseline = Baseline("c", "d", "r", HERE, {}, {workload.name: 1.0}, {})
        return not verdict.failed(verdict.judge(baseline, report))


def test_ten_runs_over_unchanged_code_pass(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is the whole gate, in a process of its own, against the baseline that is held."""
    for number in range(RUNS):
        artefact = tmp_path / f"{number}.json"
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "benches.regression", "compare", "--json", str(artefact)],
            cwd=build_kernels.ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        seconds = msgspec.json.decode(artefact.read_bytes(), type=verdict.Artefact).report.seconds
        _say(capsys, f"run {number + 1} of {RUNS} passed in {sum(seconds.values()):.0f} s")
