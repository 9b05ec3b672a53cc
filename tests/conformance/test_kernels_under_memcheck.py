"""Memcheck sees every read and write of the kernels: none strays, none uses what nobody wrote."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from engram.kernels.zig_library import library_path

# An error in the suite is for the other tests. Valgrind 3.19 itself gives two checks another answer
# than the processor: under it a NaN is below infinity.
SUITE = """
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import InvariantViolated
from engram.testing.kernels.suite import CHECKS
zig = ZigBackend()
zig.select_isa("{level}")
for check in CHECKS:
    try:
        check(zig)
    except InvariantViolated as error:
        print(check.__name__, error)
"""
ONE_ROW_TOO_MANY = """
import numpy as np
from engram.kernels.addresses import address
from engram.kernels.zig_library import library_path, load_library
rows, out = np.ones((64, 33), np.float32), np.ones(65, np.float32)
load_library(library_path()).engram_normalize_f32(address(rows), 65, 33, address(out))
"""

pytestmark = [
    pytest.mark.prove,
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
]


def errors_in_kernels(program: str, report: Path) -> list[str]:
    """Return what memcheck found in the library while a program ran."""
    # Leaks are left out: the arena of the thread that ends the process is never freed.
    command = ["valgrind", "--quiet", "--leak-check=no", "--xml=yes", f"--xml-file={report}"]
    done = subprocess.run(  # noqa: S603 - our own program
        [*command, sys.executable, "-c", program],
        env={**os.environ, "PYTHONMALLOC": "malloc", "OPENBLAS_NUM_THREADS": "1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = []
    for error in ET.parse(report).getroot().iter("error"):  # noqa: S314 - valgrind wrote it
        kind = error.findtext("kind") or ""
        objects = [frame.findtext("obj") or "" for frame in error.iter("frame")]
        if not kind.startswith("Leak") and any(library_path().name in name for name in objects):
            found.append(f"{kind}: {[frame.findtext('fn') for frame in error.iter('frame')]}")
    return found


@pytest.mark.parametrize("level", ["baseline", "avx2"])
def test_no_kernel_strays_in_memory(level: str, tmp_path: Path) -> None:
    assert errors_in_kernels(SUITE.format(level=level), tmp_path / "report.xml") == []


def test_a_kernel_that_strays_is_noticed(tmp_path: Path) -> None:
    assert "InvalidRead" in errors_in_kernels(ONE_ROW_TOO_MANY, tmp_path / "report.xml")[0]
