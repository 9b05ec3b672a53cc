from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from engram.testing.histories import run_crash_histories

HISTORIES = 1000
SEEDS = Path(__file__).with_name("seeds.txt")
SEEDS_A_TASK = 1000


def _seeds_that_failed() -> list[int]:
    lines = SEEDS.read_text(encoding="utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line and not line.startswith("#")]


def test_what_was_acknowledged_survives_a_thousand_crash_histories() -> None:
    assert run_crash_histories([*_seeds_that_failed(), *range(HISTORIES)]) > 10 * HISTORIES


@pytest.mark.prove
@pytest.mark.parametrize("histories", [20_000, 1_000_000])
def test_what_was_acknowledged_survives_a_million_crash_histories(histories: int) -> None:
    """On every core; a failure names its seed, `run_crash_history(seed)` repeats it."""
    tasks = [range(first, first + SEEDS_A_TASK) for first in range(0, histories, SEEDS_A_TASK)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        records = 0
        for position, found in enumerate(pool.map(run_crash_histories, tasks), start=1):
            records += found
            print(f"{position * SEEDS_A_TASK} histories, {records} records")  # noqa: T201
    assert records > 10 * histories
