"""The ten nearest rows for each of several queries: one pass, as many passes, or a product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benches.peers.cases import Case
from benches.peers.vectors import best_of
from benches.regression.corpus import unit_rows
from engram.kernels.zig_backend import ZigBackend

_K: Final = 10
_ONE_BY_ONE: Final = "one by one"


def cases(only: str = "") -> Iterator[Case]:
    """Yield a case for a few queries and one for many."""
    for queries_count in (8, 32):
        name = f"top-10 of 100,000 x 384 f32 for {queries_count} queries"
        if only in name:
            yield _case(name, queries_count)


def _case(name: str, queries_count: int) -> Case:
    import faiss  # noqa: PLC0415 - a peer

    zig = ZigBackend()
    rows = unit_rows(100_000, 384)
    queries = unit_rows(queries_count, 384, seed=11)
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return Case(
        name,
        lambda: zig.top_k_many_f32(queries, rows, _K),
        {
            _ONE_BY_ONE: lambda: [zig.top_k_f32(query, rows, _K) for query in queries],
            "numpy": lambda: [best_of(scores) for scores in queries @ rows.T],
            "faiss": lambda: index.search(queries, _K),
        },
        3.0,
        rivals=(_ONE_BY_ONE,),
        budget_s=15.0,
    )
