"""`python -m benches.statements`: the query language in turns with what carries statements out.

Each figure has its own yardstick beside it: a recall that is asked for by the library, the kernel
that spreads activation. Times are of the processor, in the thread of the event loop: what is
measured here is carried out there, and beside other work the clock on the wall tells of that.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import anyio
import anyio.to_thread
import numpy as np
from rich.console import Console
from rich.table import Table

import engram
from benches.spread.__main__ import filled
from engram.kernels.graph.parameters import SpreadParameters
from engram.model.ids import parse_id
from engram.query.cursor import Cursor
from engram.query.parser import statement_of

_TYPICAL: Final = (
    'RECALL "who knew Babbage?" WHERE tag HAS "history" AND confidence >= 0.5 '
    "AND occurred AFTER 1833-06-05 ORDER BY occurred DESC LIMIT 5"
)
_FEW: Final = 300
_DIMENSIONS: Final = 64
_HOPS: Final = 3
_THRESHOLD: Final = 0.01
_console = Console(width=None if sys.stdout.isatty() else 120)


class Figure(NamedTuple):
    """What a statement took and what its yardstick did, in microseconds, and what it may take."""

    name: str
    took: list[float]
    beside: list[float]
    may_take: Callable[[float], float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.statements", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1_000)
    parser.add_argument("--rest-s", type=float, default=2.0, help="between writing and reading")
    parser.add_argument("--directory", help="where the store goes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="engram-statements-", dir=options.directory) as place:
        figures = anyio.run(_measured, Path(place), options)
    _console.print(_table(figures))
    return 0


async def _measured(place: Path, options: argparse.Namespace) -> list[Figure]:
    async with engram.open(place / "store", embedder=None) as db:
        few = await db.space("few")
        random = np.random.default_rng(1)
        await few.remember_many(
            [{"content": f"memory {n}", "tags": ["history"]} for n in range(_FEW)],
            embeddings=random.standard_normal((_FEW, _DIMENSIONS)).astype(np.float32),
        )
        figures = [
            _read(options.rounds),
            await _explained(few, options.rounds),
            await _recalled(few, options.rounds),
        ]
        large = await db.space("large")
        ids = await filled(large, options.memories, options.edges, random)
        await anyio.sleep(options.rest_s)  # the graph is laid out in the background
        return [*figures, await _spread(db, large, ids, options.rounds)]


def _read(rounds: int) -> Figure:
    took = []
    for _ in range(rounds):
        began = time.thread_time_ns()
        statement_of(Cursor(_TYPICAL))  # parse() would remember the statement
        took.append((time.thread_time_ns() - began) / 1_000)
    return Figure("read", took, [], lambda _: 100.0)


async def _explained(space: Any, rounds: int) -> Figure:
    statement = f"EXPLAIN {_TYPICAL}"
    took = [await _us(partial(space.query, statement)) for _ in range(rounds)]
    return Figure("EXPLAIN", took, [], lambda _: 300.0)


async def _recalled(space: Any, rounds: int) -> Figure:
    vectors = np.random.default_rng(2).standard_normal((rounds, _DIMENSIONS)).astype(np.float32)
    took, beside = [], []
    for vector in vectors:
        took.append(await _us(partial(space.query, "RECALL $cue LIMIT 10", {"cue": vector})))
        beside.append(await _us(partial(space.recall, embedding=vector, limit=10)))
    return Figure("RECALL, beside recall", took, beside, lambda other: other + 150.0)


async def _spread(db: Any, space: Any, ids: list[str], rounds: int) -> Figure:
    engine = await space._engine()  # noqa: SLF001 - to call its kernel on the same graph
    view = engine.view
    graph = (await anyio.to_thread.run_sync(engine.graph.at, view)).graph
    parameters = SpreadParameters(depth=_HOPS, threshold=_THRESHOLD)
    took, beside = [], []
    for at in np.random.default_rng(3).integers(0, len(ids), rounds).tolist():
        node = view.associations.node_of(view.row_of(*parse_id(ids[at])))
        began = time.thread_time_ns()
        db.kernels.spread(graph, np.array([node], np.uint32), np.ones(1, np.float32), parameters)
        beside.append((time.thread_time_ns() - began) / 1_000)
        statement = f"SPREAD FROM {ids[at]} MAX_HOPS {_HOPS} THRESHOLD {_THRESHOLD}"
        took.append(await _us(partial(space.query, statement)))
    return Figure("SPREAD, beside its kernel", took, beside, lambda kernel: 1.2 * kernel + 150.0)


async def _us(ask: Callable[[], Awaitable[Any]]) -> float:
    began = time.thread_time_ns()
    await ask()
    return (time.thread_time_ns() - began) / 1_000


def _table(figures: Sequence[Figure]) -> Table:
    columns = ("us, median", "best", "beside, median", "best", "may take, median", "best")
    table = Table("statement", *columns, box=None)
    for each in figures:
        beside = np.percentile(each.beside, (50, 0)).tolist() if each.beside else [0.0, 0.0]
        shown = [f"{us:,.0f}" for us in np.percentile(each.took, (50, 0))]
        shown += [f"{us:,.0f}" if each.beside else "-" for us in beside]
        shown += [f"{each.may_take(us):,.0f}" for us in beside]
        table.add_row(each.name, *shown)
    return table


if __name__ == "__main__":
    sys.exit(main())
