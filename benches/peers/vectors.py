"""The ten nearest rows of float32 by inner product, exact, from L2 to DRAM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benches.peers.cases import Call, Case
from benches.peers.floor import read_floor
from benches.regression.corpus import unit_rows
from engram.kernels.zig_backend import ZigBackend

F32 = NDArray[np.float32]
_K: Final = 10
_DIMENSIONS: Final = 768
# Rows, times the best peer, share of the floor, seconds.
_SIZES: Final = (
    (250, 1.7, None, 3.0),
    (1_000, 1.25, 0.88, 4.0),
    (100_000, 1.4, 0.90, 20.0),
    (1_000_000, 1.15, 0.90, 60.0),
)


def cases(only: str = "") -> Iterator[Case]:
    """Yield a case a size, the largest last; each holds its rows only while it is measured."""
    zig = ZigBackend()
    for count, goal, floor_goal, budget_s in _SIZES:
        name = f"top-10 of {count:,} x {_DIMENSIONS} f32"
        if only not in name:
            continue
        rows = unit_rows(count, _DIMENSIONS)
        query = unit_rows(1, _DIMENSIONS, seed=11)[0]
        yield Case(
            name,
            lambda query=query, rows=rows: zig.top_k_f32(query, rows, _K),  # type: ignore[misc]
            peers(query, rows),
            goal,
            read_floor(rows),
            floor_goal,
            budget_s=budget_s,
        )


def peers(query: F32, rows: F32) -> dict[str, Call]:
    """Return exact search by each peer, on one thread."""
    import faiss  # noqa: PLC0415 - a peer
    import numkong  # noqa: PLC0415 - a peer
    from usearch.index import MetricKind, search  # noqa: PLC0415 - a peer

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    queries = query[None]

    def by_numpy() -> object:
        return best_of(rows @ query)

    def by_numkong() -> object:
        return best_of(np.asarray(numkong.cdist(queries, rows, "dot", out_dtype="float32"))[0])

    return {
        "numpy": by_numpy,
        "faiss": lambda: index.search(queries, _K),
        "usearch": lambda: search(rows, query, _K, MetricKind.IP, exact=True, threads=1),
        "numkong + numpy": by_numkong,
    }


def best_of(scores: F32) -> object:
    """Return the best scores and their rows, as numpy does it fastest."""
    best = np.argpartition(scores, -_K)[-_K:]
    order = np.argsort(-scores[best], kind="stable")
    return scores[best[order]], best[order]
