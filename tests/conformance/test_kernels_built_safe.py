"""The kernels, compiled with every check Zig has, do what they must without being stopped.

A check that fails ends the process: pytest then says no more than `engram kernels: ...` and the
test that ran.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engram.kernels.zig_backend import ZigBackend
from engram.kernels.zig_library import library_path
from engram.testing.kernels.suite import check_kernel_backend

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("level", ZigBackend().isa_levels)
def test_the_suite_passes_without_undefined_behaviour(level: str, safe_library: Path) -> None:
    zig = ZigBackend(safe_library)
    zig.select_isa(level)
    check_kernel_backend(zig)


@pytest.mark.prove
def test_every_kernel_test_passes_without_undefined_behaviour(
    safe_library: Path, tmp_path: Path
) -> None:
    """The differential tests too: they load the library that lies in the package."""
    ignore = shutil.ignore_patterns("*.so", "*.dylib", "*.dll", "__pycache__")
    shutil.copytree(ROOT / "engram", tmp_path / "engram", ignore=ignore)
    shutil.copy(safe_library, tmp_path / "engram" / "kernels" / library_path().name)
    folder = ROOT / "tests" / "conformance"
    tests = [*folder.glob("*kernel*.py"), *folder.glob("*backends.py"), ROOT / "tests/unit/kernels"]
    done = subprocess.run(  # noqa: S603 - our own tests
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not prove", *tests],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONSAFEPATH": "1",
            "PYTHONPATH": str(tmp_path),
            "ENGRAM_SAFE_LIBRARY": str(safe_library),
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
