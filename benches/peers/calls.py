"""What it costs to get into the library and back: six arguments, and no work at all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np

from benches.peers.cases import Case
from engram.kernels.addresses import address
from engram.kernels.zig_backend import ZigBackend
from engram.kernels.zig_library import library_path, load_library

_NAME: Final = "a call with 6 arguments through ctypes"
_WRAPPED: Final = "top-1 of 1 x 8 f32, checks and results included"
_DECLARATION: Final = (
    "int engram_quantize_i8(float *, size_t, size_t, int8_t *, float *, uint32_t *);"
)


def cases(only: str = "") -> Iterator[Case]:
    """Yield the bare call, and the smallest call of a kernel as a user makes it."""
    if only in _NAME:
        yield _bare()
    if only in _WRAPPED:
        row = np.ones((1, 8), np.float32)
        yield Case(_WRAPPED, partial(ZigBackend().top_k_f32, row[0], row, 1), {}, limit_us=2.5)


def _bare() -> Case:
    import cffi  # noqa: PLC0415 - a peer

    row = np.ones((1, 8), np.float32)
    at = address(row)
    function = load_library(library_path()).engram_quantize_i8
    foreign = cffi.FFI()
    foreign.cdef(_DECLARATION)
    other = foreign.dlopen(str(library_path()))
    pointers = [foreign.cast(kind, at) for kind in ("float *", "int8_t *", "float *", "uint32_t *")]
    rows, codes, scales, _ = pointers
    return Case(
        _NAME,
        partial(function, at, 0, 8, at, at, None),
        {"cffi": partial(other.engram_quantize_i8, rows, 0, 8, codes, scales, foreign.NULL)},
        limit_us=0.45,
    )
