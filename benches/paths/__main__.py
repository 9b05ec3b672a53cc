"""`python -m benches.paths`: the strongest path between random nodes, in turns with rustworkx.

Dijkstra's algorithm runs on lengths -log(weight), so that the shortest path is the strongest one;
it has no bound on the hops. Without rustworkx only Engram's own search is measured.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from engram.kernels.graph.association_graph import EDGE
from engram.model.limits import PATH_HOPS_MAX
from engram.retrieval.graph import SpaceGraph
from engram.retrieval.graph_columns import EdgeRun, base_of
from engram.retrieval.paths import Search, best_way

_LIGHTEST: Final = 0.3
_console = Console(width=None if sys.stdout.isatty() else 120)

Strength = Callable[[int, int], float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table; 1 when the two do not agree on the best ways within the hops."""
    parser = argparse.ArgumentParser(
        prog="python -m benches.paths", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=100)
    options = parser.parse_args(arguments)
    chance = np.random.default_rng(1)
    sources = np.sort(chance.integers(0, options.nodes, options.edges)).astype(np.uint32)
    pairs = np.zeros(options.edges, EDGE)
    pairs["target"] = chance.integers(0, options.nodes, options.edges)
    pairs["weight"] = chance.uniform(_LIGHTEST, 1.0, options.edges)
    searches = {"Engram": _own(sources, pairs, options.nodes)}
    peer = _peer(sources, pairs, options.nodes)
    if peer is not None:
        searches["rustworkx"] = peer
    wanted = chance.integers(0, options.nodes, (options.pairs, 2)).tolist()
    took: dict[str, list[float]] = {name: [] for name in searches}
    stronger = 0
    for source, target in wanted:
        found = {}
        for name, search in searches.items():
            began = time.thread_time_ns()
            found[name] = search(source, target)
            took[name].append((time.thread_time_ns() - began) / 1e6)
        stronger += found["Engram"] > found.get("rustworkx", 1.0) * (1 + 1e-6)
    _console.print(_table(took))
    if stronger:
        _console.print(f"{stronger} ways of Engram are stronger than the strongest there are")
    return 1 if stronger else 0


def _own(sources: Any, pairs: Any, nodes: int) -> Strength:
    count = len(pairs)
    run = EdgeRun(sources, pairs, np.zeros(count, np.uint8), np.arange(count, dtype=np.uint32))
    base = base_of(run, nodes)
    graph = SpaceGraph(base.graph, base.numbers, np.zeros(0, np.uint32))
    search = Search(graph, None, PATH_HOPS_MAX, shortest=False)

    def strength(source: int, target: int) -> float:
        way = best_way(search, source, target)
        return 0.0 if way is None else way.strength

    return strength


def _peer(sources: Any, pairs: Any, nodes: int) -> Strength | None:
    try:
        rustworkx: Any = importlib.import_module("rustworkx")
    except ImportError:
        return None
    graph = rustworkx.PyDiGraph()
    graph.add_nodes_from(range(nodes))
    lengths = -np.log(pairs["weight"].astype(np.float64))
    columns = sources.tolist(), pairs["target"].tolist(), lengths.tolist()
    graph.add_edges_from(list(zip(*columns, strict=True)))

    def strength(source: int, target: int) -> float:
        found = rustworkx.dijkstra_shortest_path_lengths(graph, source, float, target)
        return math.exp(-found[target]) if target in found else 0.0

    return strength


def _table(took: dict[str, list[float]]) -> Table:
    table = Table("search", "CPU ms, median", "p99", "ratio of medians", box=None)
    own = float(np.median(took["Engram"]))
    for name, each in took.items():
        median, high = np.quantile(each, (0.5, 0.99))
        table.add_row(name, f"{median:.1f}", f"{high:.1f}", f"{median / own:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
