"""`python -m benches.spaces`: a thousand memory spaces in one process, beside one of them.

Recalls and writes are taken in turns with the same work on one space, and with raw syncs of as many
files; ratios are medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
from rich.console import Console
from rich.table import Table

import engram
from benches.regression.corpus import texts, unit_rows

_SPACES: Final = 1_000
_ACTIVE: Final = 100
_MEMORIES: Final = 100
_CALLERS: Final = 8
_CUE_WORDS: Final = 6
_LOOKUPS: Final = 100_000
_SYNC_BYTES: Final = 4_096
_console = Console(width=None if sys.stdout.isatty() else 120)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.spaces", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--spaces", type=int, default=_SPACES)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", help="where the stores go; a real disk")
    options = parser.parse_args(arguments)
    table = Table("work", "figure", "beside it", title=f"{options.spaces:,} spaces of one process")
    with tempfile.TemporaryDirectory(prefix="engram-spaces-", dir=options.directory) as place:
        for row in anyio.run(_empty, Path(place) / "empty", options):
            table.add_row(*row)
        for row in anyio.run(_filled, Path(place) / "filled", options):
            table.add_row(*row)
    _console.print(table)
    return 0


async def _empty(root: Path, options: argparse.Namespace) -> list[list[str]]:
    async with engram.open(root) as db:
        started = time.perf_counter()
        for name in _names(options.spaces):
            await db.create_space(name)
        took = time.perf_counter() - started
    held = await anyio.to_thread.run_sync(_disk_bytes, root)
    each = f"{took / options.spaces * 1e3:.1f} ms each"
    return [
        ["creating empty spaces", f"{took:.1f} s", each],
        ["disk of empty spaces", f"{held / 2**20:,.0f} MiB", f"{held >> 10:,} KiB in all"],
    ]


def _disk_bytes(root: Path) -> int:
    return sum(path.stat().st_blocks for path in root.rglob("*") if path.is_file()) * 512


async def _filled(root: Path, options: argparse.Namespace) -> list[list[str]]:
    words, vectors = texts(_MEMORIES, words=20), unit_rows(_MEMORIES)
    async with engram.open(root) as db:
        for name in _names(options.spaces):
            space = await db.space(name)
            await space.remember_many(words, embeddings=vectors)
            await space.wait_linked()
    rows = [await _started(root, options.spaces)]
    async with engram.open(root) as db:
        names = _names(options.spaces)[:_ACTIVE]
        many = [await db.space(name) for name in names]
        rows.append(await _looked_up(db, names))
        cues = [" ".join(text.split()[:_CUE_WORDS]) for text in words]

        async def recall(space: engram.Space, number: int) -> None:
            cue = number % len(cues)
            await space.recall(cues[cue], embedding=vectors[cue])

        async def remember(space: engram.Space, number: int) -> None:
            text = f"{number} {words[number % len(words)]}"
            await space.remember(text, embedding=vectors[number % len(vectors)])

        rows.append(await _beside_one("recalls", many, recall, options))
        rows.append(await _beside_raw(root, many, remember, options))
    return rows


async def _started(root: Path, spaces: int) -> list[str]:
    """Open the store anew, and all its spaces."""
    times = []
    for _ in range(3):
        started = time.perf_counter()
        async with engram.open(root) as db:
            for name in _names(spaces):
                await db.space(name)
            times.append(time.perf_counter() - started)
    shown = f"{statistics.median(times):.1f} s"
    return [f"opening all, {_MEMORIES} memories each", shown, "median of 3"]


async def _looked_up(db: Any, names: Sequence[str]) -> list[str]:
    find = db._core.registry.open_now  # noqa: SLF001 - a bench looks behind the library
    started = time.perf_counter_ns()
    for number in range(_LOOKUPS):
        find(names[number % len(names)])
    each = (time.perf_counter_ns() - started) / _LOOKUPS / 1e3
    return ["looking up an open space", f"{each:.2f} us", ""]


async def _beside_one(
    what: str,
    many: Sequence[engram.Space],
    call: Callable[[engram.Space, int], Awaitable[None]],
    options: argparse.Namespace,
) -> list[str]:
    pairs = []
    for _ in range(options.rounds):
        over_many = await _rate(many, call, _CALLERS, options.seconds)
        pairs.append((over_many, await _rate(many[:1], call, _CALLERS, options.seconds)))
    shown, beside, ratio = _medians(pairs)
    return [
        f"{what} over {len(many)} spaces, {_CALLERS} callers",
        f"{shown:,.0f}/s",
        f"one space: {beside:,.0f}/s, {ratio:.2f}",
    ]


async def _beside_raw(
    root: Path,
    many: Sequence[engram.Space],
    call: Callable[[engram.Space, int], Awaitable[None]],
    options: argparse.Namespace,
) -> list[str]:
    """One writer a space, beside some threads that write and sync as many files in turns."""
    pairs = []
    for _ in range(options.rounds):
        written = await _rate(many, call, len(many), options.seconds)
        pairs.append((written, await _synced(root, len(many), options.seconds)))
    shown, beside, ratio = _medians(pairs)
    return [
        f"durable writes, one writer in each of {len(many)} spaces",
        f"{shown:,.0f}/s",
        f"pwrite + fdatasync by {_CALLERS} threads: {beside:,.0f}/s, {ratio:.2f}",
    ]


def _medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the medians of both sides, and of their ratio."""
    one, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    return one, other, statistics.median(one / other for one, other in pairs)


async def _rate(
    spaces: Sequence[engram.Space],
    call: Callable[[engram.Space, int], Awaitable[None]],
    callers: int,
    seconds: float,
) -> float:
    numbers, done = count(time.monotonic_ns()), 0
    started = time.perf_counter()

    async def caller(own: int) -> None:
        nonlocal done
        while time.perf_counter() - started < seconds:
            number = next(numbers)
            own += 1
            await call(spaces[own % len(spaces)], number)
            done += 1

    async with anyio.create_task_group() as tasks:
        for number in range(callers):
            tasks.start_soon(caller, number * len(spaces) // callers)
    return done / (time.perf_counter() - started)


async def _synced(root: Path, files: int, seconds: float) -> float:
    """Return how many 4 KiB writes a second are synced in as many preallocated files."""
    done = [0] * _CALLERS

    def work(own: int) -> None:
        paths = [root / f"raw-{number}" for number in range(own, files, _CALLERS)]
        handles = [os.open(path, os.O_RDWR | os.O_CREAT) for path in paths]
        try:
            for handle in handles:
                os.posix_fallocate(handle, 0, 1 << 20)
                os.fsync(handle)
            block, ends = bytes(_SYNC_BYTES), time.perf_counter() + seconds
            while time.perf_counter() < ends:
                handle = handles[done[own] % len(handles)]
                offset = done[own] // len(handles) * _SYNC_BYTES % (1 << 20)
                os.pwrite(handle, block, offset)
                os.fdatasync(handle)
                done[own] += 1
        finally:
            for handle, path in zip(handles, paths, strict=True):
                os.close(handle)
                path.unlink()

    async with anyio.create_task_group() as tasks:
        for own in range(_CALLERS):
            tasks.start_soon(anyio.to_thread.run_sync, work, own)
    return sum(done) / seconds


def _names(spaces: int) -> list[str]:
    return [f"space-{number:04d}" for number in range(spaces)]


if __name__ == "__main__":
    sys.exit(main())
