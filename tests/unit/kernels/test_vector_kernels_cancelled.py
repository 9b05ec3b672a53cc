"""A scan stops soon after another thread asks it to."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.kernels.cancel import CancelFlag
from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import KernelCancelled

if TYPE_CHECKING:
    from engram.kernels.arrays import F32

_ROWS = 6_500_000
_DIMENSIONS = 16
_ATTEMPTS_MAX = 50


def _scan(
    backend: ZigBackend | NumpyBackend,
    query: F32,
    rows: F32,
    out: F32,
    flag: CancelFlag,
    stopped: list[bool],
) -> None:
    try:
        backend.similarity_f32(query, rows, out=out, cancel=flag)
    except KernelCancelled:
        stopped.append(True)


@pytest.mark.prove
@pytest.mark.parametrize("backend", [ZigBackend(), NumpyBackend()], ids=["zig", "numpy"])
def test_a_scan_of_400_megabytes_stops_before_its_end(backend: ZigBackend | NumpyBackend) -> None:
    """The flag, set once the first scores are out, keeps the last from being written."""
    rows = np.zeros((_ROWS, _DIMENSIONS), np.float32)
    query = np.ones(_DIMENSIONS, np.float32)
    for _ in range(_ATTEMPTS_MAX):  # a busy machine may let the scan end before this thread runs
        out = np.full(_ROWS, np.nan, np.float32)
        flag = CancelFlag()
        stopped: list[bool] = []
        thread = threading.Thread(target=_scan, args=(backend, query, rows, out, flag, stopped))
        thread.start()
        while np.isnan(out[0]) and thread.is_alive():
            pass
        flag.set()
        thread.join()
        if stopped:
            assert out[0] == 0.0
            assert np.isnan(out[-1])
            return
    pytest.fail("no scan was stopped")
