"""The frozen library is called like today's, or it is said why it cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from benches.regression import frozen, ratios
from benches.regression.workloads import JUDGED
from engram.kernels import _zig_bindings as abi
from engram.kernels.records.columns import Column, PagedColumns
from engram.kernels.zig_library import library_path

BINDINGS = Path(abi.__file__)
needs_library = pytest.mark.skipif(
    not library_path().exists(), reason="the Zig kernels are not built: make kernels"
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a copy of the library and of its bindings."""
    shutil.copy(BINDINGS, tmp_path)
    return Path(shutil.copy(library_path(), tmp_path))


def test_a_commit_that_is_not_here_is_said() -> None:
    with pytest.raises(frozen.CannotCompare, match=r"000000000000 is not in this clone .* fetch"):
        frozen.frozen_library("0" * 40)


@needs_library
def test_the_same_library_gives_ratios_of_every_workload(old: Path) -> None:
    compared = ratios.compare_or_say(library_path(), old, rounds=1)
    assert compared.skipped == {}
    assert {figure.name for figure in compared.figures} == {work.name for work in JUDGED}
    assert all(figure.ratio > 0 for figure in compared.figures)


@needs_library
def test_a_function_that_was_declared_otherwise_is_not_comparable(old: Path) -> None:
    """The others are still compared."""
    bindings = old.with_name(BINDINGS.name)
    text = bindings.read_text(encoding="utf-8")
    before = "library.engram_normalize_f32.argtypes = [\n        c_void_p,"
    bindings.write_text(text.replace(before, before + "\n        c_void_p,"), encoding="utf-8")
    backend = frozen.FrozenBackend(old)
    with pytest.raises(frozen.NotInFrozen, match="engram_normalize_f32"):
        backend.normalize_f32(np.ones((2, 2), np.float32))
    assert backend.top_k_f32(np.ones(2, np.float32), np.ones((2, 2), np.float32), 1)[1][0] == 0


@needs_library
@pytest.mark.parametrize("rows_count", [10, 1_000])
def test_a_function_that_it_lacks_is_not_comparable(old: Path, rows_count: int) -> None:
    """Neither where a call keeps the interpreter's lock nor where it gives it up."""
    old.write_bytes(old.read_bytes().replace(b"engram_gather_records", b"engram_gather_nothing"))
    backend = frozen.FrozenBackend(old)
    columns = PagedColumns([Column("a", "u4", (np.zeros(4, np.uint32),), 4)], 4)
    with pytest.raises(frozen.NotInFrozen, match="engram_gather_records"):
        backend.gather_records(columns, np.zeros(rows_count, np.uint32))


@needs_library
def test_another_abi_is_not_comparable(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = abi.ABI_VERSION
    monkeypatch.setattr(abi, "ABI_VERSION", version + 1)
    with pytest.raises(frozen.CannotCompare, match=f"ABI {version}, today's {version + 1}"):
        frozen.FrozenBackend(old)
