"""What the conformance tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def safe_library() -> Path:
    """Give the library built with Zig's safety checks: undefined behaviour ends the process.

    The environment names one where Zig cannot build it.
    """
    built = os.environ.get("ENGRAM_SAFE_LIBRARY")
    if built:
        return Path(built)
    import build_kernels  # noqa: PLC0415 - no part of a wheel, from which ARM64 is tested

    target = build_kernels.host_target()
    library = ROOT / build_kernels.CACHE / "safe" / build_kernels.TARGETS[target].library
    return build_kernels.build(target, output=library, mode="ReleaseSafe")
