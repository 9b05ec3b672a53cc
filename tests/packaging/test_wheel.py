"""An sdist can rebuild the kernels; a wheel without them says so; the bindings are up to date."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import build_kernels

ROOT = Path(build_kernels.__file__).parent


def test_an_sdist_carries_the_sources_of_the_kernels_and_no_library(copy: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import hatchling.build as b; print(b.build_sdist('dist'))"],
        cwd=copy,
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    with tarfile.open(copy / "dist" / done.stdout.split()[-1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"build_kernels.py", "zig/src/abi.zig", "engram/kernels/zig_backend.py"} <= names
    assert not [n for n in names if n.endswith((".so", ".dylib", ".dll"))]


def test_a_wheel_without_zig_is_pure_and_says_so(copy: Path, tmp_path: Path) -> None:
    """Where Zig cannot run the install goes on, and names the numpy backend."""
    blocker = tmp_path / "ziglang"
    blocker.mkdir()
    (blocker / "__init__.py").write_text("raise ImportError('no zig here')\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import hatchling.build as b; print(b.build_wheel('dist'))"],
        cwd=copy,
        env={**os.environ, "ENGRAM_BUILD_TARGET": "", "PYTHONPATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.split()[-1].endswith("-py3-none-any.whl")
    assert "numpy backend" in done.stdout + done.stderr
    with zipfile.ZipFile(copy / "dist" / done.stdout.split()[-1]) as archive:
        assert not [n for n in archive.namelist() if n.endswith((".so", ".dylib", ".dll"))]


def test_the_bindings_are_those_of_the_zig_declarations() -> None:
    committed = (ROOT / build_kernels.BINDINGS).read_text(encoding="utf-8")
    assert committed == build_kernels.bindings()


def test_importing_engram_and_its_kernels_leaves_numpy_alone() -> None:
    program = "import sys, engram, engram.kernels; sys.exit('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)  # noqa: S603
    assert done.returncode == 0
