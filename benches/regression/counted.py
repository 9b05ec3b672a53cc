"""The calls whose instructions are counted, one a process; run under callgrind by `counting`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import numpy as np

from benches.regression.corpus import unit_rows
from engram.kernels.zig_backend import ZigBackend
from engram.kernels.zig_library import library_path

# Another library than the package's own: to count a copy before it replaces it.
LIBRARY_VARIABLE: Final = "ENGRAM_BENCH_LIBRARY"
CALLS: Final = (
    "normalize.1000x384",
    "top_k.250x384",
    "top_k.1000x768",
    "top_k.1000x768.k100",
    "top_k.1000x768.masked",
    "top_k.2000x384",
)


def main() -> None:
    """Make one call, at the AVX2 level: valgrind does not know AVX-512."""
    kernels = ZigBackend(Path(os.environ.get(LIBRARY_VARIABLE) or library_path()))
    kernels.select_isa("avx2")
    call = sys.argv[1]
    kernel, size, *more = call.split(".")
    n, dimensions = (int(number) for number in size.split("x"))
    rows = unit_rows(n, dimensions)
    if kernel == "normalize":
        kernels.normalize_f32(rows)
        return
    mask = np.packbits(np.arange(n) % 3 == 0, bitorder="little") if "masked" in more else None
    k = 100 if "k100" in more else 10
    kernels.top_k_f32(rows[3], rows, k, inv_norms=np.ones(n, np.float32), mask=mask)


if __name__ == "__main__":
    main()
