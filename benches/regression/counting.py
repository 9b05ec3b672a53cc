"""Instructions of each kernel call, counted by callgrind: the same number in every run.

Counted is what runs between the entry of a call into the library and its return. callgrind writes a
profile of its own for each workload, so that one process counts many.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from benches.regression.counted import Task
from benches.regression.probe import probed_library
from benches.regression.workloads import JUDGED
from build_kernels import KernelBuildError

VALGRIND_REMEDY: Final = (
    "valgrind is missing, so no instruction is counted: apt-get install valgrind"
)
MACHINE_REMEDY: Final = "instructions are those of x86-64 with AVX2; this machine is {machine}"
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
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount(VALGRIND_REMEDY)
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        raise CannotCount(MACHINE_REMEDY.format(machine=platform.machine()))
    try:
        library = probed_library()
    except KernelBuildError as error:
        raise CannotCount(f"the probed library cannot be built: {error}") from error
    wanted = {
        work.name: (loops or {}).get(work.name, 0)
        for work in JUDGED
        if names is None or work.name in names
    }
    processes = os.cpu_count() or 1
    shares = [dict(list(wanted.items())[number::processes]) for number in range(processes)]
    with ThreadPoolExecutor(processes) as pool:
        counts = pool.map(
            lambda share: _count(valgrind, Task(str(library), share)), filter(None, shares)
        )
        counted = {name: count for share in counts for name, count in share.items()}
    missing = [name for name in wanted if not counted.get(name)]
    if missing:
        raise CannotCount(f"callgrind saw no instruction of {', '.join(missing)}")
    return {name: counted[name] for name in wanted}


def _count(valgrind: str, task: Task) -> dict[str, int]:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name, "out")
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={out}"]
        command += ["--instr-atstart=no", "--collect-atstart=no"]
        command += [sys.executable, "-m", "benches.regression.counted"]
        command += [msgspec.json.encode(task).decode()]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(  # noqa: S603 - valgrind over our own interpreter
            command, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotCount(f"callgrind failed: {done.stderr[-800:]}")
        profiles = [file.read_text(errors="replace") for file in sorted(Path(name).iterdir())]
    return dict(filter(None, map(counted_in, profiles)))


def counted_in(profile: str) -> tuple[str, int] | None:
    """Return the workload a callgrind profile is of and its instructions; None for the last one.

    Format: https://valgrind.org/docs/manual/cl-format.html
    """
    found = _COUNTED.search(profile)
    return (found[1], int(found[2])) if found else None
