"""Records of numpy and Zig are those of the reference."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engram.kernels.numpy_backend import NumpyBackend
from engram.kernels.reference import ReferenceBackend
from engram.kernels.zig_backend import ZigBackend
from engram.testing.kernels import records


@given(
    seed=st.integers(0, 2**32 - 1),
    shift=st.integers(0, 7),
    rows_count=st.integers(0, 300),
    m=st.integers(0, 40),
)
def test_any_rows_give_the_records_of_the_reference(
    *, seed: int, shift: int, rows_count: int, m: int
) -> None:
    """Some rows are beyond what columns reach, some come again."""
    random = np.random.default_rng(seed)
    columns = records.columns_of(random, 1 << shift, rows_count)
    rows = random.integers(0, rows_count + 9, m).astype(np.uint32)
    meant = ReferenceBackend().gather_records(columns, rows).tolist()
    for backend in (NumpyBackend(), ZigBackend()):
        assert backend.gather_records(columns, rows).tolist() == meant
