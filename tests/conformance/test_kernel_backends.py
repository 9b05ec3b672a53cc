"""Every kernel backend, and every level of the Zig library here, does what the reference does.

A missing Zig library fails here: a skip would hide that the kernels are not tested. The levels of
another architecture run in an emulator of it (`make neon`).
"""

from __future__ import annotations

import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.reference import ReferenceBackend
from engram.kernels.zig_backend import ZigBackend
from engram.testing.kernels import vectors
from engram.testing.kernels.suite import CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engram.kernels.protocol import KernelBackend


LEVELS = ZigBackend().isa_levels
CPU_FLAGS = Path("/proc/cpuinfo")
NEEDS = {
    "avx2": {"abm", "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"},
    "avx512": {"avx512f", "avx512dq", "avx512cd", "avx512bw", "avx512vl", "avx512_vnni"},
}


@pytest.fixture(params=["reference", "numpy", *(f"zig-{level}" for level in LEVELS)])
def backend(request: pytest.FixtureRequest) -> Iterator[KernelBackend]:
    """Give each backend, and Zig at each level this machine has."""
    name, _, level = str(request.param).partition("-")
    if name != "zig":
        yield ReferenceBackend() if name == "reference" else NumpyBackend()
        return
    zig = ZigBackend()
    zig.select_isa(level)
    yield zig
    zig.select_isa("auto")


def test_every_level_of_this_machine_is_found() -> None:
    """What is not found is not tested: the library must see what the kernel of the system sees."""
    if platform.machine().lower() in {"aarch64", "arm64"}:
        assert LEVELS == ("neon",)
        return
    assert LEVELS[0] == "baseline"
    if CPU_FLAGS.exists():
        flags = set(re.findall(r"\w+", CPU_FLAGS.read_text().partition("flags")[2].split("\n")[0]))
        avx2 = NEEDS["avx2"] <= flags
        expected = [("avx2", avx2), ("avx512", avx2 and NEEDS["avx512"] <= flags)]
        assert LEVELS[1:] == tuple(level for level, is_there in expected if is_there)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conforms(backend: KernelBackend, check: Callable[[KernelBackend], None]) -> None:
    """The backend passes each part of the suite."""
    check(backend)


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(0, 150),
    d=st.integers(1, 200),
    k=st.integers(1, 200),
    exponent=st.integers(-18, 18),
    cosine=st.booleans(),
    masked=st.booleans(),
)
def test_differs_from_the_reference_by_rounding_only(
    *, seed: int, n: int, d: int, k: int, exponent: int, cosine: bool, masked: bool
) -> None:
    """Random matrices of any scale, with repeated rows, give the reference's answer."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((n, d), dtype=np.float32) * np.float32(10.0**exponent)
    if n:
        rows = rows[random.integers(0, n, n)]
    query = random.standard_normal(d, dtype=np.float32)
    query /= np.float32(np.linalg.norm(query))
    mask = np.packbits(random.random(n) < random.random(), bitorder="little") if masked else None
    for backend in (NumpyBackend(), ZigBackend()):
        inv_norms = backend.normalize_f32(rows) if cosine else None
        vectors.check_against_reference(backend, query, rows, k, inv_norms, mask)
