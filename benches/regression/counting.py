"""Instructions of each kernel call and of whole operations, counted by callgrind.

Of a kernel call is counted what runs between the entry into the library and the return: the same
number in every run. callgrind writes a profile of its own for each workload, so that one process
counts many. Of an operation is counted all that runs, in Python and out of it.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from benches.regression.counted import Task
from benches.regression.operations import BARE, GROUPS, OPERATIONS, STARTS
from benches.regression.probe import probed_library
from benches.regression.workloads import JUDGED
from build_kernels import KernelBuildError

VALGRIND_REMEDY: Final = (
    "valgrind is missing, so no instruction is counted: apt-get install valgrind"
)
MACHINE_REMEDY: Final = "instructions are those of x86-64 with AVX2; this machine is {machine}"
_TOTALS: Final = re.compile(r"^totals: (\d+)$", re.MULTILINE)
_COUNTED: Final = re.compile(
    r"^desc: Trigger: Client Request: (\S+)$.*^totals: (\d+)$", re.MULTILINE | re.DOTALL
)


class CannotCount(Exception):
    """Raised when instructions cannot be counted here; the message is the remedy."""


def count_instructions(
    names: Collection[str] | None = None, *, loops: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Return the instructions of each judged workload, or of those named.

    `loops` says how many loops of two instructions a workload is to burn in each call of the
    library: how a proof makes it slower.

    Raises:
        CannotCount: valgrind, AVX2 or Zig is missing; the message says what to do.
    """
    library = _library()
    wanted = {
        work.name: (loops or {}).get(work.name, 0)
        for work in JUDGED
        if names is None or work.name in names
    }
    processes = os.cpu_count() or 1
    shares = [dict(list(wanted.items())[number::processes]) for number in range(processes)]
    tasks = [
        _module("counted", msgspec.json.encode(Task(str(library), share)).decode())
        for share in filter(None, shares)
    ]
    options = ["--instr-atstart=no", "--collect-atstart=no"]
    counted = {name: min(seen) for name, seen in _counts(options, tasks).items()}
    return _all(wanted, counted)


def count_operations() -> dict[str, int]:
    """Return the instructions of each whole operation and of each start, in all its threads.

    Python chooses its own addresses and threads take turns as they like, so an operation is made
    several times and the fewest instructions count: equal within 1 % from run to run.

    Raises:
        CannotCount: valgrind, AVX2 or Zig is missing; the message says what to do.
    """
    library = str(_library())
    groups = [_module("operations", library, group) for group in GROUPS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        # The longest first: the rest goes beside it.
        starts = {name: pool.submit(_total, STARTS[name]) for name in reversed(STARTS)}
        bare = pool.submit(_total, BARE)
        counted = _counts(["--instr-atstart=no"], groups)
        of_starts = {name: [start.result() - bare.result()] for name, start in starts.items()}
    counts = {name: min(seen) for name, seen in (counted | of_starts).items()}
    return _all((*OPERATIONS, *STARTS), counts)


def _total(arguments: Sequence[str]) -> int:
    """Return all instructions of an interpreter with these arguments."""
    found = _TOTALS.search("".join(_profiles([], [sys.executable, *arguments])))
    return int(found[1]) if found else 0


def _library() -> Path:
    if shutil.which("valgrind") is None:
        raise CannotCount(VALGRIND_REMEDY)
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        raise CannotCount(MACHINE_REMEDY.format(machine=platform.machine()))
    try:
        return probed_library()
    except KernelBuildError as error:
        raise CannotCount(f"the probed library cannot be built: {error}") from error


def _module(name: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"benches.regression.{name}", *arguments]


def _all(wanted: Iterable[str], counted: Mapping[str, int]) -> dict[str, int]:
    missing = [name for name in wanted if not counted.get(name)]
    if missing:
        raise CannotCount(f"callgrind saw no instruction of {', '.join(missing)}")
    return {name: counted[name] for name in wanted}


def _counts(options: Sequence[str], commands: Sequence[list[str]]) -> dict[str, list[int]]:
    """Run the commands side by side; return what each profile of theirs counted, by name."""
    counts: dict[str, list[int]] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for profiles in pool.map(lambda command: _profiles(options, command), commands):
            for name, count in filter(None, map(counted_in, profiles)):
                counts.setdefault(name, []).append(count)
    return counts


def _profiles(options: Sequence[str], command: Sequence[str]) -> list[str]:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name, "out")
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *options]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(  # noqa: S603 - valgrind over our own interpreter
            [*valgrind, *command], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotCount(f"callgrind failed: {done.stderr[-800:]}")
        return [file.read_text(errors="replace") for file in sorted(Path(name).iterdir())]


def counted_in(profile: str) -> tuple[str, int] | None:
    """Return the workload a callgrind profile is of and its instructions; None for the last one.

    Format: https://valgrind.org/docs/manual/cl-format.html
    """
    found = _COUNTED.search(profile)
    return (found[1], int(found[2])) if found else None
