"""Small pieces of the hot paths under pytest-benchmark, to see which one a change moved.

Run by `make bench-micro`; nothing here is judged, the gate is `python -m benches.regression`.
"""

from __future__ import annotations

import hashlib
import math
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benches.regression.corpus import DIMENSIONS, texts, unit_rows
from engram.adapters.local.clock import SystemClock
from engram.adapters.loggers.structured import structured_loggers
from engram.kernels.selection import select_backend
from engram.model.collecting import collect
from engram.model.commands import Remember, RememberBatch
from engram.model.events import decode, encode
from engram.retrieval.lexical import WordIndex
from engram.state.apply import apply
from engram.state.decide import decide
from engram.state.forgetting import NANOSECONDS_PER_DAY, retrievability
from engram.state.reading import memories_at
from engram.state.space import SpaceState

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

ROWS = 2_000
NOW = 1_700_000_000_000_000_000


def _remember(number: int, vector: bytes) -> Remember:
    content = f"memory {number} of what was said about the matter".encode()
    key = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
    chance = hashlib.blake2b(content, digest_size=10).digest()
    return Remember(content, key, 0, 1.0, None, None, None, (), b"", vector, 1.0, "given", chance)


@pytest.fixture(scope="module")
def batch() -> RememberBatch:
    """Return 2,000 memories as columns."""
    rows = unit_rows(ROWS)
    items = [_remember(number, row.tobytes()) for number, row in enumerate(rows)]
    return collect(items, "given", DIMENSIONS)


@pytest.fixture(scope="module")
def filled(batch: RememberBatch) -> SpaceState:
    """Return a state that holds the batch."""
    state = SpaceState()
    for number, (event, vectors) in enumerate(decide(state, "s", [batch], NOW).events, 1):
        apply(state, event, vectors, number)
    return state


@pytest.mark.parametrize("form", ["text", "json"])
def test_log_one_request(benchmark: BenchmarkFixture, form: str) -> None:
    """What a request waits for: its line is made by the thread that writes it."""
    facts = {"route": "GET /api/v1/memories/{id}", "status": 200, "duration_ms": 1.234}
    names = {"space": "default", "caller": "robot#1", "request_id": "r-1", "correlation_id": "c-1"}
    with (
        open(os.devnull, "w", encoding="utf-8") as nowhere,  # noqa: PTH123 - a device
        structured_loggers(form, "info", nowhere, SystemClock()) as logger,
    ):
        assert logger is not None
        benchmark(logger.info, "request", **facts, **names)


@pytest.mark.parametrize("name", ["zig", "numpy"])
def test_top_k_over_2000_rows(benchmark: BenchmarkFixture, name: str) -> None:
    """The scan of one page of vectors."""
    kernels, rows = select_backend(name), unit_rows(ROWS)
    scores, _ = benchmark(kernels.top_k_f32, rows[7], rows, 10)
    assert math.isclose(float(scores[0]), 1.0, abs_tol=1e-5)


def test_retrievability_of_2000_memories(benchmark: BenchmarkFixture) -> None:
    """The forgetting curve."""
    reviewed = NOW - np.arange(ROWS, dtype=np.int64) * NANOSECONDS_PER_DAY
    stability = np.full(ROWS, 2.3, np.float32)
    assert benchmark(retrievability, NOW, reviewed, stability)[0] == 1.0


def test_decide_one_memory(benchmark: BenchmarkFixture, filled: SpaceState) -> None:
    """What a lone write decides."""
    command = _remember(ROWS + 1, bytes(4 * DIMENSIONS))
    assert benchmark(decide, filled, "s", [command], NOW).taken == 1


def test_decide_a_batch(benchmark: BenchmarkFixture, batch: RememberBatch) -> None:
    """What a batch decides."""
    assert benchmark(decide, SpaceState(), "s", [batch], NOW).taken == 1


def test_replay_a_batch(benchmark: BenchmarkFixture, batch: RememberBatch) -> None:
    """Decoding and applying one record."""
    ((event, vectors),) = decide(SpaceState(), "s", [batch], NOW).events
    kind, buffers = encode(event, vectors)
    payload = b"".join(bytes(part) for part in buffers)

    def replay() -> SpaceState:
        state = SpaceState()
        apply(state, *decode(kind, payload), 1)
        return state

    assert benchmark(replay).count == ROWS


def test_read_ten_memories(benchmark: BenchmarkFixture, filled: SpaceState) -> None:
    """Turning ten rows into memories."""
    view = filled.view()
    assert len(benchmark(memories_at, view, list(range(0, ROWS, 200)), "s", NOW)) == 10


def test_search_words(benchmark: BenchmarkFixture) -> None:
    """A BM25 search by six words."""
    corpus = texts(ROWS)
    index = WordIndex()
    index.add(0, corpus)
    view = index.snapshot()
    kernels, query = select_backend("auto"), " ".join(corpus[3].split()[:6])

    def find() -> int:
        return int(view.top_k(kernels, view.asked(query), 10)[1][0])

    assert benchmark(find) == 3


def test_index_words(benchmark: BenchmarkFixture) -> None:
    """Indexing 2,000 texts of 40 words from nothing."""
    corpus = texts(ROWS)

    def fill() -> WordIndex:
        index = WordIndex()
        index.add(0, corpus)
        return index

    assert benchmark(fill).rows_indexed == ROWS
