"""`python -m benches.bursts`: many writers for some seconds, then the same groups written raw.

A write is a text of 1,000 characters with a given vector of 384 numbers, each a commit of its own
to its caller. Syncs are shown beside the rate: a rate without them could be that of a queue.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

import anyio
from rich.console import Console

import engram
from benches.regression.corpus import unit_rows, word
from benches.regression.writes import RawFile

_ROWS: Final = 10_000
_TEXT_CHARACTERS: Final = 1_000
_VOCABULARY: Final = 5_000
_console = Console(width=None if sys.stdout.isatty() else 150)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one burst and print its figures."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.bursts", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--writers", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--backend", choices=["asyncio", "trio"], default="asyncio")
    parser.add_argument("--directory", help="where the store goes; a real disk")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="engram-burst-", dir=options.directory) as place:
        anyio.run(_burst, Path(place), options, backend=options.backend)
    return 0


async def _burst(place: Path, options: argparse.Namespace) -> None:
    rows, texts = unit_rows(_ROWS), _texts()
    numbers, written = count(), [0]
    backlogs: list[int] = []
    unlinked: list[int] = []
    async with engram.open(place / "store", embedder=None) as db:
        space = await db.space("burst")
        await space.remember("the first memory", embedding=rows[0])
        before, times = await space.stats(), os.times()
        started = time.perf_counter()
        ends = started + options.seconds

        async def writer() -> None:
            while time.perf_counter() < ends:
                number = next(numbers)
                text = f"{number:012d} {texts[number % len(texts)]}"
                await space.remember(text, embedding=rows[number % _ROWS])
                written[0] += 1

        async def watch() -> None:
            while time.perf_counter() < ends:
                backlogs.append(_backlog(db))
                unlinked.append((await space.stats()).unlinked)
                await anyio.sleep(min(1.0, options.seconds / 5))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            for _ in range(options.writers):
                tasks.start_soon(writer)
        took, after, times_after = time.perf_counter() - started, await space.stats(), os.times()
        backlogs.append(_backlog(db))
    syncs, grown = after.syncs - before.syncs, after.log_bytes - before.log_bytes
    cpu_us = (times_after.user + times_after.system - times.user - times.system) / written[0] * 1e6
    raw = RawFile(place / "raw").groups(min(syncs, 2_000), grown * min(syncs, 2_000) // syncs)
    floor_s = raw.clock_ns / 1e9 * syncs / min(syncs, 2_000)
    _console.print(
        f"{options.writers} writers on {options.backend}, {took:.1f} s: "
        f"{written[0] / took:,.0f} writes/s, {syncs:,} syncs, "
        f"{written[0] / syncs:.0f} writes each, "
        f"{grown / took / 1e6:.0f} MB/s of log, {cpu_us:.1f} us of CPU a write"
    )
    _console.print(
        f"  the same groups by raw pwrite + fdatasync: {floor_s:.2f} s, "
        f"{floor_s / took:.0%} of the time"
    )
    for name, counts in (("in the word index", backlogs), ("linked", unlinked)):
        shown = ", ".join(f"{each:,}" for each in counts[:: max(1, len(counts) // 12)])
        _console.print(f"  memories not {name} yet, over time: {shown}")


def _backlog(db: Any) -> int:
    engine = db._core.registry.open_now("burst")  # noqa: SLF001 - a bench looks behind the library
    return int(engine.view.count - engine.words.rows_indexed)


def _texts() -> list[str]:
    """Return texts of 1,000 characters, their words drawn evenly."""
    found = []
    for first in range(200):
        words = " ".join(word((first * 131 + step * 17) % _VOCABULARY) for step in range(220))
        found.append(words[: _TEXT_CHARACTERS - 13])
    return found


if __name__ == "__main__":
    sys.exit(main())
