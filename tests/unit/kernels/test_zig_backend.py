from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from engram.kernels import _zig_bindings as abi
from engram.kernels.addresses import address
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import BackendUnavailable

if TYPE_CHECKING:
    from pathlib import Path


def test_a_missing_library_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match=r"no library nothing\.so .*`make kernels`"):
        ZigBackend(tmp_path / "nothing.so")


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"not a library")
    with pytest.raises(BackendUnavailable, match="cannot be loaded"):
        ZigBackend(broken)


def test_another_abi_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi, "ABI_VERSION", abi.ABI_VERSION + 1)
    with pytest.raises(BackendUnavailable, match="ABI version"):
        ZigBackend()


def test_a_level_the_machine_lacks_is_refused_and_changes_nothing() -> None:
    zig = ZigBackend()
    before = zig.isa
    with pytest.raises(BackendUnavailable, match=before):
        zig.select_isa("z80")
    assert zig.isa == before


def test_the_level_in_use_is_one_the_machine_has() -> None:
    zig = ZigBackend()
    assert zig.isa in zig.isa_levels


def test_both_ways_to_an_address_agree() -> None:
    array = np.arange(10, dtype=np.float32)[3:]
    assert address(array) == array.ctypes.data


def test_levels_with_fused_multiply_add_agree_to_the_last_bit() -> None:
    """A scan may change level with its size, so equal rows tie across pages of any size."""
    zig = ZigBackend()
    levels = [level for level in zig.isa_levels if level != "baseline"]
    random = np.random.default_rng(9)
    rows = random.standard_normal((57, 203), dtype=np.float32)
    results = []
    for level in levels:
        zig.select_isa(level)
        results.append(zig.top_k_f32(rows[0].copy(), rows, 57)[0])
    zig.select_isa("auto")
    assert all(np.array_equal(results[0], other) for other in results)


def test_a_score_does_not_depend_on_the_size_of_the_scan() -> None:
    random = np.random.default_rng(10)
    rows = random.standard_normal((1500, 203), dtype=np.float32)
    zig = ZigBackend()
    whole = dict(
        zip(*(a.tolist() for a in zig.top_k_f32(rows[0].copy(), rows, 1500)[::-1]), strict=True)
    )
    scores, numbers = zig.top_k_f32(rows[0].copy(), rows[:50], 50)
    assert [whole[row] for row in numbers.tolist()] == scores.tolist()


def test_threads_get_the_same_answer() -> None:
    random = np.random.default_rng(11)
    rows = random.standard_normal((400, 64), dtype=np.float32)
    zig = ZigBackend()
    expected = zig.top_k_f32(rows[0].copy(), rows, 9)[1].tolist()
    answers: list[list[int]] = []

    def ask() -> None:
        answers.extend(zig.top_k_f32(rows[0].copy(), rows, 9)[1].tolist() for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 80
