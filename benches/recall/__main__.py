"""`python -m benches.recall`: latency, rate and stages of recall, beside usearch with SQLite.

Kernel time is what calls of the kernel backend take; all else is ours. Rates are of callers that
ask one recall after the other in one event loop.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

import engram
from benches.recall.peer import Peer
from benches.recall.workload import LIMIT, Asked, Workload, workload
from engram.kernels.protocol import KernelBackend

_LOAD_BATCH: Final = 10_000
_WARMING: Final = 30
_GOALS: Final = {
    "hybrid": ("<= 1,800", "<= 5,000", "<= 300", ">= 800"),
    "vector only": ("<= 500", "", "<= 300", ">= 2,500"),
}
_console = Console(width=None if sys.stdout.isatty() else 150)

Recall = Callable[[Asked], Awaitable[Any]]


class Row(NamedTuple):
    """One line of the table; `goal` is empty where there is none."""

    name: str
    value: float
    unit: str
    goal: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.recall", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--recalls", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each rate")
    parser.add_argument("--anywhere", action="store_true", help="vectors without clusters")
    parser.add_argument("--backend", choices=["asyncio", "trio"], default="asyncio")
    parser.add_argument("--directory", help="where the store goes")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="engram-recall-", dir=options.directory) as place:
        rows = anyio.run(_measured, Path(place), options, backend=options.backend)
    table = Table("figure", "measured", "unit", "goal", title=f"{options.memories:,} memories")
    for row in rows:
        table.add_row(row.name, f"{row.value:,.4g}", row.unit, row.goal)
    _console.print(table)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n")
    return 0


async def _measured(place: Path, options: argparse.Namespace) -> list[Row]:
    work = workload(options.memories, anywhere=options.anywhere)
    async with engram.open(place / "store", embedder=None) as db:
        space = await db.space("recall")
        for first in range(0, options.memories, _LOAD_BATCH):
            part = slice(first, first + _LOAD_BATCH)
            await space.remember_many(work.items[part], embeddings=work.vectors[part])
        rows = await _settle(space, work)

        async def hybrid(cue: Asked) -> Any:
            return await space.recall(cue.text, embedding=cue.vector, limit=LIMIT)

        async def by_vector(cue: Asked) -> Any:
            return await space.recall(embedding=cue.vector, limit=LIMIT, mode="similarity")

        kernels = _Timed(db.kernels)
        rows += await _latency("hybrid", hybrid, work, options, kernels)
        rows += await _rates("hybrid", hybrid, work, options)
        rows += await _latency("vector only", by_vector, work, options, kernels)
        rows += await _rates("vector only", by_vector, work, options)
        rows.append(await _found(by_vector, work))
    return rows + _peer(work, options)


async def _settle(space: engram.Space, work: Workload) -> list[Row]:
    """Wait until what is derived has caught up; say how far a cue's activation came."""
    for _ in range(2):
        for cue in work.asked[:_WARMING]:
            result = await space.recall(cue.text, embedding=cue.vector)
        await anyio.sleep(1)
    return [Row("associations read for a cue", result.query_analysis.edges, "edges")]


class _Timed:
    """Adds up what the calls of a kernel backend take while it is on."""

    def __init__(self, kernels: KernelBackend) -> None:
        self._kernels = kernels
        self.nanoseconds = 0
        self.calls: dict[str, int] = {}

    def on(self) -> None:
        for name in dir(KernelBackend):
            method = getattr(self._kernels, name, None)
            if not name.startswith("_") and callable(method):
                setattr(self._kernels, name, self._timed(name, method))

    def off(self) -> None:
        for name in dir(KernelBackend):
            vars(self._kernels).pop(name, None)

    def _timed(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter_ns()
            try:
                return method(*arguments, **named)
            finally:
                took = time.perf_counter_ns() - started
                self.nanoseconds += took
                self.calls[name] = self.calls.get(name, 0) + took

        return call


async def _latency(
    name: str, recall: Recall, work: Workload, options: argparse.Namespace, kernels: _Timed
) -> list[Row]:
    """Return percentiles of one caller, then what of it is kernels, stage by stage."""
    times = []
    for number in range(options.recalls):
        started = time.perf_counter_ns()
        await recall(work.asked[number % len(work.asked)])
        times.append((time.perf_counter_ns() - started) / 1_000)
    goals = _GOALS[name]
    rows = [
        Row(f"{name}, p50", float(np.percentile(times, 50)), "us", goals[0]),
        Row(f"{name}, p99", float(np.percentile(times, 99)), "us", goals[1]),
    ]
    own, inside, stages = [], [], []
    kernels.on()
    for number in range(options.recalls // 2):
        before, started = kernels.nanoseconds, time.perf_counter_ns()
        result = await recall(work.asked[number % len(work.asked)])
        took = time.perf_counter_ns() - started
        inside.append((kernels.nanoseconds - before) / 1_000)
        own.append(took / 1_000 - inside[-1])
        stages.append(result.timings_us)
    kernels.off()
    rows.append(Row(f"{name}, kernels", float(np.median(inside)), "us"))
    rows.append(Row(f"{name}, all else", float(np.median(own)), "us", goals[2]))
    rows += [
        Row(f"  stage {stage}", float(np.median([each[stage] for each in stages])), "us")
        for stage in stages[-1]
    ]
    return rows


async def _rates(
    name: str, recall: Recall, work: Workload, options: argparse.Namespace
) -> list[Row]:
    rows = []
    for callers in (1, 2):
        numbers, ends = count(), time.perf_counter() + options.seconds

        async def caller(numbers: Any = numbers, ends: float = ends) -> None:
            while time.perf_counter() < ends:
                await recall(work.asked[next(numbers) % len(work.asked)])

        started = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(callers):
                tasks.start_soon(caller)
        rate = next(numbers) / (time.perf_counter() - started)
        goal = _GOALS[name][3] if (callers == 1) == (name == "vector only") else ""
        rows.append(Row(f"{name}, {callers} callers", rate, "recalls/s", goal))
    return rows


async def _found(by_vector: Recall, work: Workload) -> Row:
    found = 0
    for cue, nearest in zip(work.asked, work.nearest(), strict=True):
        result = await by_vector(cue)
        contents = {work.items[row]["content"] for row in nearest}
        found += sum(each.memory.content in contents for each in result.recollections)
    share = found / (LIMIT * len(work.asked))
    return Row("vector only, recall_at_10", share, "of the true ten", ">= 0.99")


def _peer(work: Workload, options: argparse.Namespace) -> list[Row]:
    try:
        peer = Peer(work)
    except ImportError:
        _console.print("usearch is not installed (.ci/requirements-peers.txt): no peer beside it")
        return []
    both, near = [], []
    for number in range(options.recalls):
        cue = work.asked[number % len(work.asked)]
        started = time.perf_counter_ns()
        peer.recall(cue)
        middle = time.perf_counter_ns()
        peer.nearest(cue)
        near.append((time.perf_counter_ns() - middle) / 1_000)
        both.append((middle - started) / 1_000)
    found = sum(
        len(peer.nearest(cue) & nearest)
        for cue, nearest in zip(work.asked, work.nearest(), strict=True)
    )
    return [
        Row("usearch + SQLite, p50", float(np.percentile(both, 50)), "us"),
        Row("usearch + SQLite, p99", float(np.percentile(both, 99)), "us"),
        Row("usearch alone, p50", float(np.percentile(near, 50)), "us"),
        Row("usearch alone, recall_at_10", found / (LIMIT * len(work.asked)), "of the true ten"),
    ]


if __name__ == "__main__":
    sys.exit(main())
