"""`python -m benches.spread`: `Space.spread` in turns with the kernel's own call, same seeds.

The library may take 1.2 times what the kernel takes, and 100 us.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import anyio.to_thread
import numpy as np
from rich.console import Console
from rich.table import Table

import engram
from engram.kernels.graph.parameters import SpreadParameters
from engram.model.ids import parse_id

_BATCH: Final = 10_000
_HOPS: Final = 3
_QUERIES: Final = 100
_FACTOR: Final = 1.2
_ADDED_US: Final = 100.0
_console = Console(width=None if sys.stdout.isatty() else 120)


class Case(NamedTuple):
    """From how many memories it begins, and how far it comes."""

    seeds: int
    threshold: float
    fan_exponent: float


_CASES: Final = (
    Case(1, 0.01, 0.5),
    Case(10, 0.01, 0.5),
    Case(10, 0.001, 0.5),
    Case(21, 0.01, 0.0),
    Case(100, 0.001, 0.5),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.spread", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--directory", help="where the store goes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="engram-spread-", dir=options.directory) as place:
        table = anyio.run(_measured, Path(place), options)
    _console.print(table)
    return 0


async def _measured(place: Path, options: argparse.Namespace) -> Table:
    random = np.random.default_rng(1)
    async with engram.open(place / "store", embedder=None) as db:
        space = await db.space("spread")
        ids = await filled(space, options.memories, options.edges, random)
        await anyio.sleep(2)  # the graph is laid out in the background
        title = f"{options.memories:,} memories, {options.edges:,} associations, {_HOPS} hops"
        table = Table("seeds", "threshold", "fan", "edges", "kernel us", "library us", "over by us",
                      title=title)  # fmt: skip
        for case in _CASES:
            queries = [
                [ids[at] for at in random.integers(0, len(ids), case.seeds).tolist()]
                for _ in range(_QUERIES)
            ]
            table.add_row(*map(str, case), *await _row(db, space, case, queries, options.rounds))
    return table


async def filled(space: Any, memories: int, edges: int, random: np.random.Generator) -> list[str]:
    """Remember texts, associate them at random, and return their ids."""
    ids = list[str]()
    for first in range(0, memories, _BATCH):
        texts = [f"memory {number}" for number in range(first, min(first + _BATCH, memories))]
        ids += (await space.remember_many(texts)).ids
    for first in range(0, edges, _BATCH):
        count = min(_BATCH, edges - first)
        await space.associate_many(
            {"source_id": ids[one], "target_id": ids[two], "weight": weight}
            for (one, two), weight in zip(
                random.integers(0, len(ids), (count, 2)).tolist(),
                random.uniform(0.3, 1.0, count).tolist(),
                strict=True,
            )
            if one != two
        )
    return ids


async def _row(db: Any, space: Any, case: Case, queries: list[list[str]], rounds: int) -> list[str]:
    """Return the edges read, and medians with the tenth percentile behind them."""
    engine = await space._engine()  # noqa: SLF001 - to call its kernel on the same graph
    view = engine.view
    graph = (await anyio.to_thread.run_sync(engine.graph.at, view)).graph
    parameters = SpreadParameters(
        depth=_HOPS, threshold=case.threshold, fan_exponent=case.fan_exponent
    )
    kernel, library, edges = [], [], []
    for _ in range(rounds):
        for query in queries:
            rows = [view.row_of(*parse_id(each)) for each in query]
            nodes = np.array(list(dict.fromkeys(map(view.associations.node_of, rows))), np.uint32)
            begun = np.ones(len(nodes), np.float32)
            started = time.perf_counter_ns()
            db.kernels.spread(graph, nodes, begun, parameters)
            middle = time.perf_counter_ns()
            found = await space.spread(
                query, hops=_HOPS, threshold=case.threshold, fan_exponent=case.fan_exponent
            )
            library.append((time.perf_counter_ns() - middle) / 1_000)
            kernel.append((middle - started) / 1_000)
            edges.append(found.edges_count)
    over = np.array(library) - _FACTOR * np.array(kernel) - _ADDED_US
    shown = [
        f"{np.percentile(each, 50):,.0f} ({np.percentile(each, 10):,.0f})"
        for each in (np.array(kernel), np.array(library), over)
    ]
    return [f"{np.median(edges):,.0f}", *shown]


if __name__ == "__main__":
    sys.exit(main())
