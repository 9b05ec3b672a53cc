"""What the packaging tests share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import build_kernels

ROOT = Path(build_kernels.__file__).parent
ENTRIES = ("engram", "zig", "build_kernels.py", "pyproject.toml", "LICENSE", ".gitignore")


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what a build reads, without the library built here."""
    root = tmp_path_factory.mktemp("sources")
    for entry in ENTRIES:
        source = ROOT / entry
        if source.is_dir():
            ignore = shutil.ignore_patterns("*.so", "*.dylib", "*.dll", "__pycache__", ".zig-cache")
            shutil.copytree(source, root / entry, ignore=ignore)
        else:
            shutil.copy(source, root / entry)
    (root / "README.md").write_text("Engram\n", encoding="utf-8")
    return root
