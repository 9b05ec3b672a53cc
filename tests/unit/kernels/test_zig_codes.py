from __future__ import annotations

import ctypes
import mmap
import os

import numpy as np
import pytest

from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.zig_backend import ZigBackend
from engram.kernels.zig_library import library_path, load_library

_LIBRARY = load_library(library_path())
_SPACE = np.zeros(256, np.float32)  # zeros of any type, long enough for one row
_AT = address(_SPACE)
_CALLS = {
    "engram_top_k_f16": (_AT, 4, _AT, 1, None, None, _AT, _AT, 1, None),
    "engram_top_k_bf16": (_AT, 4, _AT, 1, None, None, _AT, _AT, 1, None),
    "engram_to_bf16": (_AT, 4, _AT, None),
    "engram_quantize_i8": (_AT, 1, 4, _AT, _AT, None),
    "engram_top_k_i8": (_AT, 4, _AT, 1, _AT, None, _AT, _AT, 1, None),
    "engram_quantize_bits": (_AT, 1, 4, _AT, None),
    "engram_rerank_f32": (_AT, 4, _AT, 1, None, _AT, 1, _AT, _AT, 1, None),
    "engram_bit_top_k": (_AT, 4, _AT, 1, None, _AT, _AT, 1, None),
}
_COUNTS = {name: 1 if "quantize" in name or "bf16" in name else 3 for name in _CALLS}
_COUNTS |= {"engram_top_k_bf16": 3, "engram_rerank_f32": 6}
"""Where the number of rows or candidates stands: none at all is no mistake."""


@pytest.mark.parametrize("name", _CALLS)
def test_the_boundary_refuses_each_null_and_each_zero_size(name: str) -> None:
    arguments = _CALLS[name]
    function = getattr(_LIBRARY, name)
    assert function(*arguments) >= 0
    for position, argument in enumerate(arguments):
        if argument is None:
            continue
        changed = list(arguments)
        changed[position] = None if argument == _AT else 0
        is_empty = position == _COUNTS[name]
        wanted = abi.STATUS_OK if is_empty else abi.STATUS_INVALID_ARGUMENT
        assert function(*changed) == wanted, (name, position)


def test_levels_with_fused_multiply_add_agree_on_halves_to_the_last_bit() -> None:
    """A scan may change level with its size, so equal rows tie across pages of any size."""
    zig = ZigBackend()
    random = np.random.default_rng(21)
    rows = random.standard_normal((57, 203), dtype=np.float32)
    before = zig.isa
    results = []
    for level in zig.isa_levels:
        if level != "baseline":
            zig.select_isa(level)
            scores, _ = zig.top_k_f16(rows[0].copy(), rows.astype(np.float16), 57)
            results.append((scores, zig.top_k_bf16(rows[0].copy(), zig.to_bf16(rows), 57)[0]))
    zig.select_isa(before)
    assert all(np.array_equal(results[0], other) for other in results)


@pytest.mark.skipif(os.name != "posix", reason="pages are protected by mprotect")
@pytest.mark.parametrize("d", [1, 7, 31, 33, 63, 64, 65, 100, 129])
def test_nothing_is_read_past_the_last_row(d: int) -> None:
    """A row's end is read a whole chunk at once only where the matrix goes on."""
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 4 * page)
    space = np.frombuffer(memory, np.uint8)
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    fence = address(space) + 3 * page
    assert protect(fence, page, 0) == 0
    zig, query = ZigBackend(), np.ones(d, np.float32)
    for n in (1, 2, 3, 9):
        codes = space[3 * page - n * d : 3 * page].view(np.int8).reshape(n, d)
        halves = space[3 * page - 2 * n * d : 3 * page].view(np.uint16).reshape(n, d)
        scales = np.ones(n, np.float32)
        assert len(zig.top_k_i8(query, codes, scales, n)[1]) == n
        assert len(zig.bit_top_k(np.zeros(d, np.uint8), codes.view(np.uint8), n)[1]) == n
        assert len(zig.top_k_bf16(query, halves, n)[1]) == n
        assert len(zig.top_k_f16(query, halves.view(np.float16), n)[1]) == n
    assert protect(fence, page, mmap.PROT_READ | mmap.PROT_WRITE) == 0
