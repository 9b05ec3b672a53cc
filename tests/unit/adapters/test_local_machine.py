from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engram.adapters.local.machine import (
    allow_open_files,
    give_back,
    memory_budget_default,
    memory_bytes,
)


def test_the_limit_of_a_control_group_counts_where_it_is_lower(tmp_path: Path) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text("1073741824\n", encoding="ascii")
    assert memory_bytes((str(limit), str(tmp_path / "missing"))) == 1 << 30


@pytest.mark.parametrize("text", ["max\n", "9223372036854771712\n"])
def test_a_control_group_without_a_limit_leaves_what_the_machine_has(
    tmp_path: Path, text: str
) -> None:
    limit = tmp_path / "memory.max"
    limit.write_text(text, encoding="ascii")
    assert memory_bytes((str(limit),)) == memory_bytes(()) > 1 << 28


def test_the_budget_is_half_of_it_and_can_be_handed_back_at_any_time() -> None:
    give_back()
    assert memory_budget_default() == max(256 << 20, memory_bytes() // 2)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_process_may_open_as_many_files_as_it_may_ask_for() -> None:
    resource = pytest.importorskip("resource")
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 512), most))
        allow_open_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (now, most))
