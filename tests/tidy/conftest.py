"""The project's own files, read once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED = {".zig-cache", "zig-out", "__pycache__", "golden"}


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """Return every text file people write, by its path from the checkout."""
    found = [ROOT / "Makefile", ROOT / "build_kernels.py", ROOT / "pyproject.toml"]
    found += ROOT.glob("*.md")
    for folder in ("engram", "tests", "benches", "zig", "docs", ".ci"):
        found += (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in found
        if path.suffix in {".py", ".md", ".toml", ".zig", ".jinja", ".txt", ""}
        and not SKIPPED & set(path.parts)
    }


@pytest.fixture(scope="session")
def trees(texts: dict[str, str]) -> dict[str, ast.Module]:
    """Return every Python file, parsed, by its path from the checkout."""
    return {path: ast.parse(text) for path, text in texts.items() if path.endswith(".py")}
