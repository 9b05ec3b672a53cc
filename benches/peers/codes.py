"""Ten nearest rows through compressed copies: half floats, 8-bit codes, single bits, and HNSW."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benches.peers.cases import Call, Case
from benches.peers.clusters import clustered_rows, near_queries, recall_at_10
from benches.peers.floor import read_floor
from engram.kernels.zig_backend import ZigBackend

F32 = NDArray[np.float32]
Search = Callable[[F32], NDArray[np.integer]]
_ROWS: Final = 100_000
_K: Final = 10
_RERANKED: Final = 40
_EF: Final = 64


def cases(only: str = "") -> Iterator[Case]:
    """Yield the cases whose name holds `only`."""
    for name, make in (
        (f"top-10 of {_ROWS:,} x 768 f16", _f16),
        (f"top-10 of {_ROWS:,} x 768 bf16", _bf16),
        (f"top-10 of {_ROWS:,} x 768 i8, k'=40, f32 re-rank", _i8),
        (f"top-10 of {_ROWS:,} x 384 i8, k'=40, f32 re-rank", _graphs),
        (f"top-40 of {_ROWS:,} x 768 bits", _bits),
    ):
        if only in name:
            yield make(name)


def _data(dimensions: int) -> tuple[ZigBackend, F32, F32]:
    rows = clustered_rows(_ROWS, dimensions)
    return ZigBackend(), rows, near_queries(rows)


def _f16(name: str) -> Case:
    import faiss  # noqa: PLC0415 - a peer

    zig, rows, queries = _data(768)
    halves = rows.astype(np.float16)
    index = faiss.IndexScalarQuantizer(
        768, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    index.add(rows)
    found = recall_at_10(lambda q: zig.top_k_f16(q, halves, _K)[1], rows, queries)
    return Case(
        name,
        _turns(lambda query: zig.top_k_f16(query, halves, _K), queries),
        {
            "faiss SQfp16": _turns(lambda query: index.search(query[None], _K), queries),
            **_exact(halves, queries.astype(np.float16)),
        },
        floor=read_floor(halves),
        floor_goal=0.95,
        notes={"recall_at_10": found},
        budget_s=10,
    )


def _bf16(name: str) -> Case:
    import faiss  # noqa: PLC0415 - a peer

    zig, rows, queries = _data(768)
    halves = zig.to_bf16(rows)
    index = faiss.IndexScalarQuantizer(
        768, faiss.ScalarQuantizer.QT_bf16, faiss.METRIC_INNER_PRODUCT
    )
    index.add(rows)
    found = recall_at_10(lambda q: zig.top_k_bf16(q, halves, _K)[1], rows, queries)
    return Case(
        name,
        _turns(lambda query: zig.top_k_bf16(query, halves, _K), queries),
        {"faiss SQbf16": _turns(lambda query: index.search(query[None], _K), queries)},
        floor=read_floor(halves),
        floor_goal=0.95,
        notes={"recall_at_10": found},
        budget_s=10,
    )


def _i8(name: str) -> Case:
    import faiss  # noqa: PLC0415 - a peer

    zig, rows, queries = _data(768)
    search = _coded(zig, rows)
    flat = faiss.IndexFlatIP(768)
    flat.add(rows)
    coded = faiss.IndexScalarQuantizer(
        768, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    coded.train(rows)
    coded.add(rows)
    codes, _ = zig.quantize_i8(rows)
    return Case(
        name,
        _turns(search, queries),
        {
            "faiss f32": _turns(lambda query: flat.search(query[None], _K), queries),
            "faiss SQ8": _turns(lambda query: coded.search(query[None], _K), queries),
            **_exact(codes, zig.quantize_i8(queries)[0]),
        },
        goal=6.0,
        rivals=("faiss f32",),
        floor=read_floor(codes),
        notes={"recall_at_10": recall_at_10(search, rows, queries)},
        budget_s=12,
    )


def _graphs(name: str) -> Case:
    zig, rows, queries = _data(384)
    search = _coded(zig, rows)
    others = {**_hnswlib(rows), **_faiss_hnsw(rows), **_usearch_hnsw(rows)}
    notes = {"recall_at_10": recall_at_10(search, rows, queries)}
    for other, find in others.items():
        notes[f"recall_at_10 of {other}"] = recall_at_10(find, rows, queries)
    calls = {other: _turns(find, queries) for other, find in others.items()}
    return Case(name, _turns(search, queries), calls, notes=notes, budget_s=8)


def _bits(name: str) -> Case:
    import faiss  # noqa: PLC0415 - a peer

    zig, rows, queries = _data(768)
    codes = zig.quantize_bits(rows)
    coded = zig.quantize_bits(queries)
    index = faiss.IndexBinaryFlat(768)
    index.add(codes)
    return Case(
        name,
        _turns(lambda query: zig.bit_top_k(query, codes, _RERANKED), coded),
        {"faiss binary": _turns(lambda query: index.search(query[None], _RERANKED), coded)},
        floor=read_floor(codes),
        budget_s=4,
    )


def _coded(zig: ZigBackend, rows: F32) -> Search:
    codes, scales = zig.quantize_i8(rows)

    def search(query: F32) -> NDArray[np.integer]:
        _, candidates = zig.top_k_i8(query, codes, scales, _RERANKED)
        return zig.rerank_f32(query, rows, candidates, _K)[1]

    return search


def _turns(search: Callable[[NDArray[Any]], object], queries: NDArray[Any]) -> Call:
    """Return a call that searches for one query after the other: none is known by heart."""
    turns = cycle(queries)
    return lambda: search(next(turns))


def _exact(rows: NDArray[np.generic], queries: NDArray[np.generic]) -> dict[str, Call]:
    from usearch.index import MetricKind, search  # noqa: PLC0415 - a peer

    def exact(query: NDArray[Any]) -> object:
        return search(rows, query, _K, MetricKind.IP, exact=True, threads=1)

    return {f"usearch {rows.dtype}": _turns(exact, queries)}


def _hnswlib(rows: F32) -> dict[str, Search]:
    import hnswlib  # noqa: PLC0415 - a peer

    index = hnswlib.Index(space="ip", dim=rows.shape[1])
    index.init_index(max_elements=len(rows), M=16, ef_construction=128)
    index.add_items(rows, num_threads=2)
    index.set_ef(_EF)
    index.set_num_threads(1)
    return {"hnswlib": lambda query: index.knn_query(query, k=_K)[0][0]}


def _faiss_hnsw(rows: F32) -> dict[str, Search]:
    import faiss  # noqa: PLC0415 - a peer

    faiss.omp_set_num_threads(2)
    index = faiss.IndexHNSWFlat(rows.shape[1], 16, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 128
    index.add(rows)
    index.hnsw.efSearch = _EF
    faiss.omp_set_num_threads(1)
    return {"faiss HNSW": lambda query: index.search(query[None], _K)[1][0]}


def _usearch_hnsw(rows: F32) -> dict[str, Search]:
    from usearch.index import Index  # noqa: PLC0415 - a peer

    index = Index(
        ndim=rows.shape[1],
        metric="ip",
        dtype="bf16",
        connectivity=16,
        expansion_add=128,
        expansion_search=_EF,
    )
    index.add(np.arange(len(rows)), rows, threads=2)
    return {"usearch HNSW bf16": lambda query: index.search(query, _K, threads=1).keys}
