"""Runs ranges of seeded histories on two processes: `python -m tests.simulation.prove_histories`.

`... log 0 975000` runs histories of a log, `... store 0 20000` those of stores, `... upkeep 0
5000` those of stores whose operators erase, compact, convert and back up, `... crowd 0 2000` those
of stores with crowds of writers. Each names the range first and then after each piece how far they
came, so that a run that was interrupted goes on with `... store 4000 20000`. A failure names its
seed; `run_store_history(seed, open_store)` and `run_crash_history(seed)` repeat it.
"""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio

from engram.model.errors import InvariantViolated
from engram.testing.crowd_histories import Crowd
from engram.testing.histories import run_crash_histories
from engram.testing.store_histories import StoreHistory, run_store_history
from engram.testing.thinking_histories import SHARE, Thinking, ThinkingUpkeep
from engram.testing.upkeep_histories import UpkeepHistory
from engram.wiring import open_store

if TYPE_CHECKING:
    from collections.abc import Iterable

PROCESSES: Final = 2
PIECES: Final = {"log": 1_000, "store": 200, "upkeep": 100, "crowd": 50}
"""Seeds in a piece: some seconds of work."""

SEEDS: Final = Path(__file__).with_name("seeds.txt")


def tell(text: str) -> None:
    """Say at once how far a long proof is; an ordinary run of the tests keeps it to itself."""
    print(text, flush=True)  # noqa: T201 - whoever started it wants to know


def seeds_that_failed(level: str) -> list[int]:
    """Return the seeds that once broke a promise at a level, one of `PIECES`."""
    lines = [line.split() for line in SEEDS.read_text(encoding="utf-8").splitlines()]
    return [int(line[0]) for line in lines if line[1:2] == [f"{level}:"]]


def history_of(seed: int, kind: type[StoreHistory]) -> type[StoreHistory]:
    """Return what history a seed is: of a store that links and consolidates unasked, perhaps."""
    if seed % SHARE != SHARE - 1 or kind is Crowd:
        return kind
    return ThinkingUpkeep if kind is UpkeepHistory else Thinking


def run_log_histories(seeds: Iterable[int]) -> Counter[str]:
    """Run histories of a log and return what they came through."""
    seeds = list(seeds)
    return Counter(histories=len(seeds), records=run_crash_histories(seeds))


def run_store_histories(
    seeds: Iterable[int], kind: type[StoreHistory] = StoreHistory
) -> Counter[str]:
    """Run histories of whole stores and return what they came through.

    Raises:
        InvariantViolated: a history failed; the message begins with its seed. A plain message, so
            that it can come from another process.
    """

    async def run() -> Counter[str]:
        facts: Counter[str] = Counter()
        for seed in seeds:
            try:
                facts += await run_store_history(seed, open_store, history_of(seed, kind))
            except Exception as error:
                raise InvariantViolated(f"seed {seed}: {type(error).__name__}: {error}") from error
        return facts

    return anyio.run(run)


def run_upkeep_histories(seeds: Iterable[int]) -> Counter[str]:
    """Run histories in which operators are at work; see `run_store_histories`."""
    return run_store_histories(seeds, UpkeepHistory)


def run_crowd_histories(seeds: Iterable[int]) -> Counter[str]:
    """Run histories with crowds of writers; see `run_store_histories`."""
    return run_store_histories(seeds, Crowd)


RUNS: Final = {
    "log": run_log_histories,
    "store": run_store_histories,
    "upkeep": run_upkeep_histories,
    "crowd": run_crowd_histories,
}


def prove(level: str, first: int, end: int) -> Counter[str]:
    """Run the histories of seeds `first` to `end` (exclusive) and return what they came through.

    Raises:
        InvariantViolated: a history failed; the message begins with its seed.
    """
    tell(f"{level} histories of seeds {first} to {end}")
    size = PIECES[level]
    pieces = [range(seed, min(seed + size, end)) for seed in range(first, end, size)]
    facts: Counter[str] = Counter()
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        for piece, found in zip(pieces, pool.map(RUNS[level], pieces), strict=True):
            facts += found
            said = ", ".join(f"{count} {name}" for name, count in sorted(facts.items()))
            tell(f"{level} seeds below {piece.stop}: {said}")
    return facts


if __name__ == "__main__":
    prove(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
