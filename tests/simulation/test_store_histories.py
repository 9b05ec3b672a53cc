from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from engram.testing.store_histories import run_store_history
from engram.wiring import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable

HISTORIES = 200
HISTORIES_LONG = 5_000
SEEDS = Path(__file__).with_name("seeds.txt")


def _seeds_that_failed() -> list[int]:
    lines = SEEDS.read_text(encoding="utf-8").splitlines()
    return [int(line.split()[0]) for line in lines if line.split()[1:2] == ["store:"]]


def _run(seeds: Iterable[int]) -> int:
    """Run the histories and return how many memories they kept."""

    async def run() -> int:
        memories = 0
        for seed in seeds:
            try:
                memories += await run_store_history(seed, open_store)
            except Exception as exc:
                exc.add_note(f"seed {seed}")
                print(f"failing seed: {seed}")  # noqa: T201 - the seed comes first
                raise
        return memories

    return anyio.run(run)


def test_a_store_keeps_what_it_acknowledged_through_hundreds_of_histories() -> None:
    assert _run([*_seeds_that_failed(), *range(HISTORIES)]) > 10 * HISTORIES


@pytest.mark.prove
def test_a_store_keeps_what_it_acknowledged_through_thousands_of_histories() -> None:
    assert _run(range(HISTORIES, HISTORIES_LONG)) > 10 * (HISTORIES_LONG - HISTORIES)
