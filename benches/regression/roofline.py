"""The bounds of this machine, measured: bytes a second from each level of memory, multiply-adds.

The model is that of Williams, Waterman, Patterson: Roofline (2009): a kernel does no more than the
peak, and no more than its operations a byte times the bandwidth of where its data lies.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter_ns
from typing import Final, NamedTuple

import numpy as np

from engram.kernels.addresses import address

_SOURCE: Final = Path(__file__).with_name("roofline.zig")
_VECTOR_BYTES: Final = 64
_OPERATIONS_PER_ROUND: Final = 16 * 16 * 2
_BLOCK_BYTES: Final = 1 << 28
_ATTEMPTS: Final = 9
# Sizes that lie well inside the level on server cores of recent years, and well outside the last.
LEVELS: Final = {"L1": 24 << 10, "L2": 512 << 10, "L3": 8 << 20, "DRAM": 256 << 20}


class Roofline(NamedTuple):
    """Gigabytes a second by level, and gigaoperations a second, of one core."""

    gigabytes_per_s: dict[str, float]
    gigaoperations_per_s: float


def measure() -> Roofline:
    """Return the roofline of one core; each figure is the best of several attempts."""
    with tempfile.TemporaryDirectory() as place:
        library = _build(Path(place))
        room = np.ones(max(LEVELS.values()) + _VECTOR_BYTES, np.uint8)
        start = -address(room) % _VECTOR_BYTES
        bandwidths = {
            level: max(_read(library, room[start:], size) for _ in range(_ATTEMPTS))
            for level, size in LEVELS.items()
        }
        peak = max(_multiply_add(library, 200_000) for _ in range(_ATTEMPTS))
    return Roofline(bandwidths, peak)


def _build(place: Path) -> ctypes.CDLL:
    path = place / "roofline.so"
    command = [sys.executable, "-m", "ziglang", "build-lib", "-dynamic", "-O", "ReleaseFast"]
    command += ["-mcpu=native", "-fstrip", f"-femit-bin={path}", str(_SOURCE)]
    command += ["--cache-dir", str(place / "cache")]
    subprocess.run(command, check=True, capture_output=True, cwd=place)  # noqa: S603 - as written
    library = ctypes.CDLL(str(path))
    library.roofline_read.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t]
    library.roofline_multiply_add.argtypes = [ctypes.c_size_t]
    library.roofline_multiply_add.restype = ctypes.c_float
    return library


def _read(library: ctypes.CDLL, room: np.ndarray, size: int) -> float:
    rounds = max(1, _BLOCK_BYTES // 4 // size)
    started = perf_counter_ns()
    library.roofline_read(address(room), size // _VECTOR_BYTES, rounds)
    return rounds * size / (perf_counter_ns() - started)


def _multiply_add(library: ctypes.CDLL, rounds: int) -> float:
    started = perf_counter_ns()
    library.roofline_multiply_add(rounds)
    return rounds * _OPERATIONS_PER_ROUND / (perf_counter_ns() - started)
