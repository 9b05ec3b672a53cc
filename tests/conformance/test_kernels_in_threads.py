"""Many threads call every kernel at once, with hardly any scratch memory, and get the truth."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from engram.kernels.agreement import compare
from engram.kernels.arena import ArenaStats, arena_stats, configure_arena, reset_arenas
from engram.kernels.cancel import CancelFlag
from engram.kernels.graph.parameters import SpreadParameters
from engram.kernels.protocol import KernelBackend
from engram.kernels.reference import ReferenceBackend
from engram.kernels.shadow import kernel_names
from engram.kernels.zig_backend import ZigBackend
from engram.model.errors import ArenaExhausted, EngramError
from engram.testing.kernels.graph import graph_of, random_links
from engram.testing.kernels.nearest import random_sketched
from engram.testing.kernels.records import columns_of
from engram.testing.kernels.sketches import random_parts
from engram.testing.kernels.trails import random_reached
from engram.testing.kernels.words import random_columns

THREADS = 32
SIZES = 5


class Case(NamedTuple):
    """A call of a kernel."""

    kernel: str
    arguments: dict[str, Any]

    def outcome(self, backend: KernelBackend) -> Any:
        """Make the call; an error is an outcome too."""
        try:
            return getattr(backend, self.kernel)(**self.arguments)
        except EngramError as error:
            return error


def vector_cases(random: np.random.Generator, zig: KernelBackend) -> Iterator[Case]:
    n, d, k = (
        int(random.integers(1, 400)),
        int(random.integers(1, 900)),
        int(random.integers(1, 40)),
    )
    rows = random.standard_normal((n, d), dtype=np.float32)
    query = random.standard_normal(d, dtype=np.float32)
    queries = random.standard_normal((int(random.integers(1, 9)), d), dtype=np.float32)
    inv_norms = zig.normalize_f32(rows)
    mask = np.packbits(random.random(n) < 0.5, bitorder="little")
    scan: dict[str, Any] = {"k": k, "mask": mask, "cancel": None}
    normed = {**scan, "inv_norms": inv_norms}
    codes, scales = zig.quantize_i8(rows)
    bits = zig.quantize_bits(rows)
    yield Case("normalize_f32", {"rows": rows})
    yield Case("similarity_f32", {"query": query, "rows": rows, "inv_norms": inv_norms})
    yield Case("top_k_f32", {"query": query, "rows": rows, **normed})
    yield Case("top_k_many_f32", {"queries": queries, "rows": rows, **normed})
    yield Case("top_k_f16", {"query": query, "rows": rows.astype(np.float16), **normed})
    yield Case("top_k_bf16", {"query": query, "rows": zig.to_bf16(rows), **normed})
    some = np.flatnonzero(random.random(n) < 0.5).astype(np.uint32)
    again = {"query": query, "rows": rows, "candidates": some, "k": k, "inv_norms": inv_norms}
    yield Case("rerank_f32", {**again, "cancel": None})
    half = (n + 1) // 2
    pages = [(rows[at : at + half], inv_norms[at : at + half]) for at in range(0, n, half)]
    of = {"query": query, "pages": pages, "page_rows": half, "numbers": some}
    yield Case("similarity_at_f32", of)
    yield Case("to_bf16", {"rows": rows, "cancel": None})
    yield Case("quantize_i8", {"rows": rows, "cancel": None})
    yield Case("quantize_bits", {"rows": rows, "cancel": None})
    yield Case("top_k_i8", {"query": query, "codes": codes, "scales": scales, **scan})
    yield Case("bit_top_k", {"query_bits": bits[0], "codes": bits, **scan})


def wide_cases(random: np.random.Generator, zig: KernelBackend) -> Iterator[Case]:
    """Rows whose int8 query needs more than the smallest arena has."""
    rows = random.standard_normal((3, 5000), dtype=np.float32)
    codes, scales = zig.quantize_i8(rows)
    yield Case("top_k_i8", {"query": rows[1], "codes": codes, "scales": scales, "k": 2})


def forgetting_cases(random: np.random.Generator) -> Iterator[Case]:
    n = int(random.integers(1, 20_000))
    elapsed = random.random(n, dtype=np.float32) * 300
    stability = random.random(n, dtype=np.float32) * 100
    now = 1_700_000_000_000_000_000
    reviewed_at = now - random.integers(0, 10**17, n)
    flag: dict[str, Any] = {"cancel": None}
    yield Case("decay", {"elapsed": elapsed, "rate": -1 / (stability + 1), **flag})
    days = {"elapsed_days": elapsed, "stability_days": stability, **flag}
    yield Case("retrievability_exponential", days)
    yield Case("retrievability_power", {"elapsed_hours": elapsed, "beta": 0.5, **flag})
    hours = {"elapsed_hours": elapsed, "fast_share": stability / 100, **flag}
    two = {**hours, "fast_hours": 7.0, "slow_hours": 240.0}
    yield Case("retrievability_two_component", two)
    yield Case("retrievability_savings", {"elapsed_minutes": elapsed, **flag})
    reviews = {"now": now, "reviewed_at": reviewed_at, "stability_days": stability, **flag}
    yield Case("retrievability_fsrs", reviews)


def graph_cases(random: np.random.Generator) -> Iterator[Case]:
    n = int(random.integers(2, 400))
    graph = graph_of(n, random_links(random, n, 4 * n), random_links(random, n, n // 2))
    parameters = SpreadParameters(edge_budget=int(random.integers(1, 5 * n)))
    seeds = random.integers(0, n, int(random.integers(1, 9))).astype(np.uint32)
    given = 1 - random.random(len(seeds), dtype=np.float32)
    started = {"graph": graph, "seeds": seeds, "activations": given}
    yield Case("spread", {**started, "parameters": parameters, "cancel": None})
    reached = random_reached(random, n, 4 * n, has_kinds=True, is_fresh=True)
    yield Case("trails", {**reached._asdict(), "ways_max": 8, "edges_max": 3 * n})


def word_cases(random: np.random.Generator) -> Iterator[Case]:
    n = int(random.integers(1, 5000))
    shares = random.random(int(random.integers(1, 90))) ** 4
    columns = random_columns(random, n, shares.tolist(), cuts=[n // 2], dead_share=0.1)
    terms = np.arange(len(shares), dtype=np.uint32)
    cue = {"columns": columns, "terms": terms, "repeats": np.ones_like(terms)}
    yield Case("bm25_top_k", {**cue, "k": 10, "cancel": None})
    yield Case("bm25_scores", {**cue, "rows": np.arange(0, n, 7, dtype=np.uint32)})


def fusion_cases(random: np.random.Generator) -> Iterator[Case]:
    parts = random.random((5, int(random.integers(1, 600))), dtype=np.float32)
    weights = random.random(5, dtype=np.float32)
    floors = random.random(3, dtype=np.float32) / 4
    yield Case("score_fuse", {"parts": parts, "weights": weights, "floors": floors, "k": 20})


def sketch_cases(random: np.random.Generator) -> Iterator[Case]:
    counts = random.integers(0, 90, 3).tolist()
    parts = random_parts(random, counts, int(random.integers(1, 400)), masked=True)
    yield Case("top_k_sketches", {"parts": parts, "k": 20, "cancel": None})
    yield Case("bound_sketches", {"part": parts[0], "cancel": None})
    query, rows = random_sketched(random, counts, int(random.integers(1, 400)), masked=True)
    yield Case("top_k_sketched", {"query": query, "parts": rows, "k": 20, "sure": 5})


def record_cases(random: np.random.Generator) -> Iterator[Case]:
    n = int(random.integers(1, 5000))
    columns = columns_of(random, 1 << int(random.integers(0, 12)), n)
    rows = random.integers(0, n + 3, int(random.integers(1, 700))).astype(np.uint32)
    yield Case("gather_records", {"columns": columns, "rows": rows})


def make_cases(zig: KernelBackend) -> list[Case]:
    random = np.random.default_rng(32)
    cases = list(wide_cases(random, zig))
    for _ in range(SIZES):
        cases += [*vector_cases(random, zig), *forgetting_cases(random)]
        cases += [*graph_cases(random), *word_cases(random), *fusion_cases(random)]
        cases += [*sketch_cases(random), *record_cases(random)]
    cancelled = [
        Case(case.kernel, {**case.arguments, "cancel": CancelFlag().set()})
        for case in cases[: len(cases) // SIZES]
        if "cancel" in case.arguments
    ]
    return cases + cancelled


def is_same(own: Any, meant: Any) -> bool:
    """Whether two outcomes are equal to the last bit."""
    if isinstance(meant, EngramError) or isinstance(own, EngramError):
        return type(own) is type(meant) and str(own) == str(meant)
    if isinstance(meant, tuple):
        return len(own) == len(meant) and all(map(is_same, own, meant))
    is_float = isinstance(meant, np.ndarray) and meant.dtype.kind == "f"
    return bool(np.array_equal(own, meant, equal_nan=is_float))


def run_threads(work: Callable[[int, float], None], seconds: float) -> None:
    """Run `work(number, end)` in so many threads; the first error of any is raised here."""
    errors: list[BaseException] = []
    end = time.monotonic() + seconds

    def guarded(number: int) -> None:
        try:
            work(number, end)
        except BaseException as error:  # noqa: BLE001 - raised by the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.fixture
def cases() -> list[Case]:
    return make_cases(ZigBackend())


@pytest.fixture
def smallest_arena() -> Iterator[None]:
    """Give back the size and the policy of before."""
    before = arena_stats()
    configure_arena(size_bytes=4096)
    yield
    configure_arena(size_bytes=before.size_bytes, overflow=before.overflow)


def stats_once_threads_are(alive: int) -> ArenaStats:
    """Python joins a thread a moment before the system has ended it and its arena."""
    deadline = time.monotonic() + 30
    while (stats := arena_stats()).threads_alive > alive and time.monotonic() < deadline:
        pass
    return stats


def test_every_kernel_is_among_the_cases(cases: list[Case]) -> None:
    assert {case.kernel for case in cases} == set(kernel_names())


def test_the_truth_is_that_of_the_reference(cases: list[Case]) -> None:
    """The kernels cannot agree among threads on what is wrong."""
    zig, reference = ZigBackend(), ReferenceBackend()
    for case in cases:
        own, meant = case.outcome(zig), case.outcome(reference)
        if isinstance(meant, EngramError):
            assert is_same(own, meant)
            continue
        longer = Case(case.kernel, {**case.arguments, "k": 10**6})
        deeper = lambda longer=longer: longer.outcome(reference)  # noqa: E731
        assert compare(case.kernel, case.arguments, own, meant, deeper).sentence == ""


def prove_threads(cases: list[Case], policy: str, seconds: float) -> int:
    """Call in threads, arenas resized meanwhile; return how many calls got what one thread got."""
    zig = ZigBackend()
    truth = [case.outcome(zig) for case in cases]
    configure_arena(size_bytes=4096, overflow=policy)
    small = [case.outcome(zig) for case in cases]
    counts = [0] * THREADS

    def work(number: int, end: float) -> None:
        random = np.random.default_rng(number)
        while time.monotonic() < end:
            choice = int(random.integers(len(cases)))
            own = cases[choice].outcome(zig)
            assert is_same(own, small[choice]), f"{cases[choice].kernel} in thread {number}"
            counts[number] += 1
            if number == 0:
                reset_arenas()
                assert arena_stats().threads_alive <= THREADS + 1

    exhausted = [isinstance(outcome, ArenaExhausted) for outcome in small]
    assert any(exhausted) == (policy == "error")
    same = [is_same(a, b) or ended for a, b, ended in zip(small, truth, exhausted, strict=True)]
    assert all(same)
    run_threads(work, seconds)
    return sum(counts)


@pytest.mark.parametrize("policy", ["error", "fallback"])
@pytest.mark.parametrize("seconds", [1, pytest.param(60, marks=pytest.mark.prove)])
@pytest.mark.usefixtures("smallest_arena")
def test_threads_get_what_one_thread_gets(cases: list[Case], policy: str, seconds: int) -> None:
    """Under `error` the same calls are refused; under `fallback` none; no arena is left behind."""
    configure_arena(size_bytes=1 << 20)
    before = arena_stats()
    assert prove_threads(cases, policy, seconds) >= THREADS
    after = stats_once_threads_are(before.threads_alive + 1)
    assert after.overflows > before.overflows
    assert (after.fallback_bytes > before.fallback_bytes) == (policy == "fallback")
    assert after.threads_alive <= before.threads_alive + 1
    assert after.arenas_created - after.arenas_freed <= after.threads_alive
