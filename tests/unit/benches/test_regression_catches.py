"""A kernel that became slower is caught by its instructions, in one short run of callgrind."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from benches.regression import verdict
from benches.regression.counting import VALGRIND_REMEDY, count_instructions
from benches.regression.figures import Baseline, Machine, Report
from benches.regression.probe import probed_library

HERE = Machine("cpu", "zig", "avx2", "3.11", "2.4")
NAME = "decay.40000"  # whose exported function calls another one
LOOPS = 2_000
INSTRUCTIONS_PER_LOOP = 2


@pytest.mark.skipif(shutil.which("valgrind") is None, reason=VALGRIND_REMEDY)
def test_less_than_five_per_cent_more_instructions_in_a_kernel_are_caught() -> None:
    probed_library()
    with ThreadPoolExecutor(2) as pool:
        counts = pool.map(
            lambda loops: count_instructions([NAME], loops=loops), ({}, {NAME: LOOPS})
        )
        held, now = counts
    assert held[NAME] > 2 * 40_000
    added = now[NAME] - held[NAME]
    assert abs(added - INSTRUCTIONS_PER_LOOP * LOOPS) <= INSTRUCTIONS_PER_LOOP
    assert added < 0.05 * held[NAME]
    baseline = Baseline("c", "d", "r", HERE, held, {}, {})
    assert [line.word for line in verdict.judge(baseline, Report(HERE, instructions=now))] == [
        "slower"
    ]
