"""Runs the groups of workloads, each in a process of its own."""

from __future__ import annotations

import itertools
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

import anyio
import msgspec
import numpy as np
from msgspec.structs import replace

from benches.regression import counting, frozen, ratios, reads, starts, writes
from benches.regression.figures import COUNTS, KERNELS, OPERATIONS, Figure, Machine, Report
from engram.kernels.selection import select_backend
from engram.kernels.zig_library import library_path

Measure = Callable[..., Awaitable[list[Figure]]]
GROUPS: Final[dict[str, Measure]] = {
    "reads": reads.measure,
    "writes": writes.measure,
    "starts": starts.measure,
}
ALL: Final = (COUNTS, OPERATIONS, KERNELS, *GROUPS)
# Which group measures a figure, by the first word of its name.
GROUP_OF: Final = {
    "recall": "reads",
    "open": "reads",
    "remember": "writes",
    "remember_many": "writes",
    "start": "starts",
}


def run(names: Iterable[str], *, commit: str, quick: bool, directory: str | None = None) -> Report:
    """Return what the named groups measure; quick ones take fewer rounds and memories.

    `commit` is that of the frozen library the kernels are compared with.
    """
    found = Report(machine())
    for name in names:
        started = time.monotonic()
        if name == COUNTS:
            found = _with_counts(found)
        elif name == OPERATIONS:
            found = _with_operations(found)
        elif name == KERNELS:
            found = _with_kernels(found, commit, quick=quick)
        else:
            figures = msgspec.json.decode(
                _in_process("measure", name, *_options(quick=quick, directory=directory)),
                type=tuple[Figure, ...],
            )
            found = replace(found, figures=found.figures + figures)
        took = round(time.monotonic() - started, 1)
        found = replace(found, seconds={**found.seconds, name: took})
    return found


def _with_counts(found: Report) -> Report:
    try:
        return replace(found, instructions=counting.count_instructions())
    except counting.CannotCount as error:
        return replace(found, skipped={**found.skipped, COUNTS: str(error)})


def _with_operations(found: Report) -> Report:
    try:
        return replace(found, operations=counting.count_operations())
    except counting.CannotCount as error:
        return replace(found, skipped={**found.skipped, OPERATIONS: str(error)})


def _with_kernels(found: Report, commit: str, *, quick: bool) -> Report:
    try:
        library = frozen.frozen_library(commit)
    except frozen.CannotCompare as error:
        return replace(found, skipped={**found.skipped, KERNELS: str(error)})
    try:
        measured = _in_process("ratios", str(library_path()), str(library), *_options(quick=quick))
    except subprocess.CalledProcessError as error:
        # A structure that both read through a pointer may have changed: only the ABI version tells.
        reason = f"the comparison ended with {error.returncode}; did a structure of the ABI change?"
        return replace(found, skipped={**found.skipped, KERNELS: reason})
    compared = msgspec.json.decode(measured, type=ratios.Compared)
    skipped = {**found.skipped, **compared.skipped}
    return replace(found, kernels=compared.figures, skipped=skipped)


def measure_here(name: str, *, quick: bool, directory: str | None) -> bytes:
    """Measure one group in this process and return its figures as JSON."""
    with tempfile.TemporaryDirectory(prefix="engram-bench-", dir=directory) as place:

        async def measured() -> list[Figure]:
            return await GROUPS[name](Path(place), quick=quick)

        return msgspec.json.encode(anyio.run(measured))


def machine() -> Machine:
    """Return what this machine is, as far as ratios and counts of operations depend on it."""
    kernels = select_backend("auto")
    python = f"{platform.python_version()}, {platform.python_compiler()}"
    return Machine(_cpu(), kernels.name, kernels.isa, python, np.__version__)


def _cpu() -> str:
    """Return the name and the numbers of the processor: a rented one often hides its name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    of_first = dict(map(_field, itertools.takewhile(str.strip, lines)))
    names = ("model name", "cpu family", "model", "stepping", "cache size")
    known = [of_first[name] for name in names if of_first.get(name)]
    return ", ".join(known) or platform.machine()


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()


def _options(*, quick: bool, directory: str | None = None) -> list[str]:
    options = ["--quick"] if quick else []
    return [*options, "--directory", directory] if directory else options


def _in_process(*arguments: str) -> bytes:
    command = [sys.executable, "-m", "benches.regression", *arguments]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603 - our own interpreter
