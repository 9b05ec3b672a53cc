"""Instructions of each kernel call, counted by callgrind: the same number in every run.

The library is stripped and callgrind finds no names in it, so what is counted is every
instruction of the library and of the ctypes call into it, in a process that makes one call.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from benches.regression.counted import CALLS, LIBRARY_VARIABLE
from engram.kernels.zig_library import library_path

# Without symbols callgrind gives the entry of the library to who called it: libffi, for ctypes.
_CALLER: Final = "libffi"
VALGRIND_REMEDY: Final = (
    "valgrind is missing, so no instruction is counted: apt-get install valgrind"
)
LIBRARY_REMEDY: Final = "the Zig kernels are not built, so nothing can be counted: make kernels"


class CannotCount(Exception):
    """Raised when instructions cannot be counted here; the message is the remedy."""


def count_instructions() -> dict[str, int]:
    """Return the instructions of each call of `counted.CALLS`; CannotCount names the remedy."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CannotCount(VALGRIND_REMEDY)
    library = Path(os.environ.get(LIBRARY_VARIABLE) or library_path())
    if not library.exists():
        raise CannotCount(LIBRARY_REMEDY)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = pool.map(lambda call: _count(valgrind, library.name, call), CALLS)
        return dict(zip(CALLS, counts, strict=True))


def _count(valgrind: str, library_name: str, call: str) -> int:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name, "out")
        command = [valgrind, "--tool=callgrind", f"--callgrind-out-file={out}"]
        command += [sys.executable, "-m", "benches.regression.counted", call]
        environment = {**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(  # noqa: S603 - valgrind over our own interpreter
            command, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CannotCount(f"callgrind failed on {call}: {done.stderr[-500:]}")
        total = instructions_of(out.read_text(errors="replace"), library_name)
    if not total:
        raise CannotCount(f"callgrind saw no instruction of {library_name} in {call}")
    return total


def instructions_of(profile: str, library_name: str) -> int:
    """Return the instructions a callgrind profile gives to one library, calls out of it left out.

    Format: https://valgrind.org/docs/manual/cl-format.html
    """
    names: dict[str, str] = {}
    inside = called = False
    total = 0
    for line in profile.splitlines():
        if line.startswith(("ob=", "cob=")):
            number, _, name = line.partition("=")[2].partition(" ")
            if name:
                names[number] = name
            if line.startswith("ob="):
                name = Path(names.get(number, "")).name
                inside = name == library_name or name.startswith(_CALLER)
        elif line.startswith("calls="):
            called = True
        elif line[:1].isdigit() or line[:1] in "+-*":
            cost = line.split()[1:]  # a cost of zero is left out
            if inside and not called and cost:
                total += int(cost[0])
            called = False
    return total
