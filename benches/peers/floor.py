"""The floor of a scan: how fast this machine reads the same bytes and does nothing with them."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter_ns
from typing import Final

import numpy as np
from numpy.typing import NDArray

import build_kernels
from benches.peers.cases import Call
from engram.kernels.zig_backend import ZigBackend

_SOURCE: Final = Path(__file__).with_name("floor.zig")
_TRIALS: Final = 15
# Levels of the library in the order of the target's list of processors.
_LEVELS: Final = {"x86_64": ("baseline", "avx2", "avx512"), "aarch64": ("neon",)}


def read_floor(array: NDArray[np.generic]) -> Call:
    """Return a call that reads every byte of `array` in the way that was fastest for it here."""
    start, size = array.ctypes.data, array.nbytes
    best: tuple[int, Call] | None = None
    for library in _libraries():
        for variant in range(library.floor_variants()):

            def read(library: ctypes.CDLL = library, variant: int = variant) -> object:
                # `array` is held by the caller's case for as long as this is called.
                return library.floor_read(start, size, variant)

            took = min(_time_ns(read) for _ in range(_TRIALS))
            if best is None or took < best[0]:
                best = (took, read)
    if best is None:
        raise RuntimeError("no level of the floor runs on this machine")
    return best[1]


def _time_ns(call: Call) -> int:
    started = perf_counter_ns()
    call()
    return perf_counter_ns() - started


def _libraries() -> Iterator[ctypes.CDLL]:
    """Yield the floor compiled for each level this machine can run."""
    target = build_kernels.TARGETS[build_kernels.host_target()]
    levels = _LEVELS[target.zig.partition("-")[0]]
    runnable = ZigBackend().isa_levels
    for level, processor in zip(levels, target.levels, strict=True):
        if level in runnable:
            library = ctypes.CDLL(str(_built(target.zig, level, processor)))
            library.floor_variants.restype = ctypes.c_size_t
            library.floor_read.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
            yield library


def _built(target: str, level: str, processor: str) -> Path:
    path = build_kernels.ROOT / ".zig-cache" / f"floor-{level}.so"
    if not path.exists() or path.stat().st_mtime < _SOURCE.stat().st_mtime:
        path.parent.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "ziglang", "build-lib", "-dynamic", "-O", "ReleaseFast"]
        command += ["-target", target, f"-mcpu={processor}", f"-femit-bin={path}"]
        command += ["--cache-dir", str(path.parent), str(_SOURCE)]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own words
    return path
