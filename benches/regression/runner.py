"""Runs the groups of workloads, each in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

import anyio
import msgspec
import numpy as np

from benches.regression import counting, reads, scans, starts, writes
from benches.regression.figures import Figure, Machine, Report
from engram.kernels.selection import select_backend

Measure = Callable[..., Awaitable[list[Figure]]]
GROUPS: Final[dict[str, Measure]] = {
    "kernels": scans.measure,
    "reads": reads.measure,
    "writes": writes.measure,
    "starts": starts.measure,
}
COUNTS: Final = "counts"
# Which group measures a figure, by the first word of its name.
GROUP_OF: Final = {
    "top_k": "kernels",
    "recall": "reads",
    "open": "reads",
    "remember": "writes",
    "remember_many": "writes",
    "start": "starts",
}


def run(names: Iterable[str], *, quick: bool, directory: str | None = None) -> Report:
    """Return what the named groups measure; quick ones take fewer rounds and memories."""
    figures: list[Figure] = []
    instructions: dict[str, int] = {}
    skipped: dict[str, str] = {}
    for name in names:
        if name == COUNTS:
            try:
                instructions = counting.count_instructions()
            except counting.CannotCount as error:
                skipped[COUNTS] = str(error)
        else:
            figures += _in_process(name, quick=quick, directory=directory)
    return Report(machine(), tuple(figures), instructions, skipped)


def measure_here(name: str, *, quick: bool, directory: str | None) -> bytes:
    """Measure one group in this process and return its figures as JSON."""
    with tempfile.TemporaryDirectory(prefix="engram-bench-", dir=directory) as place:

        async def measured() -> list[Figure]:
            return await GROUPS[name](Path(place), quick=quick)

        return msgspec.json.encode(anyio.run(measured))


def machine() -> Machine:
    """Return what this machine is, as far as ratios depend on it."""
    kernels = select_backend("auto")
    cpu = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return Machine(cpu, kernels.name, kernels.isa, platform.python_version(), np.__version__)


def _in_process(name: str, *, quick: bool, directory: str | None) -> list[Figure]:
    command = [sys.executable, "-m", "benches.regression", "measure", name]
    command += ["--quick"] if quick else []
    command += ["--directory", directory] if directory else []
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own interpreter
    return msgspec.json.decode(done.stdout, type=list[Figure])
